//go:build !purego

package kernel

import "encoding/binary"

// avx2Events computes the convolution of an avx2Int8 from the groups of four inputs that are not silent, at two steps at a time.
type avx2Events struct {
	p      *avx2Int8
	steps  int
	memory *eventMemory
}

// avx2Whole lays the weights out for events: blocks of up to six registers of 8 channels, which overlap, each
// [KH][KW][group of inputs][register][8][4].
func avx2Whole(c *Int8Conv, weights []int8) []int8Block {
	w := &c.window
	if w.Out.C < 8 || w.KH*w.KW < 4 {
		return nil
	}
	layout := int8Layout{rows: w.KH * w.KW, groups: (w.In.C + 3) / 4, group: 4, run: w.In.C}
	var whole []int8Block
	for _, b := range blocks(w.Out.C, 8, 6, true) {
		n := 8 * b.registers
		whole = append(whole, int8Block{block: b, weights: packInt8As[int8](&layout, weights, b.first, n, n), scale: c.scale[b.first:][:n], bias: c.bias[b.first:][:n]})
	}
	return whole
}

func (p *avx2Int8) listen(src []uint8, steps int, memory *eventMemory) (events, uint64) {
	w := &p.window
	if p.whole == nil || steps < 2 {
		return nil, 0
	}
	e, ok := memory.tier.(*avx2Events)
	if !ok {
		e = new(avx2Events)
		memory.tier = e
	}
	e.p, e.steps, e.memory = p, steps, memory
	var any uint32
	groups := (w.In.C + 3) / 4
	messages, few := memory.find(w, p.cover.rows, src, steps, func(v *eventPair, starts []uint32, a, b []uint8, n int) (int, uint64) {
		n, some := v.list(starts, a, b, n, w.In.C, w.PadLeft*groups)
		any |= some
		messages := Messages(a, w.In.C, p.cover.columns)
		if &a[0] != &b[0] {
			messages += Messages(b, w.In.C, p.cover.columns)
		}
		return n, messages
	})
	// Two products of larger counts could leave 16 bits.
	if !few || any&0x80808080 != 0 {
		return nil, 0
	}
	return e, messages
}

// list is for eventMemory.find, with places that are so many groups from the first; it also gives what all counts have in common with or.
func (v *eventPair) list(starts []uint32, a, b []uint8, n, c, place int) (int, uint32) {
	var any uint32
	whole := c &^ 3
	for x := 0; len(a) > 0; x++ {
		starts[x] = uint32(n)
		for k := 0; k < whole; k += 4 {
			one, two := binary.LittleEndian.Uint32(a[k:]), binary.LittleEndian.Uint32(b[k:])
			v.places[n], v.first[n], v.second[n] = uint32(place), one, two
			if one|two != 0 {
				any |= one | two
				n++
			}
			place++
		}
		if whole < c {
			var one, two [4]uint8
			copy(one[:], a[whole:c])
			copy(two[:], b[whole:c])
			v.places[n], v.first[n], v.second[n] = uint32(place), binary.LittleEndian.Uint32(one[:]), binary.LittleEndian.Uint32(two[:])
			if some := v.first[n] | v.second[n]; some != 0 {
				any |= some
				n++
			}
			place++
		}
		a, b = a[c:], b[c:]
	}
	return n, any
}

var eventRows2 = [...]func(dst, dst2 *float32, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int){
	1: eventRowAVX2x1, 2: eventRowAVX2x2, 3: eventRowAVX2x3, 4: eventRowAVX2x4, 5: eventRowAVX2x5, 6: eventRowAVX2x6,
}

func (e *avx2Events) rows(dst []float32, y int) {
	w := &e.p.window
	n, groups := w.Out.W*w.Out.C, (w.In.C+3)/4
	for i := range (e.steps + 1) / 2 {
		v := &e.memory.pairs[i]
		first, second := dst[2*i*n:][:n], e.memory.spare[:n]
		if 2*i+1 < e.steps {
			second = dst[(2*i+1)*n:][:n]
		}
		starts, from, rows := v.under(w, y)
		for j := range e.p.whole {
			b := &e.p.whole[j]
			tap := groups * 32 * b.registers
			eventRows2[b.registers](&first[b.first], &second[b.first], 4*w.Out.C, starts, 4*startsRow(w), 4*w.SW, &v.places[0], &v.first[0], &v.second[0],
				&b.weights[from*w.KW*tap], w.KW*tap, w.SW*tap, w.KW, rows, &b.scale[0], &b.bias[0], w.Out.W)
		}
	}
}

func (e *avx2Events) fire([]uint8, int, int, Graded, float32) (spikes uint64, done bool) {
	return 0, false
}
