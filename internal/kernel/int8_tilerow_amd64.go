//go:build !purego

package kernel

// tileHalves is the way of a tileConv to one row of outputs of one map, the two halves of which the assembly takes as two maps.
type tileHalves struct {
	*tileConv
	inputs          int8Layout // in groups of 64
	inPlace, copied []int      // offsets of the kernel's rows
	run             tileRun    // of the first half
	last2           int
	configs         []*[64]uint8 // of the blocks
}

// newTileHalves is nil for short rows, which would fill little of two tiles.
func newTileHalves(t *tileConv) *tileHalves {
	if t == nil || t.conv.window.Out.W < 16 {
		return nil
	}
	w := &t.conv.window
	across := (w.Out.W + 31) / 32
	each := (w.Out.W + 2*across - 1) / (2 * across)
	h := &tileHalves{tileConv: t, run: tileRun{across, each, each}, last2: w.Out.W - (2*across-1)*each}
	if h.last2 < 0 {
		return nil
	}
	line, run := w.KW*w.In.C, w.SW*w.In.C
	h.inputs = int8Layout{
		rows: w.KH, groups: t.layout.groups, group: 64, run: line, pixelStride: run,
		slack: (2*across*each-w.Out.W)*run + 64*t.layout.groups - line,
	}
	for i := range w.KH {
		h.inPlace = append(h.inPlace, i*w.In.W*w.In.C)
		h.copied = append(h.copied, i*((w.Out.W-1)*w.SW+w.KW)*w.In.C)
	}
	for _, b := range t.blocks {
		h.configs = append(h.configs, tileConfig(b.tiles, each))
	}
	return h
}

func (h *tileHalves) row(dst []float32, src []uint8, y int, ws *Workspace) {
	w, run := &h.conv.window, &h.run
	v := h.inputs.open(w, src, y, ws)
	offsets := h.inPlace
	if v.rowStride != w.In.W*w.In.C {
		offsets = h.copied
	}
	_ = v.src[(w.KH-1)*v.rowStride+(2*run.across*run.each-1)*h.inputs.pixelStride+64*h.inputs.groups-1]
	if ws.sums == nil {
		ws.sums = aligned[int32](6 * 256)
	}
	first := run.across * run.each
	_ = dst[w.Out.W*w.Out.C-1]
	for j := range h.blocks {
		b := &h.blocks[j]
		tileRows[b.tiles](&dst[b.first], &dst[first*w.Out.C+b.first], 4*w.Out.C, 0, &v.src[0], first*h.inputs.pixelStride, h.inputs.pixelStride, run.each*h.inputs.pixelStride, 0, &offsets[0],
			&b.weights[0], w.KH, h.inputs.groups, 1, run.across, run.each, run.last, h.last2, &b.scale[0], &b.bias[0], b.tail, &h.configs[j][0], &ws.sums[0])
	}
}
