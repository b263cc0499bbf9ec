package kernel

import "encoding/binary"

// Int8Steps is the input of an Int8Conv at several time steps, one map a step, ready for [Int8Steps.Rows]. The zero value is
// ready for Open. It serves one goroutine at a time.
type Int8Steps struct {
	conv   *Int8Conv
	steps  int
	events events
	memory eventMemory
}

// eventMemory is what a tier keeps from one Open to the next.
type eventMemory struct {
	pairs []eventPair
	tier  any
	lists any // a tier's too
}

// eventPair is the events of two steps: the groups of four inputs that have a count at either. The starts of the pixels are [In.H][row],
// each row with the columns around the map, which have no events, and one more for the end of the last.
type eventPair struct {
	starts                []uint32
	places, first, second []uint32 // of an event: of its weights, if its column is the window's first; the four counts
}

// events is a tier's way to a convolution over the inputs that are not zero alone.
type events interface {
	// rows computes row y of the outputs at all steps, dst [steps][Out.W][Out.C].
	rows(dst []float32, y int)
	// fire has the outputs drive neurons; see Int8Steps.Fire.
	fire(dst []uint8, n Graded, start float32) (spikes uint64, done bool)
}

// int8Events is an int8Rows that can take inputs as events. It gives nil where that would not pay.
type int8Events interface {
	listen(src []uint8, steps int, memory *eventMemory) (e events, messages uint64)
}

// denseWorth is up to which share of the groups with an event it is quicker to take events than all inputs. A tier may know a third way.
const denseWorth = 0.5

// startsRow is how many starts a row of a map has.
func startsRow(w *Window) int { return max((w.Out.W-1)*w.SW+w.KW, w.PadLeft+w.In.W) + 1 }

// find lists the events of all steps with what lists those of a row of pixels from the n-th on, and returns how many there are then. Its
// starts are the row's; b is a where there is no second step. It gives the row's messages too, as Messages does. find adds these up by
// the fans of the rows, and reports whether events are few enough.
func (m *eventMemory) find(w *Window, fan []int, src []uint8, steps int, list func(v *eventPair, starts []uint32, a, b []uint8, n int) (int, uint64)) (messages uint64, few bool) {
	for len(m.pairs) < (steps+1)/2 {
		m.pairs = append(m.pairs, eventPair{})
	}
	row, line, groups := startsRow(w), w.In.W*w.In.C, (w.In.C+3)/4
	found, all := 0, w.In.H*w.In.W*groups
	most := int(denseWorth * float64(all*((steps+1)/2)))
	for i := range (steps + 1) / 2 {
		a := src[2*i*w.In.Len():][:w.In.Len()]
		b := a // the last of an odd number is a pair with itself
		if 2*i+1 < steps {
			b = src[(2*i+1)*w.In.Len():][:w.In.Len()]
		}
		v, n := &m.pairs[i], 0
		v.starts = scratch(&v.starts, w.In.H*row)
		v.places, v.first, v.second = scratch(&v.places, all+16), scratch(&v.first, all+16), scratch(&v.second, all+16)
		for y := range w.In.H {
			at := v.starts[y*row:][:row]
			for x := range w.PadLeft {
				at[x] = uint32(n)
			}
			var sent uint64
			if n, sent = list(v, at[w.PadLeft:], a[y*line:][:line], b[y*line:][:line], n); found+n > most {
				return 0, false
			}
			messages += sent * uint64(fan[y])
			for x := w.PadLeft + w.In.W; x < row; x++ {
				at[x] = uint32(n)
			}
		}
		found += n
	}
	return messages, true
}

// list is for eventMemory.find, with places that are so many groups from the first; it also gives what all counts have in common with or.
func (v *eventPair) list(starts []uint32, a, b []uint8, n, c, place int, fan []int) (events int, messages uint64, any uint32) {
	both := ^uint32(0) // counts
	if &a[0] == &b[0] {
		both = 0
	}
	whole := c &^ 3
	for x := 0; len(a) > 0; x++ {
		starts[x] = uint32(n)
		fired := uint32(0)
		for k := 0; k < whole; k += 4 {
			one, two := binary.LittleEndian.Uint32(a[k:]), binary.LittleEndian.Uint32(b[k:])
			v.places[n], v.first[n], v.second[n] = uint32(place), one, two
			if one|two != 0 {
				any |= one | two
				fired += bytesNotZero(one) + bytesNotZero(two&both)
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
				fired += bytesNotZero(v.first[n]) + bytesNotZero(v.second[n]&both)
				n++
			}
			place++
		}
		messages += uint64(fired) * uint64(fan[x])
		a, b = a[c:], b[c:]
	}
	return n, messages, any
}

// bytesNotZero is how many of four bytes are not zero.
func bytesNotZero(v uint32) uint32 {
	v |= v >> 4
	v |= v >> 2
	v |= v >> 1
	return v & 0x01010101 * 0x01010101 >> 24
}

// under is where the events under the windows of row y begin, with the first row of the windows that has any, and how many have.
func (v *eventPair) under(w *Window, y int) (starts *uint32, first, rows int) {
	top := y*w.SH - w.PadTop
	first = max(0, -top)
	return &v.starts[(top+first)*startsRow(w)], first, min(w.KH, w.In.H-top) - first
}

// Open takes maps src [steps][In.H][In.W][In.C] for the convolution, which is then computed from the inputs that are not zero alone; the
// bits are those of [Int8Conv.Row]. It says whether it does: a tier may not know how, or too many inputs are not zero, and then the maps
// are better taken one by one. The messages are those of all maps: of each input that is not zero, one for every window that reads it.
func (s *Int8Steps) Open(c *Int8Conv, src []uint8, steps int) (messages uint64, few bool) {
	s.conv, s.steps, s.events = c, steps, nil
	if e, ok := c.rows.(int8Events); ok {
		s.events, messages = e.listen(src[:steps*c.window.In.Len()], steps, &s.memory)
	}
	return messages, s.events != nil
}

// Fire has the output drive neurons n that begin the first step with the voltage start, as [Tier.Graded] would step by step, and
// writes their counts to dst, [steps][Out.H][Out.W][Out.C]. It gives the sum of the counts, or says that it has done nothing: Rows and
// Tier.Graded then do.
func (s *Int8Steps) Fire(dst []uint8, n Graded, start float32) (spikes uint64, done bool) {
	return s.events.fire(dst[:s.steps*s.conv.window.Out.Len()], n, start)
}

// Rows computes row y of the output at every step, dst [steps][Out.W][Out.C].
func (s *Int8Steps) Rows(dst []float32, y int) {
	s.events.rows(dst[:s.steps*s.conv.window.Out.W*s.conv.window.Out.C], y)
}
