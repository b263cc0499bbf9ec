//go:build !purego

package kernel

// vnniEvents computes the convolution of a vnniInt8 from the groups of four inputs that are not silent, at two steps at a time.
type vnniEvents struct {
	p     *vnniInt8
	steps int
	pairs []vnniPair
	spare []float32 // where the second of a pair goes that is one step alone
}

// vnniPair is the events at two steps. The starts of the pixels are [In.H][row], each row with the columns around the map,
// which have no events, and one more for the end of the last.
type vnniPair struct {
	starts                []uint32
	places, first, second []uint32 // of an event: of its weights, if its column is the window's first; the four counts
	zero                  int      // an event without counts
}

// wholeVNNI lays the weights of a layer of up to 128 channels out for events: [KH][KW][group of inputs][register][16][4].
func wholeVNNI(c *Int8Conv, weights []int8) vnniBlock {
	w := &c.window
	registers := (w.Out.C + 15) / 16
	if registers >= len(eventRows) || w.KH*w.KW < 4 {
		return vnniBlock{}
	}
	b := vnniBlock{block: block{0, registers}, tail: 1<<(w.Out.C-16*(registers-1)) - 1}
	layout := int8Layout{rows: w.KH * w.KW, groups: (w.In.C + 3) / 4, group: 4, run: w.In.C}
	b.weights = packInt8As[int8](&layout, weights, 0, w.Out.C, 16*registers)
	b.scale, b.bias = make([]float32, 16*registers), make([]float32, 16*registers)
	copy(b.scale, c.scale)
	copy(b.bias, c.bias)
	return b
}

// denseWorth is up to which share of the groups with an event it is quicker to take events than all inputs.
const denseWorth = 0.6

func (p *vnniInt8) listen(src []uint8, steps int, memory events) events {
	w := &p.window
	if p.whole.registers == 0 || steps < 2 {
		return nil
	}
	e, ok := memory.(*vnniEvents)
	if !ok {
		e = new(vnniEvents)
	}
	e.p, e.steps = p, steps
	for len(e.pairs) < (steps+1)/2 {
		e.pairs = append(e.pairs, vnniPair{})
	}
	e.pairs = e.pairs[:(steps+1)/2]
	scratch(&e.spare, w.Out.W*w.Out.C)
	n, found, all := w.In.Len(), 0, 0
	for i := range e.pairs {
		a := src[2*i*n:][:n]
		b := a
		if 2*i+1 < steps {
			b = src[(2*i+1)*n:][:n]
		}
		found += e.pairs[i].find(p, a, b)
		all += w.In.H * w.In.W * ((w.In.C + 3) / 4)
	}
	if float64(found) > denseWorth*float64(all) {
		return nil
	}
	return e
}

// startsRow is how many starts a row of the map has.
func (p *vnniInt8) startsRow() int {
	return max((p.window.Out.W-1)*p.window.SW+p.window.KW, p.window.PadLeft+p.window.In.W) + 1
}

func (v *vnniPair) find(p *vnniInt8, a, b []uint8) int {
	w, row := &p.window, p.startsRow()
	all := w.In.H * w.In.W * ((w.In.C + 3) / 4)
	starts := scratch(&v.starts, w.In.H*row)
	places, first, second := scratch(&v.places, all+16), scratch(&v.first, all+16), scratch(&v.second, all+16)
	n, line := uint32(0), w.In.W*w.In.C
	group, tap := p.tap()
	for y := range w.In.H {
		at := starts[y*row:][:row]
		for x := range w.PadLeft {
			at[x] = n
		}
		_ = a[(y+1)*line-1]
		n = findEventsAVX512(&at[w.PadLeft], &places[0], &first[0], &second[0], &a[y*line], &b[y*line], w.In.C, w.In.W, n, uint32(w.PadLeft*tap), uint32(group), uint32(tap))
		for x := w.PadLeft + w.In.W; x < row; x++ {
			at[x] = n
		}
	}
	v.zero = int(n)
	first[n], second[n] = 0, 0
	return int(n)
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

// under is where the events under the windows of row y begin, with their weights, and in how many rows of the windows there are any.
func (e *vnniEvents) under(v *vnniPair, y int) (starts *uint32, weights *int8, rows int) {
	w := &e.p.window
	top := y*w.SH - w.PadTop
	from, to := max(0, -top), min(w.KH, w.In.H-top)
	_, tap := e.p.tap()
	return &v.starts[(top+from)*e.p.startsRow()], &e.p.whole.weights[from*w.KW*tap], to - from
}

func (e *vnniEvents) rows(dst []float32, y int) {
	w, b := &e.p.window, &e.p.whole
	n := w.Out.W * w.Out.C
	_, tap := e.p.tap()
	for i := range e.pairs {
		v := &e.pairs[i]
		first, second := dst[2*i*n:][:n], e.spare[:n]
		if 2*i+1 < e.steps {
			second = dst[(2*i+1)*n:][:n]
		}
		starts, weights, rows := e.under(v, y)
		eventRows[b.registers](&first[0], &second[0], 4*w.Out.C, starts, 4*e.p.startsRow(), 4*w.SW, &v.places[0], &v.first[0], &v.second[0], v.zero,
			weights, w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W, b.tail)
	}
}

// fire does two steps, whose voltages never leave the registers.
func (e *vnniEvents) fire(dst []uint8, stride, y int, n Graded, start float32) (spikes uint64, done bool) {
	if e.steps != 2 {
		return 0, false
	}
	w, b, v := &e.p.window, &e.p.whole, &e.pairs[0]
	_, tap := e.p.tap()
	starts, weights, rows := e.under(v, y)
	_ = dst[stride+w.Out.W*w.Out.C-1]
	return eventFires[b.registers](&dst[0], &dst[stride], w.Out.C, starts, 4*e.p.startsRow(), 4*w.SW, &v.places[0], &v.first[0], &v.second[0], v.zero,
		weights, w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W, b.tail, float32(n.Decay*start), n.Decay, float32(n.Most)), true
}
