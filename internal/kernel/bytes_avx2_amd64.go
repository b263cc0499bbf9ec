//go:build !purego

package kernel

func nonzero256(counts []uint8) (found uint64) {
	n := len(counts) &^ 31
	if n > 0 {
		found = nonzeroAVX2(&counts[0], n)
	}
	return found + nonzeroGeneric(counts[n:])
}

func maxPool256(dst, src []uint8, w Window) {
	c, in, out := w.In.C, w.In.W*w.In.C, w.Out.W*w.In.C
	if c < 32 {
		maxPoolGeneric(dst, src, w)
		return
	}
	for y := range w.Out.H {
		maxPool2x2AVX2(&dst[y*out], &src[y*w.SH*in], c, w.SW*c, in, w.Out.W)
	}
}
