package kernel

// MaxPool takes the largest of each window of spike counts src [In.H][In.W][C] into dst [Out.H][Out.W][C]. It does not pad.
func (t Tier) MaxPool(dst, src []uint8, w *Window) {
	if w.KH == 2 && w.KW == 2 {
		t.maxPool2x2(dst[:w.Out.Len()], src[:w.In.Len()], *w)
		return
	}
	maxPoolGeneric(dst, src, *w)
}

// MaxPoolFloat32 is MaxPool for values.
func (t Tier) MaxPoolFloat32(dst, src []float32, w *Window) {
	if w.KH == 2 && w.KW == 2 {
		t.maxPoolFloat2x2(dst[:w.Out.Len()], src[:w.In.Len()], *w)
		return
	}
	maxPoolGeneric(dst, src, *w)
}

func maxPoolGeneric[T float32 | uint8](dst, src []T, w Window) {
	c := w.In.C
	for y := range w.Out.H {
		for x := range w.Out.W {
			to := dst[(y*w.Out.W+x)*c:][:c]
			for i := range w.KH {
				for j := range w.KW {
					from := src[((y*w.SH+i)*w.In.W+x*w.SW+j)*c:][:c]
					if i == 0 && j == 0 {
						copy(to, from)
						continue
					}
					for k, v := range from {
						to[k] = max(to[k], v)
					}
				}
			}
		}
	}
}

// AveragePool takes the mean of each window, summed row by row and then divided. It does not pad.
func AveragePool(dst, src []float32, w *Window) {
	c, n := w.In.C, float32(w.KH*w.KW)
	for y := range w.Out.H {
		for x := range w.Out.W {
			to := dst[(y*w.Out.W+x)*c:][:c]
			clear(to)
			for i := range w.KH {
				for j := range w.KW {
					for k, v := range src[((y*w.SH+i)*w.In.W+x*w.SW+j)*c:][:c] {
						to[k] += v
					}
				}
			}
			for k := range to {
				to[k] /= n
			}
		}
	}
}

// ReLU sets what is not above zero to zero, NaN included, in place.
func (t Tier) ReLU(x []float32) { t.relu(x) }

func reluGeneric(x []float32) {
	for i, v := range x {
		if !(v > 0) {
			x[i] = 0
		}
	}
}
