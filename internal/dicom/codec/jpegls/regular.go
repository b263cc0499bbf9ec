package jpegls

// predict is the median edge detector, T.87, A.4.1: a and b are the samples to the left and above, c the one between.
func predict(a, b, c int) int {
	return min(max(a+b-c, min(a, b)), max(a, b))
}

// reconstruct is the sample whose prediction is off by e steps, T.87, A.4.4 and A.4.5.
func (c *coding) reconstruct(prediction, e int) int {
	v := prediction + e*c.step
	if v < -c.near {
		v += c.span * c.step
	} else if v > c.maxval+c.near {
		v -= c.span * c.step
	}
	return min(max(v, 0), c.maxval)
}

// region tells which regions three gradients are in, T.87, A.3.4. It is negative if the first that is not 0 is.
func (d *decoder) region(d1, d2, d3 int) int {
	r := &d.regions
	return 81*int(r[d1&regionMask]) + 9*int(r[d2&regionMask]) + int(r[d3&regionMask])
}

// regular decodes a sample in regular mode. Its gradients are in the regions that q tells, and it is predicted from the
// samples to the left, above and between them.
func (d *decoder) regular(q, left, above, between int) (int, bool) {
	sign := q >> 63
	x := &d.contexts[((q^sign)-sign)&(regularContexts-1)]
	p := predict(left, above, between) + ((int(x.c) ^ sign) - sign)
	p = min(max(p, 0), d.coding.maxval)
	m, ok := d.bits.golomb(int(x.k), d.coding.limit, d.coding.qbpp)
	if !ok || m >= 2*d.coding.span {
		return 0, false
	}
	e := m>>1 ^ -(m & 1) ^ int(x.flip)
	x.learn(e, &d.coding)
	return d.coding.reconstruct(p, (e^sign)-sign), true
}
