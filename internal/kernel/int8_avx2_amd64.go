//go:build !purego

package kernel

// avx2Int8 is for VPMADDWD, which adds two products of 16-bit words to each of 8 channels, exactly. The inputs under a
// row of outputs are made words first.
type avx2Int8 struct {
	*Int8Conv
	layout int8Layout
	blocks []avx2Int8Block
	events *eventBlocks // nil where that is not done
}

// avx2Int8Block is up to three registers of 8 channels; as in avx2Float32, blocks overlap.
type avx2Int8Block struct {
	block
	weights     []int16   // [row][group][register][8][2]
	scale, bias []float32 // [register][8]
}

func packInt8AVX2(c *Int8Conv, weights []int8) int8Rows {
	p := &avx2Int8{Int8Conv: c, layout: newInt8Layout(&c.window, 2)}
	for _, b := range blocks(c.window.Out.C, 8, 3, true) {
		n := min(c.window.Out.C-b.first, 8*b.registers)
		block := avx2Int8Block{block: b, scale: make([]float32, 8*b.registers), bias: make([]float32, 8*b.registers)}
		block.weights = packInt8As[int16](&p.layout, weights, b.first, n, 8*b.registers)
		copy(block.scale, c.scale[b.first:][:n])
		copy(block.bias, c.bias[b.first:][:n])
		p.blocks = append(p.blocks, block)
	}
	p.events = newEventBlocks(c, &avx2Events, weights)
	return p
}

var avx2Events = eventTier{
	lanes: 8,
	rows: [...][]eventRow{
		{1: eventRowOnceAVX2x1, 2: eventRowOnceAVX2x2, 3: eventRowOnceAVX2x3, 4: eventRowOnceAVX2x4, 5: eventRowOnceAVX2x5, 6: eventRowOnceAVX2x6},
		{1: eventRowAVX2x1, 2: eventRowAVX2x2, 3: eventRowAVX2x3, 4: eventRowAVX2x4, 5: eventRowAVX2x5, 6: eventRowAVX2x6},
	},
}

func (p *avx2Int8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	return p.events.listen(src, steps, memory)
}

func (p *avx2Int8) row(dst []float32, src []uint8, y int, ws *Workspace) {
	l, out, n := &p.layout, p.window.Out.C, p.window.Out.W
	words, rowStride := l.openWords(&p.window, src, y, ws)
	words = words[:l.extent(rowStride, n)]
	to, stride := inRegister(dst, out, n, ws)
	for i := range p.blocks {
		b := &p.blocks[i]
		run := int8SpanAVX2x3
		switch b.registers {
		case 1:
			run = int8SpanAVX2x1
		case 2:
			run = int8SpanAVX2x2
		}
		run(&to[b.first], 4*stride, &words[0], 2*l.pixelStride, 2*rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n)
	}
	outOfRegister(dst, to, out, n)
}

// openWords is open for inputs as words, which are always copied.
func (l *int8Layout) openWords(w *Window, src []uint8, y int, ws *Workspace) (words []uint16, rowStride int) {
	span := ((w.Out.W-1)*w.SW + w.KW) * w.In.C
	gather := 0
	if l.gathered {
		gather = l.extent(0, w.Out.W) + gatherStep
	}
	words = scratch(&ws.words, gather+w.KH*span+l.slack)
	lines := words[gather:]
	for i := range w.KH {
		wideLine(w, lines[i*span:][:span], src, y*w.SH-w.PadTop+i)
	}
	if !l.gathered {
		return lines, span
	}
	run, step, last := w.KW*w.In.C, w.SW*w.In.C, w.Out.W-1
	for i := range w.KH {
		from, to := lines[i*span:], words[i*run:]
		_, _ = from[last*step+gatherStep-1], to[last*l.pixelStride+gatherStep-1]
		gatherWords8(&to[0], &from[0], 2*l.pixelStride, 2*step, w.Out.W)
	}
	return words[:gather], 0
}

// wideLine is paddedLine for words.
func wideLine(w *Window, dst []uint16, src []uint8, y int) {
	if y < 0 || y >= w.In.H {
		clear(dst)
		return
	}
	left := min(w.PadLeft*w.In.C, len(dst))
	clear(dst[:left])
	dst, src = dst[left:], src[y*w.In.W*w.In.C:][:w.In.W*w.In.C]
	n := min(len(dst), len(src))
	wide := n &^ 15
	if wide > 0 {
		widenAVX2(&dst[0], &src[0], wide)
	}
	for i := wide; i < n; i++ {
		dst[i] = uint16(src[i])
	}
	clear(dst[n:])
}
