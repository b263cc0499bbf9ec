package kernel

// Shape is the size of a feature map [H][W][C].
type Shape struct{ H, W, C int }

// Len is the number of elements of a map.
func (s Shape) Len() int { return s.H * s.W * s.C }

// Window is how a convolution or a pooling slides over its input.
type Window struct {
	KH, KW int // size of the window
	SH, SW int // stride
	Same   bool
	In     Shape
	Out    Shape // C is set by the layer
	// PadTop and PadLeft are the rows and columns of zeros before the picture; as many or one more follow it.
	PadTop, PadLeft int
}

// NewWindow lays a window over a map; the output has channels c. Without padding, rows and columns that do not fill a
// window are left out. With it ("same"), the output has ceil(size/stride) rows and columns, and an odd row or column
// of padding goes below and to the right, as TensorFlow has it. It reports false when no window fits.
func NewWindow(in Shape, kh, kw, sh, sw int, same bool, c int) (Window, bool) {
	w := Window{KH: kh, KW: kw, SH: sh, SW: sw, Same: same, In: in}
	if same {
		w.Out = Shape{(in.H + sh - 1) / sh, (in.W + sw - 1) / sw, c}
		w.PadTop = max((w.Out.H-1)*sh+kh-in.H, 0) / 2
		w.PadLeft = max((w.Out.W-1)*sw+kw-in.W, 0) / 2
		return w, true
	}
	if in.H < kh || in.W < kw {
		return w, false
	}
	w.Out = Shape{(in.H-kh)/sh + 1, (in.W-kw)/sw + 1, c}
	return w, true
}

// Cover counts, for each row and each column of the input, the windows that read it: the fan-out of an input element
// is Cover's row count times its column count times the output channels.
func (w Window) Cover() (rows, cols []int) {
	return cover(w.In.H, w.Out.H, w.KH, w.SH, w.PadTop), cover(w.In.W, w.Out.W, w.KW, w.SW, w.PadLeft)
}

func cover(in, out, k, stride, pad int) []int {
	n := make([]int, in)
	for o := range out {
		for i := range k {
			if at := o*stride - pad + i; at >= 0 && at < in {
				n[at]++
			}
		}
	}
	return n
}
