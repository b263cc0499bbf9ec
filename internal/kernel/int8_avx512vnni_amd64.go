//go:build !purego

package kernel

import "slices"

// vnniInt8 is for VPDPBUSD, which adds four products of bytes to each of 16 channels.
type vnniInt8 struct {
	*Int8Conv
	packed512[uint8, int8]
	events *events512 // nil where that is not done
	first  []int8     // the weights as they came, of a layer that may drive neurons

	ways ways
}

var vnniSpans = int8Spans[uint8, int8]{
	wide:   [...]int8Span[uint8, int8]{1: int8SpanVNNI1, 2: int8SpanVNNI2, 3: int8SpanVNNI3, 4: int8SpanVNNI4},
	narrow: [...]int8Span[uint8, int8]{2: int8NarrowVNNI2, 4: int8NarrowVNNI4},
}

var vnniEvents = eventTier512{
	large: true,
	rows: [...][9]eventRow512{
		{1: eventRowOnceVNNI1, 2: eventRowOnceVNNI2, 3: eventRowOnceVNNI3, 4: eventRowOnceVNNI4, 5: eventRowOnceVNNI5, 6: eventRowOnceVNNI6, 7: eventRowOnceVNNI7, 8: eventRowOnceVNNI8},
		{1: eventRowVNNI1, 2: eventRowVNNI2, 3: eventRowVNNI3, 4: eventRowVNNI4, 5: eventRowVNNI5, 6: eventRowVNNI6, 7: eventRowVNNI7, 8: eventRowVNNI8},
	},
	fires: [...][9]eventFire512{
		{1: eventFireOnceVNNI1, 2: eventFireOnceVNNI2, 3: eventFireOnceVNNI3, 4: eventFireOnceVNNI4, 5: eventFireOnceVNNI5, 6: eventFireOnceVNNI6, 7: eventFireOnceVNNI7, 8: eventFireOnceVNNI8},
		{1: eventFireVNNI1, 2: eventFireVNNI2, 3: eventFireVNNI3, 4: eventFireVNNI4, 5: eventFireVNNI5, 6: eventFireVNNI6, 7: eventFireVNNI7, 8: eventFireVNNI8},
	},
	twos: [...][9]eventTwo512{
		{1: eventFireTwoOnceVNNI1, 2: eventFireTwoOnceVNNI2, 3: eventFireTwoOnceVNNI3, 4: eventFireTwoOnceVNNI4, 5: eventFireTwoOnceVNNI5, 6: eventFireTwoOnceVNNI6, 7: eventFireTwoOnceVNNI7, 8: eventFireTwoOnceVNNI8},
		{1: eventFireTwoVNNI1, 2: eventFireTwoVNNI2, 3: eventFireTwoVNNI3, 4: eventFireTwoVNNI4, 5: eventFireTwoVNNI5},
	},
}

func packInt8VNNI(c *Int8Conv, weights []int8) int8Rows {
	p := &vnniInt8{Int8Conv: c, packed512: newPacked512(c, weights, &vnniSpans), events: newEvents512(c, &vnniEvents, weights)}
	if p.layout.gathered {
		if p.layout.gatherer = newGatherer(&c.window); p.layout.gatherer != nil {
			p.layout.pixelStride = gatherStride
			p.first = slices.Clone(weights)
		}
	}
	return p
}

func (p *vnniInt8) row(dst []float32, src []uint8, y int, ws *Workspace) {
	v := p.layout.open(&p.window, src, y, ws)
	p.packed512.row(dst, v.src, v.rowStride, p.window.Out.C, p.window.Out.W)
}
