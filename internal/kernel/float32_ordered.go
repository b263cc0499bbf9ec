package kernel

import "slices"

// orderedFloat32 rounds each product and adds them in the order of the weights, which it has as they came.
type orderedFloat32 struct {
	*Float32Conv
	weights    []float32 // [KH][KW][In.C][Out.C]
	accumulate accumulation
}

// accumulation adds src[k]*weights[k][:], rounded, to acc for every k in turn. It may pass over zeros or not: acc was +0 at first, and a sum that
// began there never becomes -0, so that to add a zero changes nothing. An infinite weight times zero would be no number; who does not pass over
// zeros is given none.
type accumulation func(acc, src, weights []float32)

func packFloat32Generic(c *Float32Conv, weights []float32) float32Rows {
	return orderedFloat32{c, append([]float32(nil), weights...), accumulateGeneric}
}

// NewOrderedFloat32Conv is NewFloat32Conv with the bits of plain Go on every tier, but for those of what is not a number. Plain Go does it where a
// weight is not finite.
func (t Tier) NewOrderedFloat32Conv(w Window, weights, bias []float32) (*Float32Conv, error) {
	c, err := Generic().NewFloat32Conv(w, weights, bias)
	if err != nil {
		return nil, err
	}
	isFinite := func(v float32) bool { return v-v == 0 }
	if rows := c.rows.(orderedFloat32); !slices.ContainsFunc(weights, func(v float32) bool { return !isFinite(v) }) {
		rows.accumulate = t.accumulate
		c.rows = rows
	}
	return c, nil
}

func (p orderedFloat32) row(dst, src []float32, y int, _ *Workspace) {
	w, in, out := &p.window, p.window.In, p.window.Out
	for x := range out.W {
		acc := dst[x*out.C:][:out.C]
		clear(acc)
		x0 := x*w.SW - w.PadLeft
		first, last := max(0, -x0), min(w.KW, in.W-x0)
		for i := range w.KH {
			sy := y*w.SH - w.PadTop + i
			if sy < 0 || sy >= in.H || first >= last {
				continue
			}
			run := src[(sy*in.W+x0+first)*in.C:][:(last-first)*in.C]
			p.accumulate(acc, run, p.weights[(i*w.KW+first)*in.C*out.C:])
		}
		for j, b := range p.bias {
			acc[j] += b
		}
	}
}

// accumulateGeneric passes over a zero: it adds nothing, and spikes and rectified values mostly are zeros.
func accumulateGeneric(acc, src, weights []float32) {
	n := len(acc)
	for k, a := range src {
		if a == 0 {
			continue
		}
		row := weights[k*n:][:n]
		for j, v := range row {
			acc[j] += float32(a * v)
		}
	}
}
