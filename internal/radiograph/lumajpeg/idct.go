package lumajpeg

import "encoding/binary"

// The inverse cosine transform of 8 samples after Loeffler, Ligtenberg and
// Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications", ICASSP
// 1989, in whole numbers: constants of 13 bits, 2 bits kept between the columns'
// pass and the rows', each pass rounded to nearest. These are the choices of
// libjpeg's accurate transform, which Pillow uses, and so are the answers.
const (
	constBits = 13
	passBits  = 2

	columnShift = constBits - passBits
	columnRound = 1 << (columnShift - 1)
	rowShift    = constBits + passBits + 3
	// rowRound also raises samples from around 0 to around 128.
	rowRound = 1<<(rowShift-1) + 128<<rowShift
)

// Constants of the transform, times 2^13.
const (
	c0298 = 2446  // sqrt2 * (-c1 + c3 + c5 - c7), where ck = cos(k pi/16)
	c0390 = 3196  // sqrt2 * (c3 - c5)
	c0541 = 4433  // sqrt2 * c6
	c0765 = 6270  // sqrt2 * (c2 - c6)
	c0899 = 7373  // sqrt2 * (c3 - c7)
	c1175 = 9633  // sqrt2 * c3
	c1501 = 12299 // sqrt2 * (c1 + c3 - c5 - c7)
	c1847 = 15137 // sqrt2 * (c2 + c6)
	c1961 = 16069 // sqrt2 * (c3 + c5)
	c2053 = 16819 // sqrt2 * (c1 + c3 - c5 + c7)
	c2562 = 20995 // sqrt2 * (c1 + c3)
	c3072 = 25172 // sqrt2 * (c1 + c3 + c5 - c7)
)

// genericTransforms are the transforms by the reduction they make, for any coefficients.
var genericTransforms = [16]transform{1: transform8, 2: transform4, 4: transform2, 8: transform1}

// quickTransforms are those for blocks that are not loud. Where the processor has a faster one
// it gives the same samples.
var quickTransforms = genericTransforms

// columnsUpTo is how many columns from the left hold a coefficient that is not zero,
// by the last one that is in zigzag order.
var columnsUpTo = func() (table [64]int) {
	widest := 0
	for k, place := range zigzag {
		widest = max(widest, int(place&7))
		table[k] = widest + 1
	}
	return table
}()

// inverse8 transforms 8 values, their scale raised by 2^constBits.
func inverse8(s0, s1, s2, s3, s4, s5, s6, s7 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	z := (s2 + s6) * c0541
	t2, t3 := z-s6*c1847, z+s2*c0765
	t0, t1 := (s0+s4)<<constBits, (s0-s4)<<constBits
	e0, e3 = t0+t3, t0-t3
	e1, e2 = t1+t2, t1-t2

	z1, z2 := (s7+s1)*-c0899, (s5+s3)*-c2562
	z3, z4 := s7+s3, s5+s1
	z5 := (z3 + z4) * c1175
	z3, z4 = z5-z3*c1961, z5-z4*c0390
	o3 = s7*c0298 + z1 + z3
	o2 = s5*c2053 + z2 + z4
	o1 = s3*c3072 + z2 + z3
	o0 = s1*c1501 + z1 + z4
	return e0, e1, e2, e3, o0, o1, o2, o3
}

func transform8(dst []byte, stride int, b *block) {
	if b.last == 0 {
		fill8(dst, stride, int32(b.coefficient[0]))
		return
	}
	var work [64]int32
	for x := range columnsUpTo[b.last&63] {
		c := b.coefficient[x&7:][:57]
		e0, e1, e2, e3, o0, o1, o2, o3 := inverse8(int32(c[0]), int32(c[8]), int32(c[16]), int32(c[24]), int32(c[32]), int32(c[40]), int32(c[48]), int32(c[56]))
		w := work[x&7:][:57]
		w[0], w[56] = (e0+o0+columnRound)>>columnShift, (e0-o0+columnRound)>>columnShift
		w[8], w[48] = (e1+o1+columnRound)>>columnShift, (e1-o1+columnRound)>>columnShift
		w[16], w[40] = (e2+o2+columnRound)>>columnShift, (e2-o2+columnRound)>>columnShift
		w[24], w[32] = (e3+o3+columnRound)>>columnShift, (e3-o3+columnRound)>>columnShift
	}
	for y := range 8 {
		w := work[8*y:][:8]
		e0, e1, e2, e3, o0, o1, o2, o3 := inverse8(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
		row := dst[y*stride:][:8]
		row[0], row[7] = clamp((e0+o0+rowRound)>>rowShift), clamp((e0-o0+rowRound)>>rowShift)
		row[1], row[6] = clamp((e1+o1+rowRound)>>rowShift), clamp((e1-o1+rowRound)>>rowShift)
		row[2], row[5] = clamp((e2+o2+rowRound)>>rowShift), clamp((e2-o2+rowRound)>>rowShift)
		row[3], row[4] = clamp((e3+o3+rowRound)>>rowShift), clamp((e3-o3+rowRound)>>rowShift)
	}
}

// clamp takes a sample to a byte.
func clamp(v int32) byte {
	if uint32(v) > 255 {
		v = ^v >> 31
	}
	return byte(v)
}

// fill8 writes the samples of a block that has only a mean.
func fill8(dst []byte, stride int, mean int32) {
	row := uint64(clamp((mean+4)>>3+128)) * 0x01010101_01010101
	for y := range 8 {
		binary.LittleEndian.PutUint64(dst[y*stride:], row)
	}
}

// fill writes size x size samples of a block that has only a mean.
func fill(dst []byte, stride, size int, mean int32) {
	v := clamp((mean+4)>>3 + 128)
	for y := range size {
		row := dst[y*stride:][:size]
		for x := range row {
			row[x] = v
		}
	}
}
