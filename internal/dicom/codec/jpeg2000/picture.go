package jpeg2000

// unmixReversible is the inverse reversible component transform, G.2.2.
func unmixReversible(a, b, c []int32) {
	b, c = b[:len(a)], c[:len(a)]
	for i, y := range a {
		u, v := b[i], c[i]
		green := y - (u+v)>>2
		a[i], b[i], c[i] = v+green, green, u+green
	}
}

// unmixIrreversible is the inverse irreversible component transform, G.3.2. Products are rounded before they are added.
func unmixIrreversible(a, b, c []float32) {
	b, c = b[:len(a)], c[:len(a)]
	for i, y := range a {
		u, v := b[i], c[i]
		a[i] = y + float32(v*1.402)
		b[i] = y - float32(u*0.34413) - float32(v*0.71414)
		c[i] = y + float32(u*1.772)
	}
}

// emit writes the samples of a component to the picture: rounded, shifted (G.1.2) and within their range.
func (d *decoder) emit(index, plane int) {
	s, c := &d.header.size, &d.state.components[index]
	least, most, shift := int32(0), int32(1)<<s.bits-1, int32(1)<<(s.bits-1)
	if s.signed {
		least, most, shift = -shift, shift-1, 0
	}
	left, top := int(c.x0-ceilDiv(s.x0, s.stepX)), int(c.y0-ceilDiv(s.y0, s.stepY))
	width := c.width()
	for y := range c.height() {
		to := d.to[((top+y)*s.width+left)*s.components+index:]
		if c.reversible {
			for x, v := range d.ints[plane][y*width:][:width] {
				to[x*s.components] = uint16(min(max(v+shift, least), most))
			}
			continue
		}
		for x, v := range d.floats[plane][y*width:][:width] {
			to[x*s.components] = uint16(min(max(nearest(v)+shift, least), most))
		}
	}
}

// nearest rounds to the nearest integer, to the even one of two, and limits what is far outside of samples.
func nearest(v float32) int32 {
	const limit = 1 << 20
	if !(v > -limit) {
		return -limit
	}
	if v > limit {
		return limit
	}
	// The unit of this magnitude is one, so that adding it rounds.
	const unit = 3 << 51
	return int32(float64(v) + unit - unit)
}
