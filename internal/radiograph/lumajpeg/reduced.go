package lumajpeg

import "github.com/spikeray/spikeray/internal/dct"

// A reduced block is made of the means of its squares of samples, straight from
// the coefficients. The mean of two neighbours of the 8-sample transform
//
//	x(n) = sum over k of a(k) X(k) cos((2n+1) k pi/16)
//
// is, with m = n/2 and since cos p + cos q = 2 cos((p+q)/2) cos((p-q)/2),
//
//	y(m) = sum over k of a(k) X(k) cos(k pi/16) cos((2m+1) k pi/8)
//
// a transform of 4 samples, in which k and 8-k share a cosine but for the sign and
// k = 4 drops out. Once more gives one of 2 samples, left with the odd k. A mean in
// this sense is the one before samples are rounded and cut to 0 and 255.

// Shares of the coefficients in the outer and the inner samples of four, times 2^13:
// sqrt2 * cos(k pi/16) * cos((2m+1) k pi/8), m = 0 and 1.
const (
	outer1, inner1 = 10498, 4348
	outer2         = 7568
	outer3, inner3 = 3686, 8900
	outer5, inner5 = 2463, 5946
	outer6         = 3135
	outer7, inner7 = 2088, 865
)

// Shares in the two samples of two: sqrt2 * cos(k pi/16) * cos(k pi/8) * cos(k pi/4).
const (
	pair1 = 7423
	pair3 = 2607
	pair5 = 1742
	pair7 = 1477
)

// inverse4 is the transform of 8 values to 4, their scale raised by 2^constBits.
func inverse4(s0, s1, s2, s3, s5, s6, s7 int32) (e0, e1, o0, o1 int32) {
	mean, t := s0<<constBits, s2*outer2-s6*outer6
	o0 = s1*outer1 + s3*outer3 - s5*outer5 - s7*outer7
	o1 = s1*inner1 - s3*inner3 + s5*inner5 - s7*inner7
	return mean + t, mean - t, o0, o1
}

func transform4(dst []byte, stride int, b *block) {
	if b.last == 0 {
		fill(dst, stride, 4, int32(b.coefficient[0]))
		return
	}
	var work [32]int32
	for x := range dct.ColumnsUpTo[b.last&63] {
		c := b.coefficient[x&7:][:57]
		e0, e1, o0, o1 := inverse4(int32(c[0]), int32(c[8]), int32(c[16]), int32(c[24]), int32(c[40]), int32(c[48]), int32(c[56]))
		w := work[x&7:][:25]
		w[0], w[24] = (e0+o0+columnRound)>>columnShift, (e0-o0+columnRound)>>columnShift
		w[8], w[16] = (e1+o1+columnRound)>>columnShift, (e1-o1+columnRound)>>columnShift
	}
	for y := range 4 {
		w := work[8*y:][:8]
		e0, e1, o0, o1 := inverse4(w[0], w[1], w[2], w[3], w[5], w[6], w[7])
		row := dst[y*stride:][:4]
		row[0], row[3] = clamp((e0+o0+rowRound)>>rowShift), clamp((e0-o0+rowRound)>>rowShift)
		row[1], row[2] = clamp((e1+o1+rowRound)>>rowShift), clamp((e1-o1+rowRound)>>rowShift)
	}
}

func transform2(dst []byte, stride int, b *block) {
	if b.last == 0 {
		fill(dst, stride, 2, int32(b.coefficient[0]))
		return
	}
	c := &b.coefficient
	var upper, lower [8]int32
	for x := 0; x < dct.ColumnsUpTo[b.last&63]; x += 1 + x&1 {
		mean := int32(c[x&7]) << constBits
		o := int32(c[8+x&7])*pair1 - int32(c[24+x&7])*pair3 + int32(c[40+x&7])*pair5 - int32(c[56+x&7])*pair7
		upper[x&7], lower[x&7] = (mean+o+columnRound)>>columnShift, (mean-o+columnRound)>>columnShift
	}
	for y, w := range [2]*[8]int32{&upper, &lower} {
		mean := w[0] << constBits
		o := w[1]*pair1 - w[3]*pair3 + w[5]*pair5 - w[7]*pair7
		row := dst[y*stride:][:2]
		row[0], row[1] = clamp((mean+o+rowRound)>>rowShift), clamp((mean-o+rowRound)>>rowShift)
	}
}

func transform1(dst []byte, _ int, b *block) {
	dst[0] = clamp((int32(b.coefficient[0])+4)>>3 + 128)
}
