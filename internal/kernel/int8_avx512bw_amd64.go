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
	rows: [...][9]eventRow512{
		{1: eventRowOnceBW1, 2: eventRowOnceBW2, 3: eventRowOnceBW3, 4: eventRowOnceBW4, 5: eventRowOnceBW5, 6: eventRowOnceBW6, 7: eventRowOnceBW7, 8: eventRowOnceBW8},
		{1: eventRowBW1, 2: eventRowBW2, 3: eventRowBW3, 4: eventRowBW4, 5: eventRowBW5, 6: eventRowBW6, 7: eventRowBW7, 8: eventRowBW8},
	},
	fires: [...][9]eventFire512{
		{1: eventFireOnceBW1, 2: eventFireOnceBW2, 3: eventFireOnceBW3, 4: eventFireOnceBW4, 5: eventFireOnceBW5, 6: eventFireOnceBW6, 7: eventFireOnceBW7, 8: eventFireOnceBW8},
		{1: eventFireBW1, 2: eventFireBW2, 3: eventFireBW3, 4: eventFireBW4, 5: eventFireBW5, 6: eventFireBW6, 7: eventFireBW7, 8: eventFireBW8},
	},
	twos: [...][9]eventTwo512{
		{1: eventFireTwoOnceBW1, 2: eventFireTwoOnceBW2, 3: eventFireTwoOnceBW3, 4: eventFireTwoOnceBW4, 5: eventFireTwoOnceBW5, 6: eventFireTwoOnceBW6, 7: eventFireTwoOnceBW7, 8: eventFireTwoOnceBW8},
		{1: eventFireTwoBW1, 2: eventFireTwoBW2, 3: eventFireTwoBW3, 4: eventFireTwoBW4, 5: eventFireTwoBW5},
	},
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
