//go:build !purego

package kernel

// bwInt8 is for processors with registers of 64 bytes that lack VPDPBUSD: VPMADDWD adds two products of words to each of 16 channels.
type bwInt8 struct {
	*Int8Conv
	packed512[uint16, int16]
	events *events512 // nil where that is not done
}

var bwSpans = int8Spans[uint16, int16]{
	wide:   [...]int8Span[uint16, int16]{1: int8SpanBW1, 2: int8SpanBW2, 3: int8SpanBW3, 4: int8SpanBW4},
	narrow: [...]int8Span[uint16, int16]{2: int8NarrowBW2, 4: int8NarrowBW4},
}

var bwEvents = eventTier512{
	rows:  [...]eventRow512{1: eventRowBW1, 2: eventRowBW2, 3: eventRowBW3, 4: eventRowBW4, 5: eventRowBW5, 6: eventRowBW6, 7: eventRowBW7, 8: eventRowBW8},
	fires: [...]eventFire512{1: eventFireBW1, 2: eventFireBW2, 3: eventFireBW3, 4: eventFireBW4, 5: eventFireBW5, 6: eventFireBW6, 7: eventFireBW7, 8: eventFireBW8},
	twos:  [...]eventTwo512{1: eventFireTwoBW1, 2: eventFireTwoBW2, 3: eventFireTwoBW3, 4: eventFireTwoBW4, 5: eventFireTwoBW5},
}

func packInt8BW(c *Int8Conv, weights []int8) int8Rows {
	return &bwInt8{Int8Conv: c, packed512: newPacked512(c, weights, &bwSpans), events: newEvents512(c, &bwEvents, weights)}
}

func (p *bwInt8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	return p.events.listen(src, steps, memory)
}

func (p *bwInt8) row(dst []float32, src []uint8, y int, ws *Workspace) {
	words, rowStride := p.layout.openWords(&p.window, src, y, ws)
	p.packed512.row(dst, words, rowStride, p.window.Out.C, p.window.Out.W)
}
