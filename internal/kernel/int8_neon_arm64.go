//go:build !purego

package kernel

import "encoding/binary"

// neonInt8 is for SDOT, whose bytes are signed: 128 is taken from every input, and what that takes from a sum is added again. Inputs that are
// events are below 128 and go as they are.
type neonInt8 struct {
	*Int8Conv
	groups int // of four inputs, in a row of a window
	blocks []neonInt8Block
	events *eventBlocks // nil where that is not done
}

// neonInt8Block is up to eight registers of four channels; as in eventBlocks, blocks overlap.
type neonInt8Block struct {
	block
	weights     []int8  // [KH][group][channel][4]
	offset      []int32 // 128 times a channel's weights
	scale, bias []float32
}

func packInt8NEON(c *Int8Conv, weights []int8) int8Rows {
	w := &c.window
	if w.Out.C < 4 {
		return packInt8Generic(c, weights)
	}
	run, out := w.KW*w.In.C, w.Out.C
	p := &neonInt8{Int8Conv: c, groups: (run + 3) / 4, events: newEventBlocks(c, &neonEvents, weights)}
	for _, b := range blocks(out, 4, 8, true) {
		n := 4 * b.registers
		block := neonInt8Block{block: b, weights: make([]int8, w.KH*p.groups*n*4), offset: make([]int32, n), scale: c.scale[b.first:][:n], bias: c.bias[b.first:][:n]}
		for i := range w.KH {
			for k := range run {
				to := block.weights[(i*p.groups+k/4)*n*4+k%4:]
				for j, v := range weights[(i*run+k)*out+b.first:][:n] {
					to[4*j] = v
					block.offset[j] += 128 * int32(v)
				}
			}
		}
		p.blocks = append(p.blocks, block)
	}
	return p
}

var neonEvents = eventTier{
	lanes: 4,
	rows: [...][]eventRow{
		{1: eventRowOnceNEON1, 2: eventRowOnceNEON2, 3: eventRowOnceNEON3, 4: eventRowOnceNEON4, 5: eventRowOnceNEON5, 6: eventRowOnceNEON6, 7: eventRowOnceNEON7, 8: eventRowOnceNEON8},
		{1: eventRowNEON1, 2: eventRowNEON2, 3: eventRowNEON3, 4: eventRowNEON4, 5: eventRowNEON5, 6: eventRowNEON6, 7: eventRowNEON7, 8: eventRowNEON8},
	},
}

func (p *neonInt8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	return p.events.listen(src, steps, memory)
}

var int8SpansNEON = [...]func(dst *float32, dstStride int, src *uint8, srcPixel, srcRow int, weights *int8, offset *int32, scale, bias *float32, rows, groups, pairs int){
	1: int8SpanNEON1, 2: int8SpanNEON2, 3: int8SpanNEON3, 4: int8SpanNEON4, 5: int8SpanNEON5, 6: int8SpanNEON6, 7: int8SpanNEON7, 8: int8SpanNEON8,
}

func (p *neonInt8) row(dst []float32, src []uint8, y int, ws *Workspace) {
	w := &p.window
	span := ((w.Out.W-1)*w.SW + w.KW) * w.In.C // bytes of a row under all windows
	lines := scratch(&ws.bytes, w.KH*span+8)
	for i := range w.KH {
		paddedLine(w, lines[i*span:][:span], src, y*w.SH-w.PadTop+i)
	}
	for i := 0; i < w.KH*span; i += 8 {
		binary.LittleEndian.PutUint64(lines[i:], binary.LittleEndian.Uint64(lines[i:])^0x8080808080808080)
	}
	step, pixels := w.SW*w.In.C, w.Out.W
	for i := range p.blocks {
		b := &p.blocks[i]
		run := int8SpansNEON[b.registers]
		if pixels > 1 {
			run(&dst[b.first], 4*w.Out.C, &lines[0], step, span, &b.weights[0], &b.offset[0], &b.scale[0], &b.bias[0], w.KH, p.groups, pixels/2)
		}
		if last := pixels - 1; last%2 == 0 { // a pair with itself
			run(&dst[last*w.Out.C+b.first], 0, &lines[last*step], 0, span, &b.weights[0], &b.offset[0], &b.scale[0], &b.bias[0], w.KH, p.groups, 1)
		}
	}
}
