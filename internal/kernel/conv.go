package kernel

// Conv2D convolves src [In.H][In.W][In.C] with weights [KH][KW][In.C][Out.C] (cross-correlation, Keras's layout) into
// dst [Out.H][Out.W][Out.C]. Each output is the sum of its products in the order of the weights, from zero, and then the
// bias, if there is one. An input of zero is passed over: it adds nothing, and spikes are mostly zeros.
func Conv2D(dst, src, weights, bias []float32, w *Window) {
	in, out := w.In, w.Out
	for y := range out.H {
		for x := range out.W {
			acc := dst[(y*out.W+x)*out.C:][:out.C]
			clear(acc)
			for i := range w.KH {
				sy := y*w.SH - w.PadTop + i
				if sy < 0 || sy >= in.H {
					continue
				}
				x0 := x*w.SW - w.PadLeft
				first, last := max(0, -x0), min(w.KW, in.W-x0)
				if first >= last {
					continue
				}
				run := src[(sy*in.W+x0+first)*in.C:][:(last-first)*in.C]
				accumulate(acc, run, weights[(i*w.KW+first)*in.C*out.C:])
			}
			addBias(acc, bias)
		}
	}
}

// Dense multiplies src [in] by weights [in][out] into dst [out], summed as Conv2D sums.
func Dense(dst, src, weights, bias []float32) {
	clear(dst)
	accumulate(dst, src, weights)
	addBias(dst, bias)
}

func addBias(acc, bias []float32) {
	if bias == nil {
		return
	}
	for j, b := range bias[:len(acc)] {
		acc[j] += b
	}
}
