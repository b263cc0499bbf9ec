//go:build !purego

package kernel

// float32View is how a tier walks over the inputs of a Float32Conv: a kernel's rows, each a run of elements, for every
// pixel.
type float32View struct {
	rows, run, pixelStride int
}

func newFloat32View(w *Window) float32View {
	return float32View{rows: w.KH, run: w.KW * w.In.C, pixelStride: w.SW * w.In.C}
}

// open finds the input of row y of the outputs, and the distance of its rows: in src, or copied with zeros around it.
// No more is read than lies under the windows.
func (v *float32View) open(w *Window, src []float32, y int, ws *Workspace) (from []float32, rowStride int) {
	top, line := y*w.SH-w.PadTop, w.In.W*w.In.C
	span := ((w.Out.W-1)*w.SW + w.KW) * w.In.C
	if w.PadLeft == 0 && span <= line && top >= 0 && top+w.KH <= w.In.H {
		return src[top*line:][:(w.KH-1)*line+span], line
	}
	copied := scratch(&ws.floats, w.KH*span)
	for i := range w.KH {
		paddedLine(w, copied[i*span:][:span], src, top+i)
	}
	return copied, span
}

// pack lays channels of weights [KH][KW][In.C][Out.C] out as [row][input][width].
func (v *float32View) pack(weights []float32, first, channels, width int) []float32 {
	packed := aligned[float32](v.rows * v.run * width)
	out := len(weights) / (v.rows * v.run)
	for k := range v.rows * v.run {
		copy(packed[k*width:], weights[k*out+first:][:channels])
	}
	return packed
}

// packNarrow lays channels out as [row][group][width][16], zeros in a row's last group.
func (v *float32View) packNarrow(weights []float32, first, channels, width int) []float32 {
	groups := (v.run + 15) / 16
	packed := aligned[float32](v.rows * groups * width * 16)
	out := len(weights) / (v.rows * v.run)
	for r := range v.rows {
		for k := range v.run {
			to := packed[(r*groups+k/16)*width*16+k%16:]
			for j, value := range weights[(r*v.run+k)*out+first:][:channels] {
				to[j*16] = value
			}
		}
	}
	return packed
}
