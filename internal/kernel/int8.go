package kernel

import "fmt"

// maxTaps is how many products a sum may have so that it cannot leave int32: taps*255*128 < 2^31.
const maxTaps = (1<<31 - 1) / (255 * 128)

// Int8Conv is a convolution of whole numbers: counts (or pixels) of uint8 with weights of int8, summed exactly in
// int32. An output is float32(sum)*scale + bias, the product rounded to float32 and then the sum, so it has the same
// bits on every tier. It is built once, for a tier, and may be used by many goroutines at a time.
type Int8Conv struct {
	window      Window
	scale, bias []float32 // [Out.C]
	cover       fans
	rows        int8Rows
}

// fans are of the rows and of the columns of an input how many windows read them.
type fans struct{ rows, columns []int }

// int8Rows is an Int8Conv's weights as a tier wants them, and the tier's way to row y of the outputs, dst [Out.W][Out.C].
type int8Rows interface {
	row(dst []float32, src []uint8, y int, ws *Workspace)
}

// int8Sparse is an int8Rows that can leave channels out.
type int8Sparse interface {
	withoutSilent(src []uint8, ws *Workspace) (*Int8Conv, []uint8)
}

// NewInt8Conv packs the weights [KH][KW][In.C][Out.C] of a convolution with a scale and a bias for each output channel
// (bias nil: zeros); all are copied. An error, which wraps ErrLayer, says that the sizes do not fit the window, or that
// there are so many products to a sum that it could leave int32.
func (t Tier) NewInt8Conv(w Window, weights []int8, scale, bias []float32) (*Int8Conv, error) {
	if taps := w.KH * w.KW * w.In.C; taps > maxTaps {
		return nil, fmt.Errorf("%w: %d products to a sum, at most %d cannot overflow", ErrLayer, taps, maxTaps)
	} else if taps <= 0 || w.Out.C <= 0 || len(weights) != taps*w.Out.C {
		return nil, fmt.Errorf("%w: %d weights for %d products and %d channels", ErrLayer, len(weights), taps, w.Out.C)
	}
	if len(scale) != w.Out.C || bias != nil && len(bias) != w.Out.C {
		return nil, fmt.Errorf("%w: %d scales and %d biases for %d channels", ErrLayer, len(scale), len(bias), w.Out.C)
	}
	c := &Int8Conv{window: w, scale: append([]float32(nil), scale...), bias: make([]float32, w.Out.C)}
	copy(c.bias, bias)
	c.cover.rows, c.cover.columns = w.Cover()
	c.rows = t.packInt8(c, weights)
	return c, nil
}

// Window is how the convolution lies over its input.
func (c *Int8Conv) Window() Window { return c.window }

// Row computes row y of the output, dst [Out.W][Out.C], from the whole input src [In.H][In.W][In.C]. The workspace is
// the caller's, for one goroutine at a time.
func (c *Int8Conv) Row(dst []float32, src []uint8, y int, ws *Workspace) {
	c.rows.row(dst[:c.window.Out.W*c.window.Out.C], src[:c.window.In.Len()], y, ws)
}

// WithoutSilent gives, for a whole input src, the same convolution without the input channels that are zero in all of
// src, and src without them; some outputs may also be computed without channels that are zero under their windows. They have the same bits
// for less work, and the less the fewer neurons spike. Where a tier cannot do so, or it would not pay, they are c and src themselves.
// Otherwise they lie in the workspace until its next WithoutSilent, and belong together: rows of any other input would be wrong.
func (c *Int8Conv) WithoutSilent(src []uint8, ws *Workspace) (*Int8Conv, []uint8) {
	if s, ok := c.rows.(int8Sparse); ok {
		return s.withoutSilent(src[:c.window.In.Len()], ws)
	}
	return c, src
}
