//go:build !purego

package kernel

func byteSum256(counts []uint8) (sum uint64) {
	n := len(counts) &^ 31
	if n > 0 {
		sum = byteSumAVX2(&counts[0], n)
	}
	return sum + byteSumPlain(counts[n:])
}

func maxPool256(dst, src []uint8, w Window) {
	c, in, out := w.In.C, w.In.W*w.In.C, w.Out.W*w.In.C
	if c < 32 {
		maxPoolPlain(dst, src, w)
		return
	}
	for y := range w.Out.H {
		maxPool2x2AVX2(&dst[y*out], &src[y*w.SH*in], c, w.SW*c, in, w.Out.W)
	}
}
