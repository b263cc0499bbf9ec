package jpeg

// The inverse cosine transform of 8 samples after Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with
// 11 multiplications", ICASSP 1989, in whole numbers: constants of 13 bits, columns first, each pass rounded to nearest.
// Between the passes 2 more bits are kept of samples of 8 bits, and 1 of samples of 12. These are the choices of libjpeg's
// accurate transform, so that the samples are the same.
const constBits = 13

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

// transform makes samples of coefficients.
type transform struct {
	most                     int // the largest sample
	columnShift, columnRound int
	rowShift, rowRound       int
}

func newTransform(bits int) transform {
	kept := 2
	if bits == 12 {
		kept = 1
	}
	t := transform{most: 1<<bits - 1, columnShift: constBits - kept, rowShift: constBits + kept + 3}
	t.columnRound = 1 << (t.columnShift - 1)
	// Samples are coded around 0, and lie around the middle of their range.
	t.rowRound = 1<<(t.rowShift-1) + 1<<(bits-1)<<t.rowShift
	return t
}

// inverse8 transforms 8 values, their scale raised by 2^constBits.
func inverse8(s0, s1, s2, s3, s4, s5, s6, s7 int) (e0, e1, e2, e3, o0, o1, o2, o3 int) {
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

// columnsUpTo is how many columns from the left hold a coefficient that is not zero, by the last one in the stream.
var columnsUpTo = func() (table [64]int) {
	widest := 0
	for k := range table {
		widest = max(widest, int(zigzag[k]&7))
		table[k] = widest + 1
	}
	return table
}()

// block writes the samples of a block at x and y of a component, those that lie within its size.
func (t *transform) block(b *block, to target, x, y, width, height int) {
	if x >= width || y >= height {
		return
	}
	wide, high := min(8, width-x), min(8, height-y)
	if b.last == 0 {
		// What both passes make of a mean alone.
		kept := constBits - t.columnShift
		v := t.clamp((int(b.coefficient[0])<<kept<<constBits + t.rowRound) >> t.rowShift)
		for i := range high {
			row := to.samples[(y+i)*to.stride+x*to.step:]
			for j := range wide {
				row[j*to.step] = v
			}
		}
		return
	}
	var work [64]int
	for i := range columnsUpTo[b.last&63] {
		c, w := b.coefficient[i&7:][:57], work[i&7:][:57]
		e0, e1, e2, e3, o0, o1, o2, o3 := inverse8(
			int(c[0]), int(c[8]), int(c[16]), int(c[24]), int(c[32]), int(c[40]), int(c[48]), int(c[56]))
		round, shift := t.columnRound, uint(t.columnShift)&63
		w[0], w[56] = (e0+o0+round)>>shift, (e0-o0+round)>>shift
		w[8], w[48] = (e1+o1+round)>>shift, (e1-o1+round)>>shift
		w[16], w[40] = (e2+o2+round)>>shift, (e2-o2+round)>>shift
		w[24], w[32] = (e3+o3+round)>>shift, (e3-o3+round)>>shift
	}
	for i := range high {
		w := work[8*i:][:8]
		e0, e1, e2, e3, o0, o1, o2, o3 := inverse8(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
		round, shift := t.rowRound, uint(t.rowShift)&63
		samples := [8]uint16{
			t.clamp((e0 + o0 + round) >> shift), t.clamp((e1 + o1 + round) >> shift),
			t.clamp((e2 + o2 + round) >> shift), t.clamp((e3 + o3 + round) >> shift),
			t.clamp((e3 - o3 + round) >> shift), t.clamp((e2 - o2 + round) >> shift),
			t.clamp((e1 - o1 + round) >> shift), t.clamp((e0 - o0 + round) >> shift),
		}
		row := to.samples[(y+i)*to.stride+x*to.step:]
		if to.step == 1 {
			copy(row, samples[:wide])
			continue
		}
		for j, v := range samples[:wide] {
			row[j*to.step] = v
		}
	}
}

func (t *transform) clamp(v int) uint16 { return uint16(max(0, min(v, t.most))) }
