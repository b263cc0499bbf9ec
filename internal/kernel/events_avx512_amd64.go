//go:build !purego

package kernel

// events512 is the weights of a layer of up to 128 channels for events, [KH][KW][group of inputs][register][16][4], and the way to a
// row of outputs from them, at one step or two at a time.
type events512 struct {
	conv *Int8Conv
	tier *eventTier512
	all  int8Block[int8]
}

// eventTier512 is what tells one tier's events from another's.
type eventTier512 struct {
	large bool               // counts above 127 are taken
	rows  [2][9]eventRow512  // of one step, and of two
	fires [2][9]eventFire512 // likewise
	twos  [2][9]eventTwo512  // likewise, where two rows fit the registers
}

type eventRow512 func(dst, dst2 *float32, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, zero int, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int, tail uint32)

type eventFire512 func(dst, dst2 *uint8, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, zero int, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int, tail uint32, start, decay, most float32) uint64

type eventTwo512 func(dst *uint8, dstRow, dstStep, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, weights *int8, weightsRow, weightsPixel, taps, upper, both, lower, weightsBack int, scale, bias *float32, pixels int, tail uint32, start, decay, most float32) uint64

// newEvents512 is nil for layers of many channels or few taps.
func newEvents512(c *Int8Conv, t *eventTier512, weights []int8) *events512 {
	w := &c.window
	registers := (w.Out.C + 15) / 16
	if registers >= len(t.rows[1]) || w.KH*w.KW < 4 {
		return nil
	}
	layout := int8Layout{rows: w.KH * w.KW, groups: (w.In.C + 3) / 4, group: 4, run: w.In.C}
	return &events512{conv: c, tier: t, all: newInt8Block[int8](c, &layout, block{0, registers}, w.Out.C, weights)}
}

// opened512 are the events of an input of events512.
type opened512 struct {
	p      *events512
	steps  int
	memory *eventMemory
	zeros  []int // of each pair, an event without counts
}

func (p *events512) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	if p == nil {
		return nil, 0
	}
	w := &p.conv.window
	e, ok := memory.tier.(*opened512)
	if !ok {
		e = new(opened512)
		memory.tier = e
	}
	e.p, e.steps, e.memory, e.zeros = p, steps, memory, e.zeros[:0]
	group, tap := p.tap()
	var large uint64
	messages, few := memory.find(w, p.conv.cover.rows, src, steps, func(v *eventPair, starts []uint32, a, b []uint8, n int) (int, uint64) {
		both := ^uint64(0)
		if &a[0] == &b[0] {
			both = 0
		}
		events, messages, some := findEventsAVX512(&starts[0], &v.places[0], &v.first[0], &v.second[0], &a[0], &b[0], w.In.C, w.In.W,
			uint32(n), uint32(w.PadLeft*tap), uint32(group), uint32(tap), &p.conv.cover.columns[0], both)
		large |= some
		return int(events), messages
	})
	if !few || large != 0 && !p.tier.large {
		return nil, 0
	}
	for i := range (steps + 1) / 2 {
		v := &memory.pairs[i]
		last := v.starts[len(v.starts)-1]
		v.first[last], v.second[last] = 0, 0
		e.zeros = append(e.zeros, int(last))
	}
	return e, messages
}

// tap is how many bytes of weights a group of inputs has, and all inputs of one place of a window.
func (p *events512) tap() (group, tap int) {
	group = 64 * p.all.registers
	return group, (p.conv.window.In.C + 3) / 4 * group
}

func (e *opened512) rows(dst []float32, y int) {
	p, b, w := e.p, &e.p.all, &e.p.conv.window
	n := w.Out.W * w.Out.C
	_, tap := p.tap()
	for i, zero := range e.zeros {
		v, last := &e.memory.pairs[i], min(2*i+1, e.steps-1)
		first, second := dst[2*i*n:][:n], dst[last*n:][:n]
		starts, from, rows := v.under(w, y)
		p.tier.rows[last-2*i][b.registers](&first[0], &second[0], 4*w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0], zero,
			&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W, b.tail)
	}
}

// fire does one step or two, whose voltages never leave the registers.
func (e *opened512) fire(dst []uint8, n Graded, start float32) (spikes uint64, done bool) {
	if e.steps > 2 {
		return 0, false
	}
	p, b, v := e.p, &e.p.all, &e.memory.pairs[0]
	w := &p.conv.window
	row, all := w.Out.W*w.Out.C, w.Out.Len()
	last := (e.steps - 1) * all // where the last step's counts begin
	_ = dst[last+all-1]
	_, tap := p.tap()
	y := 0
	if two := p.tier.twos[e.steps-1][b.registers]; two != nil && w.SH < w.KH {
		for ; y+1 < w.Out.H; y += 2 {
			starts, from, rows := v.under(w, y)
			_, _, more := v.under(w, y+1)
			upper := max(0, w.SH-from) // rows of the input until those of the second
			both := rows - upper
			spikes += two(&dst[y*row], row, all, w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0],
				&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, upper, both, more-both, w.SH*w.KW*tap, &b.scale[0], &b.bias[0], w.Out.W, b.tail, float32(n.Decay*start), n.Decay, float32(n.Most))
		}
	}
	for ; y < w.Out.H; y++ {
		starts, from, rows := v.under(w, y)
		spikes += p.tier.fires[e.steps-1][b.registers](&dst[y*row], &dst[last+y*row], w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0], e.zeros[0],
			&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W, b.tail, float32(n.Decay*start), n.Decay, float32(n.Most))
	}
	return spikes, true
}
