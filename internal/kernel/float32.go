package kernel

import "fmt"

// Float32Conv is a convolution in float32 (cross-correlation, Keras's layout). Each output is the sum of its products
// and then the bias. Plain Go rounds each product and adds them in the order of the weights, and so does every tier where
// [Tier.NewOrderedFloat32Conv] made it. Otherwise other tiers may round only
// once for both (FMA) and add in another order, so an output is within
//
//	2 n 2^-24 (|b| + sum |x w|)
//
// of that of plain Go, for n products to a sum. It is built once, for a tier, and may be used by many goroutines at a time.
type Float32Conv struct {
	window Window
	bias   []float32 // [Out.C]
	rows   float32Rows
}

// float32Rows is int8Rows for a Float32Conv.
type float32Rows interface {
	row(dst, src []float32, y int, ws *Workspace)
}

// NewFloat32Conv packs the weights [KH][KW][In.C][Out.C] of a convolution and the biases [Out.C] (nil: zeros); all are
// copied. An error, which wraps ErrLayer, says that the sizes do not fit the window.
func (t Tier) NewFloat32Conv(w Window, weights, bias []float32) (*Float32Conv, error) {
	if taps := w.KH * w.KW * w.In.C; taps <= 0 || w.Out.C <= 0 || len(weights) != taps*w.Out.C {
		return nil, fmt.Errorf("%w: %d weights for %d products and %d channels", ErrLayer, len(weights), taps, w.Out.C)
	}
	if bias != nil && len(bias) != w.Out.C {
		return nil, fmt.Errorf("%w: %d biases for %d channels", ErrLayer, len(bias), w.Out.C)
	}
	c := &Float32Conv{window: w, bias: make([]float32, w.Out.C)}
	copy(c.bias, bias)
	c.rows = t.packFloat32(c, weights)
	return c, nil
}

// Window is how the convolution lies over its input.
func (c *Float32Conv) Window() Window { return c.window }

// Row computes row y of the output, dst [Out.W][Out.C], from the whole input src [In.H][In.W][In.C]. The workspace is
// the caller's, for one goroutine at a time.
func (c *Float32Conv) Row(dst, src []float32, y int, ws *Workspace) {
	c.rows.row(dst[:c.window.Out.W*c.window.Out.C], src[:c.window.In.Len()], y, ws)
}
