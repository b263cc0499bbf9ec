//go:build !purego

package kernel

import "math"

// tileConv is a convolution for TDPBUSD: tiles of 16 positions by 16 channels, from 64 inputs at a time.
type tileConv struct {
	conv   *Int8Conv
	blocks []tileBlock
	layout tileLayout
}

// tileBlock is two or three tiles of channels.
type tileBlock struct {
	first, tiles int // channels, and tiles of them
	tail         uint32
	weights      []int8    // [KH][group][tile][16][16][4]
	scale, bias  []float32 // [tile][16]
	row, whole   *[64]uint8
}

// tileLayout is how the inputs are copied. Where rows of outputs are long, the copy is the map with the zeros around it, and the tiles of
// a row begin at its first position. Short rows would leave most of a tile unused, so there each position has its windows'
// rows one after the other, and a tile goes over the ends of rows; the lines that a row of windows reads lie together with those that the
// rows of windows before it read first, of which there are SH in turn.
type tileLayout struct {
	flat        bool
	groups      int // of 64 bytes of a kernel row
	pixelStride int // from position to position
	line        int // bytes of the copy for a line of the input
	lines       int // of the input, from PadTop above it on
	turn        int // lines from one of the SH to the next, if flat
	rowStride   int // from a row of outputs to the next
	offsets     []int
	size        int // bytes of the copy, and what is read beyond it
	row, whole  tileRun
}

// tileRun is how positions are divided into tiles: so many tiles of so many each, but for the last.
type tileRun struct{ across, each, last int }

func newTileRun(positions int) tileRun {
	across := (positions + 15) / 16
	each := (positions + across - 1) / across
	return tileRun{across, each, positions - (across-1)*each}
}

// tileFunctions are the assembly by its tiles of channels.
var (
	tileRows  = [...]tileRow{2: tilesRow2, 3: tilesRow3}
	tileFires = [...]tileFire{2: tilesFire2, 3: tilesFire3}
)

type tileRow func(dst, dst2 *float32, dstPixel, dstRow int, src *uint8, second, pixelStride, tileStride, rowStride int, offsets *int, weights *int8, kernelRows, groups, rows, across, each, last, last2 int, scale, bias *float32, tail uint32, config *uint8, sums *int32)

type tileFire func(dst, dst2 *uint8, dstPixel, dstRow int, src *uint8, second, pixelStride, tileStride, rowStride int, offsets *int, weights *int8, kernelRows, groups, rows, across, each, last, last2 int, scale, bias *float32, tail uint32, config *uint8, sums *int32, start, most float32) uint64

// newTileConv is nil for layers of few inputs, channels or positions, which would fill little of a tile.
func newTileConv(c *Int8Conv, weights []int8) *tileConv {
	w := &c.window
	if w.KW*w.In.C < 48 || w.Out.C <= 16 || w.Out.H*w.Out.W < 16 {
		return nil
	}
	t := &tileConv{conv: c, layout: newTileLayout(w)}
	tiles := (w.Out.C + 15) / 16
	for first := 0; tiles > 0; {
		n := min(tiles, 3)
		if tiles == 4 { // none is left alone
			n = 2
		}
		t.blocks = append(t.blocks, t.block(first, n, weights))
		first, tiles = first+16*n, tiles-n
	}
	return t
}

func newTileLayout(w *Window) tileLayout {
	run := w.KW * w.In.C
	l := tileLayout{groups: (run + 63) / 64, lines: (w.Out.H-1)*w.SH + w.KH, row: newTileRun(w.Out.W), offsets: make([]int, w.KH)}
	l.whole = l.row
	if l.flat = w.Out.W < 16 && w.Out.H > 1; l.flat {
		l.whole = newTileRun(w.Out.H * w.Out.W)
		l.pixelStride = 64 * l.groups
		l.line = w.Out.W * l.pixelStride
		l.turn = (l.lines + w.SH - 1) / w.SH
		l.rowStride = l.line
		l.size = w.SH*l.turn*l.line + 16*l.pixelStride
	} else {
		l.pixelStride = w.SW * w.In.C
		l.line = ((w.Out.W-1)*w.SW + w.KW) * w.In.C
		l.rowStride = w.SH * l.line
		l.size = l.lines*l.line + 16*l.pixelStride + 64
	}
	for i := range l.offsets {
		l.offsets[i] = l.at(w, i)
	}
	return l
}

// at is where a line of the input lies in the copy.
func (l *tileLayout) at(w *Window, line int) int {
	if l.flat {
		line = line%w.SH*l.turn + line/w.SH
	}
	return line * l.line
}

