package kernel

// genericInt8 has the weights as they came.
type genericInt8 struct {
	*Int8Conv
	weights []int8 // [KH][KW][In.C][Out.C]
}

func packInt8Generic(c *Int8Conv, weights []int8) int8Rows {
	return genericInt8{c, append([]int8(nil), weights...)}
}

func (p genericInt8) row(dst []float32, src []uint8, y int, _ *Workspace) {
	w, out := &p.window, p.window.Out
	var block [64]int32 // channels taken at a time, so that sums need no memory of the caller's
	for x := range out.W {
		x0 := x*w.SW - w.PadLeft
		first, last := max(0, -x0), min(w.KW, w.In.W-x0)
		for o := 0; o < out.C; o += len(block) {
			acc := block[:min(len(block), out.C-o)]
			clear(acc)
			for i := range w.KH {
				sy := y*w.SH - w.PadTop + i
				if sy < 0 || sy >= w.In.H || first >= last {
					continue
				}
				run := src[(sy*w.In.W+x0+first)*w.In.C:][:(last-first)*w.In.C]
				accumulateInt8(acc, run, p.weights[(i*w.KW+first)*w.In.C*out.C+o:], out.C)
			}
			to, scale, bias := dst[x*out.C+o:][:len(acc)], p.scale[o:][:len(acc)], p.bias[o:][:len(acc)]
			for j, sum := range acc {
				to[j] = float32(float32(sum)*scale[j]) + bias[j]
			}
		}
	}
}

// accumulateInt8 adds src[k]*weights[k*stride:] to acc for every k; zeros, which spikes mostly are, are passed over.
func accumulateInt8(acc []int32, src []uint8, weights []int8, stride int) {
	for k, a := range src {
		if a == 0 {
			continue
		}
		row, a := weights[k*stride:][:len(acc)], int32(a)
		for j, v := range row {
			acc[j] += a * int32(v)
		}
	}
}
