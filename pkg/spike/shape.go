package spike

import (
	"fmt"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Shape is the size of a feature map [H][W][C], C fastest.
type Shape struct{ H, W, C int }

// Len is the number of elements of a map.
func (s Shape) Len() int { return s.H * s.W * s.C }

// Window is how a convolution or a pooling slides over its input.
type Window struct {
	KH, KW  int // size of the window
	SH, SW  int // stride
	In, Out Shape
	// PadTop and PadLeft are the rows and columns of zeros before the map; as many or one more follow it. They are 0 but
	// for the padding "same".
	PadTop, PadLeft int
}

// Cover counts, for each row and each column of the input, the windows that read it: the fan-out of an input element
// is Cover's row count times its column count times the output channels.
func (w Window) Cover() (rows, cols []int) {
	return kernel.Window{KH: w.KH, KW: w.KW, SH: w.SH, SW: w.SW, In: kernel.Shape(w.In), Out: kernel.Shape(w.Out), PadTop: w.PadTop, PadLeft: w.PadLeft}.Cover()
}

// exported is the kernel's window as users have it.
func exported(w kernel.Window, err error) (Window, error) {
	return Window{KH: w.KH, KW: w.KW, SH: w.SH, SW: w.SW, In: Shape(w.In), Out: Shape(w.Out), PadTop: w.PadTop, PadLeft: w.PadLeft}, err
}

// Window lays the convolution over a map of shape in.
func (l *Conv2D) Window(in Shape) (Window, error) { return exported(l.window(in)) }

// Window lays the pooling over a map of shape in.
func (l *MaxPool2D) Window(in Shape) (Window, error) { return exported(l.window(in)) }

func (l *Conv2D) window(in Shape) (kernel.Window, error) {
	return window(in, l.Kernel, l.Stride, l.Same, l.Channels)
}

func (l *MaxPool2D) window(in Shape) (kernel.Window, error) {
	return window(in, l.Pool, l.Stride, false, in.C)
}

// window lays a window of that size over a map; the output has channels c.
func window(in Shape, size, stride [2]int, same bool, c int) (kernel.Window, error) {
	if min(size[0], size[1], stride[0], stride[1], c) < 1 {
		return kernel.Window{}, fmt.Errorf("window %v, stride %v and channels %d must be at least 1", size, stride, c)
	}
	w, ok := kernel.NewWindow(kernel.Shape(in), size[0], size[1], stride[0], stride[1], same, c)
	if !ok {
		return w, fmt.Errorf("a window of %dx%d does not fit a map of %dx%d", size[0], size[1], in.H, in.W)
	}
	return w, nil
}
