package jpeg2000

import "math/bits"

// rawSignificance is the significance propagation pass with symbols that are bits of the segment, D.6.
func (d *blockDecoder) rawSignificance(plane uint) {
	value := uint32(3) << plane
	for stripe := range d.stripes {
		at := (stripe+1)*(d.width+2) + 1
		for x := range d.width {
			f, samples := d.states[at+x], d.at(stripe, x)
			low := uint32(f)
			rows := low | low>>1 | low>>2
			open := ^(low>>4 | low>>20) & column
			todo := (rows | rows>>3 | rows>>6) & open
			for todo != 0 {
				t := uint(bits.TrailingZeros32(todo)) & 31
				todo &= todo - 1
				f |= visited << t
				if d.bit() != 0 {
					f = d.set(at+x, samples, t, f, value, d.bit())
					todo |= 8 << t & open
				}
			}
			d.states[at+x] = f
		}
	}
}

// rawRefinement is the magnitude refinement pass with symbols that are bits of the segment, D.6.
func (d *blockDecoder) rawRefinement(plane uint) {
	half := uint32(1) << plane
	for stripe := range d.stripes {
		at := (stripe+1)*(d.width+2) + 1
		for x, f := range d.states[at:][:d.width] {
			samples := d.at(stripe, x)
			for todo := uint32(f>>4&^(f>>18)) & column; todo != 0; todo &= todo - 1 {
				t := uint(bits.TrailingZeros32(todo)) & 31
				f |= refined << t
				samples[row(t)] += 2*half*d.bit() - half
			}
			d.states[at+x] = f
		}
	}
}

// cleared is a slice of n zeros in the memory of s, if that is enough.
func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