// block packs n tiles of channels.
func (t *tileConv) block(first, n int, weights []int8) tileBlock {
	w, l := &t.conv.window, &t.layout
	channels := min(16*n, w.Out.C-first)
	b := tileBlock{first: first, tiles: n, tail: 1<<(channels-16*(n-1)) - 1, weights: aligned[int8](w.KH * l.groups * n * 1024)}
	for r := range w.KH {
		for k := range w.KW * w.In.C {
			from := weights[(r*w.KW*w.In.C+k)*w.Out.C+first:][:channels]
			group := b.weights[(r*l.groups+k/64)*n*1024:]
			for j, v := range from {
				group[j/16*1024+k%64/4*64+j%16*4+k%4] = v
			}
		}
	}
	b.scale, b.bias = make([]float32, 16*n), make([]float32, 16*n)
	copy(b.scale, t.conv.scale[first:][:channels])
	copy(b.bias, t.conv.bias[first:][:channels])
	for i := channels; i < len(b.bias); i++ {
		b.bias[i] = -math.MaxFloat32 // neurons that are not there never fire
	}
	b.row, b.whole = tileConfig(n, l.row.each), tileConfig(n, l.whole.each)
	return b
}

// tileConfig is what LDTILECFG takes for n tiles of channels: sums and inputs have a row for each position, weights have 16.
func tileConfig(n, positions int) *[64]uint8 {
	c := &[64]uint8{0: 1} // the palette
	for i := range 8 {
		c[16+2*i] = 64
		c[48+i] = uint8(positions)
	}
	for i := []int{2: 6, 3: 7}[n]; i < 8; i++ { // as the assembly has them
		c[48+i] = 16
	}
	return c
}

// copyMap copies a map for the tiles.
func (t *tileConv) copyMap(dst, src []uint8) {
	w, l := &t.conv.window, &t.layout
	if !l.flat {
		for i := range l.lines {
			paddedLine(w, dst[i*l.line:][:l.line], src, i-w.PadTop)
		}
		return
	}
	run, line := w.KW*w.In.C, w.In.W*w.In.C
	for i := range l.lines {
		to := dst[l.at(w, i):][:l.line]
		y := i - w.PadTop
		if y < 0 || y >= w.In.H {
			clear(to)
			continue
		}
		from := src[y*line:][:line]
		for x := range w.Out.W {
			position := to[x*l.pixelStride:][:run]
			first := (x*w.SW - w.PadLeft) * w.In.C
			if before := -first; before > 0 {
				before = min(before, run)
				clear(position[:before])
				position, first = position[before:], 0
			}
			clear(position[copy(position, from[min(first, line):]):])
		}
	}
}

// tileMemory is the memory of a tileConv's maps.
type tileMemory struct {
	t     *tileConv
	steps int
	maps  []uint8 // copies, [steps][layout.size]
	spare []float32
	sums  []int32
}

// open copies the maps [steps][In.H][In.W][In.C].
func (m *tileMemory) open(t *tileConv, src []uint8, steps int) {
	m.t, m.steps = t, steps
	size := t.layout.stride()
	if len(m.maps) < steps*size {
		m.maps = aligned[uint8](steps * size)
	}
	if m.sums == nil {
		m.sums = aligned[int32](6 * 256)
	}
	n := t.conv.window.In.Len()
	for i := range steps {
		t.copyMap(m.maps[i*size:], src[i*n:][:n])
	}
}

// stride is from the copy of a map to the next.
func (l *tileLayout) stride() int { return (l.size + 63) &^ 63 }

func (m *tileMemory) rows(dst []float32, y int) {
	w, l := &m.t.conv.window, &m.t.layout
	n, run := w.Out.W*w.Out.C, &l.row
	for i := 0; i < m.steps; i += 2 {
		first, second := dst[i*n:][:n], scratch(&m.spare, n)
		between, last2 := 0, 0
		if i+1 < m.steps {
			second, between, last2 = dst[(i+1)*n:][:n], l.stride(), run.last
		}
		from := &m.maps[i*l.stride()+y*l.rowStride]
		for j := range m.t.blocks {
			b := &m.t.blocks[j]
			tileRows[b.tiles](&first[b.first], &second[b.first], 4*w.Out.C, 0, from, between, l.pixelStride, run.each*l.pixelStride, 0, &l.offsets[0],
				&b.weights[0], w.KH, l.groups, 1, run.across, run.each, run.last, last2, &b.scale[0], &b.bias[0], b.tail, &b.row[0], &m.sums[0])
		}
	}
}

func (m *tileMemory) fire(dst []uint8, n Graded, start float32) (spikes uint64, done bool) {
	if m.steps != 2 || n.Decay != 1 {
		return 0, false
	}
	w, l := &m.t.conv.window, &m.t.layout
	rows, run := w.Out.H, &l.whole
	if l.flat {
		rows = 1
	}
	_ = dst[2*w.Out.Len()-1]
	for j := range m.t.blocks {
		b := &m.t.blocks[j]
		spikes += tileFires[b.tiles](&dst[b.first], &dst[w.Out.Len()+b.first], w.Out.C, w.Out.W*w.Out.C, &m.maps[0], l.stride(), l.pixelStride, run.each*l.pixelStride, l.rowStride, &l.offsets[0],
			&b.weights[0], w.KH, l.groups, rows, run.across, run.each, run.last, run.last, &b.scale[0], &b.bias[0], b.tail, &b.whole[0], &m.sums[0], start, float32(n.Most))
	}
	return spikes, true
}
