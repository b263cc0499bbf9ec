package jpeg

import "context"

// enlarge brings a subsampled component to the picture's size. Components of half the width, and of half the width and
// height, are interpolated by a triangle filter, three parts of the nearer sample and one of the farther, as libjpeg does
// by default; samples of others are repeated.
func (f *frame) enlarge(ctx context.Context, from target, c *component, to []uint16) error {
	across, down := f.hMax/c.h, f.vMax/c.v
	smooth := across == 2 && down <= 2 && c.width > 2
	n := len(f.components)
	for y := range f.height {
		if y%rowsPerLook == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row := to[y*f.width*n+c.index:]
		near := from.samples[y/down*c.width:][:c.width]
		if !smooth {
			for x := range f.width {
				row[x*n] = near[x/across]
			}
			continue
		}
		far := near
		if down == 2 {
			i := max(0, min(y/2-1+2*(y&1), c.height-1))
			far = from.samples[i*c.width:][:c.width]
		}
		for x := range f.width {
			row[x*n] = triangle(near, far, x, down == 2)
		}
	}
	return nil
}

// triangle interpolates the sample at place x of a row of twice the width, between the rows near and far. Halves are rounded
// down and up by turns, as libjpeg does.
func triangle(near, far []uint16, x int, both bool) uint16 {
	i := x / 2
	j := max(0, min(i-1+2*(x&1), len(near)-1))
	if !both {
		if i == j {
			return near[i]
		}
		return uint16((3*uint32(near[i]) + uint32(near[j]) + 1 + uint32(x&1)) >> 2)
	}
	this := 3*uint32(near[i]) + uint32(far[i])
	next := 3*uint32(near[j]) + uint32(far[j])
	return uint16((3*this + next + 8 - uint32(x&1)) >> 4)
}
