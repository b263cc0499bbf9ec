package jpegls

// runBits is J of T.87, A.2.1: a bit of a run's length stands for 2 to the power of so many samples.
var runBits = [32]uint8{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// run decodes a run, which begins with the first sample of above and the second of line, and the sample after it. It
// returns how many samples that is; above and line have one more than there are to decode at most.
func (d *decoder) run(above, line []uint16, run *int) (int, bool) {
	room := len(line) - 2
	n, ok := d.runLength(room, run)
	if !ok {
		return 0, false
	}
	left := line[0]
	fill(line[1:1+n], left)
	if n == room {
		return n, true
	}
	v, ok := d.runEnd(int(left), int(above[n]), *run)
	line[n+1] = uint16(v)
	*run = max(*run-1, 0)
	return n + 1, ok
}

// runLength decodes the length of a run, T.87, A.7.1, of which the line has room for so many samples. Unless the run fills
// the line, another sample follows it, and *run is lowered only after that.
func (d *decoder) runLength(room int, run *int) (int, bool) {
	n := 0
	for {
		bit, ok := d.bits.bits(1)
		if !ok {
			return 0, false
		}
		power := int(runBits[*run&31])
		if bit == 0 {
			rest, ok := d.bits.bits(power)
			n += rest
			return n, ok && n < room
		}
		n += 1 << power
		if n <= room {
			*run = min(*run+1, 31)
		}
		if n >= room {
			return room, true
		}
	}
}

// runEnd decodes the sample after a run of left, with the sample above it, T.87, A.7.2.
func (d *decoder) runEnd(left, above, run int) (int, bool) {
	if gradient := left - above; max(gradient, -gradient) <= d.coding.near {
		e, ok := d.runError(1, run)
		return d.coding.reconstruct(left, e), ok
	}
	return d.steepRunEnd(left, above, run)
}

// steepRunEnd decodes the sample after a run that ends where left and above differ.
func (d *decoder) steepRunEnd(left, above, run int) (int, bool) {
	e, ok := d.runError(0, run)
	if left > above {
		e = -e
	}
	return d.coding.reconstruct(above, e), ok
}

// runError decodes the error of a sample after a run; kind is RItype of T.87, A.7.2.
func (d *decoder) runError(kind, run int) (int, bool) {
	c, x := &d.coding, &d.runs[kind]
	k := golombOf(uint32(x.a+kind*(x.n>>1)), uint32(x.n))
	m, ok := d.bits.golomb(k, c.limit-int(runBits[run&31])-1, c.qbpp)
	if !ok || m >= 2*c.span {
		return 0, false
	}
	// The code of the likelier sign is one lower, T.87, A.7.2.2.
	e := (m + kind + 1) >> 1
	if odd := (m+kind)&1 == 1; odd == (k != 0 || 2*x.negative >= x.n) {
		e = -e
	}
	if e < 0 {
		x.negative++
	}
	x.a += (m + 1 - kind) >> 1
	if x.n == c.reset {
		x.a >>= 1
		x.n >>= 1
		x.negative >>= 1
	}
	x.n++
	return e, true
}

func fill(line []uint16, v uint16) {
	for i := range line {
		line[i] = v
	}
}
