package kernel

// MaxPool takes the largest of each window of src [In.H][In.W][C] into dst [Out.H][Out.W][C], for values and for spike
// counts alike. It does not pad.
func MaxPool[T float32 | uint8](dst, src []T, w *Window) {
	if t := current.Load(); w.KH == 2 && w.KW == 2 {
		dst, src := any(dst[:w.Out.Len()]), any(src[:w.In.Len()])
		switch src := src.(type) {
		case []uint8:
			t.maxPool2x2(dst.([]uint8), src, *w)
		case []float32:
			t.maxPoolFloat2x2(dst.([]float32), src, *w)
		}
		return
	}
	maxPoolPlain(dst, src, *w)
}

func maxPoolPlain[T float32 | uint8](dst, src []T, w Window) {
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
func ReLU(x []float32) { current.Load().relu(x) }

func reluPlain(x []float32) {
	for i, v := range x {
		if !(v > 0) {
			x[i] = 0
		}
	}
}
