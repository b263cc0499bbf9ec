//go:build !purego

package kernel

func nonzero512(counts []uint8) uint64 {
	if len(counts) == 0 {
		return 0
	}
	return nonzeroAVX512(&counts[0], len(counts))
}

func maxPool512(dst, src []uint8, w Window) {
	c, in, out := w.In.C, w.In.W*w.In.C, w.Out.W*w.In.C
	for y := range w.Out.H {
		maxPool2x2AVX512(&dst[y*out], &src[y*w.SH*in], c, w.SW*c, in, w.Out.W)
	}
}
