package kernel

// genericFloat32 has the weights as they came.
type genericFloat32 struct {
	*Float32Conv
	weights []float32 // [KH][KW][In.C][Out.C]
}

func packFloat32Generic(c *Float32Conv, weights []float32) float32Rows {
	return genericFloat32{c, append([]float32(nil), weights...)}
}

func (p genericFloat32) row(dst, src []float32, y int, _ *Workspace) {
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
			accumulate(acc, run, p.weights[(i*w.KW+first)*in.C*out.C:])
		}
		for j, b := range p.bias {
			acc[j] += b
		}
	}
}

// accumulate adds src[k]*weights[k][:] to acc for every k in turn. A zero is passed over: it adds nothing, and spikes
// and rectified values mostly are zeros.
func accumulate(acc, src, weights []float32) {
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
