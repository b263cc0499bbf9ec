//go:build !purego

package kernel

// vnniEvents computes the convolution of a vnniInt8 from the groups of four inputs that are not silent, at two steps at a time.
type vnniEvents struct {
	p      *vnniInt8
	steps  int
	memory *eventMemory
	zeros  []int // of each pair, an event without counts
}

// wholeVNNI lays the weights of a layer of up to 128 channels out for events: [KH][KW][group of inputs][register][16][4].
func wholeVNNI(c *Int8Conv, weights []int8) int8Block {
	w := &c.window
	registers := (w.Out.C + 15) / 16
	if registers >= len(eventRows) || w.KH*w.KW < 4 {
		return int8Block{}
	}
	b := int8Block{block: block{0, registers}, tail: 1<<(w.Out.C-16*(registers-1)) - 1}
	layout := int8Layout{rows: w.KH * w.KW, groups: (w.In.C + 3) / 4, group: 4, run: w.In.C}
	b.weights = packInt8As[int8](&layout, weights, 0, w.Out.C, 16*registers)
	b.scale, b.bias = make([]float32, 16*registers), make([]float32, 16*registers)
	copy(b.scale, c.scale)
	copy(b.bias, c.bias)
	return b
}

func (p *vnniInt8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	w := &p.window
	if p.whole.registers == 0 || steps < 2 {
		return nil, 0
	}
	e, ok := memory.tier.(*vnniEvents)
	if !ok {
		e = new(vnniEvents)
		memory.tier = e
	}
	e.p, e.steps, e.memory, e.zeros = p, steps, memory, e.zeros[:0]
	group, tap := p.tap()
	messages, few := memory.find(w, p.cover.rows, src, steps, func(v *eventPair, starts []uint32, a, b []uint8, n int) (int, uint64) {
		both := ^uint64(0)
		if &a[0] == &b[0] {
			both = 0
		}
		events, messages := findEventsAVX512(&starts[0], &v.places[0], &v.first[0], &v.second[0], &a[0], &b[0], w.In.C, w.In.W,
			uint32(n), uint32(w.PadLeft*tap), uint32(group), uint32(tap), &p.cover.columns[0], both)
		return int(events), messages
	})
	if !few {
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
func (p *vnniInt8) tap() (group, tap int) {
	group = 64 * p.whole.registers
	return group, (p.window.In.C + 3) / 4 * group
}

var eventRows = [...]func(dst, dst2 *float32, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, zero int, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int, tail uint32){
	1: eventRowVNNI1, 2: eventRowVNNI2, 3: eventRowVNNI3, 4: eventRowVNNI4, 5: eventRowVNNI5, 6: eventRowVNNI6, 7: eventRowVNNI7, 8: eventRowVNNI8,
}

var eventFires = [...]func(dst, dst2 *uint8, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, zero int, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int, tail uint32, start, decay, most float32) uint64{
	1: eventFireVNNI1, 2: eventFireVNNI2, 3: eventFireVNNI3, 4: eventFireVNNI4, 5: eventFireVNNI5, 6: eventFireVNNI6, 7: eventFireVNNI7, 8: eventFireVNNI8,
}

func (e *vnniEvents) rows(dst []float32, y int) {
	w, b := &e.p.window, &e.p.whole
	n := w.Out.W * w.Out.C
	_, tap := e.p.tap()
	for i, zero := range e.zeros {
		v := &e.memory.pairs[i]
		first, second := dst[2*i*n:][:n], e.memory.spare[:n]
		if 2*i+1 < e.steps {
			second = dst[(2*i+1)*n:][:n]
		}
		starts, from, rows := v.under(w, y)
		eventRows[b.registers](&first[0], &second[0], 4*w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0], zero,
			&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W, b.tail)
	}
}

// fire does two steps, whose voltages never leave the registers.
func (e *vnniEvents) fire(dst []uint8, stride, y int, n Graded, start float32) (spikes uint64, done bool) {
	if e.steps != 2 {
		return 0, false
	}
	w, b, v := &e.p.window, &e.p.whole, &e.memory.pairs[0]
	_, tap := e.p.tap()
	starts, from, rows := v.under(w, y)
	_ = dst[stride+w.Out.W*w.Out.C-1]
	return eventFires[b.registers](&dst[0], &dst[stride], w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0], e.zeros[0],
		&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W, b.tail, float32(n.Decay*start), n.Decay, float32(n.Most)), true
}
