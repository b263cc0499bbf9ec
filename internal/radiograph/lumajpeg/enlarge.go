package lumajpeg

// enlarge is a component's row y at the picture's size, out of the band of a row of
// MCUs. It enlarges as libjpeg does by default: twice with weights of 3 to 1 for the
// nearer and the farther sample, with the choices of rounding that go by turns, and by
// other factors, or where there are too few samples, by repeating them.
func (d *decoder) enlarge(i, row, y int) []byte {
	c, p := &d.file.components[i], &d.parts[i]
	across, down := d.file.hMax/c.h, d.file.vMax/c.v
	// line is a row of the component's samples; above and below the picture the
	// outermost is repeated.
	line := func(at int) []byte {
		at = min(max(at, 0), c.height-1) - row*8*c.v + 1
		return p.band[at*p.samples.stride:][:c.width]
	}
	near := line(y / down)
	out := p.enlarged[:c.width*across]
	smooth := across == 1 || across == 2 && c.width > 2
	switch {
	case across == 1 && down == 1:
		return near
	case down == 2 && smooth:
		// The neighbour of an upper row of two is above, of a lower one below.
		lower := y & 1
		far := line(y/2 - 1 + 2*lower)
		if across == 1 {
			for x, v := range near {
				out[x] = byte((3*int(v) + int(far[x]) + 1 + lower) >> 2)
			}
			return out
		}
		twice(out, len(near), 4, 8, 7, func(x int) int { return 3*int(near[x]) + int(far[x]) })
	case down == 1 && across == 2 && smooth:
		twice(out, len(near), 2, 1, 2, func(x int) int { return int(near[x]) })
	default:
		for x, v := range near {
			for k := range across {
				out[x*across+k] = v
			}
		}
	}
	return out
}

// twice doubles a row of n sums, to be divided by 2^shift afterwards; left and right are
// added before that to the samples on either side.
func twice(out []byte, n, shift, left, right int, sum func(x int) int) {
	last, this := sum(0), sum(0)
	for x := range n {
		next := this
		if x+1 < n {
			next = sum(x + 1)
		}
		out[2*x] = byte((3*this + last + left) >> shift)
		out[2*x+1] = byte((3*this + next + right) >> shift)
		last, this = this, next
	}
}
