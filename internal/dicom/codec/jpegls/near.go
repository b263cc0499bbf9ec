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

// generalLine decodes a line, T.87, A.3 to A.7, with any coding parameters. Both lines have a sample more at either end;
// those of above and the first of line are set.
func (d *decoder) generalLine(above, line []uint16, run *int) bool {
	width := len(line) - 2
	for x := 1; x <= width; {
		left, up, between := int(line[x-1]), int(above[x]), int(above[x-1])
		q := d.region(int(above[x+1])-up, up-between, between-left)
		if q == 0 {
			if x = d.endRun(above, line, x, run) + 1; x == 0 {
				return false
			}
		} else {
			v, ok := d.regular(q, left, up, between)
			if !ok {
				return false
			}
			line[x] = uint16(v)
		}
		x++
	}
	return true
}

// region tells which regions three gradients are in, T.87, A.3.4. It is negative if the first that is not 0 is.
func (d *decoder) region(d1, d2, d3 int) int {
	r := &d.regions
	return 81*int(r[d1&regionMask]) + 9*int(r[d2&regionMask]) + int(r[d3&regionMask])
}
