//go:build !purego

package kernel

func relu256(x []float32) {
	n := len(x) &^ 7
	if n > 0 {
		reluAVX2(&x[0], n)
	}
	reluGeneric(x[n:])
}

func maxPoolFloat256(dst, src []float32, w Window) {
	c, in, out := w.In.C, w.In.W*w.In.C, w.Out.W*w.In.C
	if c < 8 {
		maxPoolGeneric(dst, src, w)
		return
	}
	for y := range w.Out.H {
		maxPool2x2FloatAVX2(&dst[y*out], &src[y*w.SH*in], c, 4*w.SW*c, 4*in, w.Out.W)
	}
}
