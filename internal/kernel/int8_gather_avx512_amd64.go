//go:build !purego

package kernel

// gatherer gathers the inputs of several pixels at a time: a chunk of each kernel row's line in one register, out of
// which every two pixels take theirs.
type gatherer struct {
	chunk  int // bytes of a line
	pixels int // of a chunk, an even number
	masks  []uint64
	order  []uint8 // [pair][64]
}

// newGatherer is nil for a layer whose kernels do not fit gatherStride as gather8 copies them, or where two pixels' lines
// do not fit a chunk.
func newGatherer(w *Window) *gatherer {
	run, step := w.KW*w.In.C, w.SW*w.In.C
	g := &gatherer{chunk: 64 / w.KH}
	if !hasBytes || (w.KH-1)*run+gatherStep > gatherStride || g.chunk < run+step {
		return nil
	}
	g.pixels = ((g.chunk-run)/step + 1) &^ 1
	for i := range w.KH {
		g.masks = append(g.masks, (1<<g.chunk-1)<<(i*g.chunk))
	}
	g.order = make([]uint8, g.pixels*gatherStride)
	for p := range g.pixels {
		for j := range w.KH * run {
			g.order[p*gatherStride+j] = uint8(j/run*g.chunk + p*step + j%run)
		}
	}
	return g
}

// gatherStride is how far apart a gatherer puts the inputs of pixels.
const gatherStride = 32

// gather does as many of the row's first pixels as it can without reading beyond src, and returns how many.
func (g *gatherer) gather(dst []uint8, v int8View, w *Window) int {
	advance := g.pixels * w.SW * w.In.C
	last := len(v.src) - (w.KH-1)*v.rowStride - g.chunk // where the last block may begin
	if last < 0 {
		return 0
	}
	blocks := min(last/advance+1, w.Out.W/g.pixels)
	if blocks > 0 {
		gatherAVX512(&dst[0], &v.src[0], v.rowStride, g.chunk, &g.masks[0], w.KH, &g.order[0], g.pixels/2, advance, blocks)
	}
	return blocks * g.pixels
}
