//go:build (amd64 || arm64) && !purego

package kernel

// eventBlocks are a layer's weights for events, in blocks of channels, and the way to a row of outputs from them: for counts below 128.
type eventBlocks struct {
	conv *Int8Conv
	tier *eventTier
	list []eventBlock
}

// eventBlock is some of the channels, its weights [KH][KW][group of inputs][channel][4].
type eventBlock struct {
	block
	weights     []int8
	scale, bias []float32
}

// eventTier is what tells one tier's blocks from another's.
type eventTier struct {
	lanes int           // of a register
	rows  [2][]eventRow // of one step, and of two
}

// eventRow computes a row of outputs of a block, for as many registers as its place in a tier's list. Strides are in bytes; of one step, what is of
// the second is not used.
type eventRow func(dst, dst2 *float32, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int)

// newEventBlocks lays weights out for events; nil for layers of few channels or taps.
func newEventBlocks(c *Int8Conv, t *eventTier, weights []int8) *eventBlocks {
	w := &c.window
	if w.Out.C < t.lanes || w.KH*w.KW < 4 {
		return nil
	}
	e := &eventBlocks{conv: c, tier: t}
	groups := (w.In.C + 3) / 4
	for _, b := range blocks(w.Out.C, t.lanes, len(t.rows[1])-1, true) {
		n := t.lanes * b.registers
		packed := aligned[int8](w.KH * w.KW * groups * n * 4)
		for tap := range w.KH * w.KW {
			for k := range w.In.C {
				to := packed[(tap*groups+k/4)*n*4+k%4:]
				for j, v := range weights[(tap*w.In.C+k)*w.Out.C+b.first:][:n] {
					to[4*j] = v
				}
			}
		}
		e.list = append(e.list, eventBlock{block: b, weights: packed, scale: c.scale[b.first:][:n], bias: c.bias[b.first:][:n]})
	}
	return e
}

// blockEvents are the events of an input of eventBlocks, at one step or two at a time.
type blockEvents struct {
	from   *eventBlocks
	steps  int
	memory *eventMemory
}

func (b *eventBlocks) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	if b == nil {
		return nil, 0
	}
	e, ok := memory.tier.(*blockEvents)
	if !ok {
		e = new(blockEvents)
		memory.tier = e
	}
	e.from, e.steps, e.memory = b, steps, memory
	w, fans := &b.conv.window, &b.conv.cover
	var any uint32
	groups := (w.In.C + 3) / 4
	messages, few := memory.find(w, fans.rows, src, steps, func(v *eventPair, starts []uint32, first, second []uint8, n int) (int, uint64) {
		n, messages, some := v.list(starts, first, second, n, w.In.C, w.PadLeft*groups, fans.columns)
		any |= some
		return n, messages
	})
	// Two products of larger counts could leave 16 bits, and a signed byte does not hold them.
	if !few || any&0x80808080 != 0 {
		return nil, 0
	}
	return e, messages
}

func (e *blockEvents) rows(dst []float32, y int) {
	w := &e.from.conv.window
	n, groups := w.Out.W*w.Out.C, (w.In.C+3)/4
	for i := range (e.steps + 1) / 2 {
		v, last := &e.memory.pairs[i], min(2*i+1, e.steps-1)
		first, second := dst[2*i*n:][:n], dst[last*n:][:n]
		starts, from, rows := v.under(w, y)
		for j := range e.from.list {
			b := &e.from.list[j]
			tap := groups * 4 * e.from.tier.lanes * b.registers
			e.from.tier.rows[last-2*i][b.registers](&first[b.first], &second[b.first], 4*w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0],
				&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W)
		}
	}
}

func (e *blockEvents) fire([]uint8, Graded, float32) (spikes uint64, done bool) {
	return 0, false
}
