package lumajpeg

import "math"

// target is where a coefficient goes and what it is multiplied by: its place in the
// block in bits 0-5, its quantizer step from bit 8 on.
type target uint32

func (t target) place() int  { return int(t & 63) }
func (t target) step() int64 { return int64(t >> 8) }

// untouched leaves coefficients in zigzag order and unmultiplied.
var untouched = func() (t [64]target) {
	for k := range t {
		t[k] = 1<<8 | target(k)
	}
	return t
}()

// coder decodes the blocks of a component in a sequential scan.
type coder struct {
	*part
	component *component
	dc, ac    *huffman
	targets   *[64]target
	previous  int32 // first coefficient
	h, v      int   // blocks in an MCU
}

// coders makes ready what a sequential scan takes.
func (d *decoder) coders(s *scan) (list [4]coder, err error) {
	for i, at := range s.component[:s.n] {
		c := &d.file.components[at]
		k := coder{part: &d.parts[at], component: c, h: c.h, v: c.v}
		if s.n == 1 {
			k.h, k.v = 1, 1
		}
		k.targets = &k.part.targets
		if d.file.buffered {
			k.targets = &untouched
		}
		if k.dc, err = sequentialTable(&d.sequentialDC, &d.tables.dc, s.dc[i], false); err != nil {
			return list, err
		}
		if k.ac, err = sequentialTable(&d.sequentialAC, &d.tables.ac, s.ac[i], true); err != nil {
			return list, err
		}
		list[i] = k
	}
	return list, nil
}

func sequentialTable(made *[4]*huffman, defined *[4][]byte, destination byte, coefficients bool) (*huffman, error) {
	if defined[destination&3] == nil {
		return nil, damaged("Huffman table %d is not defined", destination)
	}
	h := made[destination&3]
	if h == nil {
		h = new(huffman)
		made[destination&3] = h
	}
	if !h.define(defined[destination&3], coefficients) {
		return nil, damaged("Huffman table %d is not a prefix code", destination)
	}
	return h, nil
}

// size is how many MCUs a scan has. A component alone has a block in an MCU, and none
// beyond the picture's edge but for that which the edge goes through.
func (f *File) size(s *scan) (across, down int) {
	if s.n == 1 {
		c := &f.components[s.component[0]]
		return c.across, c.down
	}
	return f.mcusAcross, f.mcusDown
}

// sequential decodes a scan of a sequential file from a place in it, and returns the
// place after it.
func (d *decoder) sequential(s *scan, at int) (int, error) {
	coders, err := d.coders(s)
	if err != nil {
		return 0, err
	}
	across, down := d.file.size(s)
	left, restarts := d.interval(), 0
	reader := d.stream.start(d.file.data, at)
	var b block
	for row := range down {
		for column := range across {
			if left == 0 {
				if reader, err = d.restart(reader, restarts); err != nil {
					return 0, err
				}
				left, restarts = d.interval(), restarts+1
				for i := range coders {
					coders[i].previous = 0
				}
			}
			left--
			if reader.at > d.stream.low {
				reader = d.stream.more(reader)
			}
			if column&255 == 0 && d.ctx.Err() != nil {
				return 0, d.ctx.Err()
			}
			for i := range coders[:s.n] {
				k := &coders[i]
				for y := row * k.v; y < (row+1)*k.v; y++ {
					for x := column * k.h; x < (column+1)*k.h; x++ {
						ok := false
						if k.component.needed {
							if ok = d.block(k, &reader, &b); ok {
								d.put(k.part, &b, x, y)
							}
						} else {
							ok = d.chroma(k, &reader, x, y)
						}
						if !ok || reader.used() > d.stream.end {
							return 0, damaged("compressed data ends early or is wrong in row %d, column %d of the MCUs", row, column)
						}
					}
				}
			}
		}
		if !d.file.Luma() && !d.file.buffered {
			d.emit(row)
		}
	}
	d.damage.stray += d.stream.rest(reader)
	return d.stream.at, nil
}

// interval is how many MCUs there are up to the next restart marker.
func (d *decoder) interval() int {
	if d.tables.interval == 0 {
		return math.MaxInt
	}
	return d.tables.interval
}

// restart passes the marker that is due after a segment.
func (d *decoder) restart(reader bitReader, n int) (bitReader, error) {
	d.damage.stray += d.stream.rest(reader)
	if !d.stream.marker(markerRST0 + byte(n&7)) {
		return reader, damaged("restart marker %d is missing or out of sequence", n)
	}
	return d.stream.start(d.stream.data, d.stream.at), nil
}

// put transforms a block to where its samples go, or keeps its coefficients.
func (d *decoder) put(p *part, b *block, x, y int) {
	if d.file.buffered {
		p.store.keep(b, x, y)
		return
	}
	transform := d.transform
	if b.loud {
		transform = genericTransforms[d.reduce&15]
	}
	transform(p.samples.pix[((y-p.samples.top)*p.samples.stride+x)*d.size:], p.samples.stride, b)
}

// block decodes a block's coefficients. At reduce 8 only the first is kept.
func (d *decoder) block(k *coder, reader *bitReader, b *block) bool {
	difference, r, ok := k.dc.difference(reader.refilled(d.stream.bytes))
	if !ok {
		return false
	}
	k.previous += difference
	targets := k.targets
	mean := int64(int16(k.previous)) * targets[0].step()
	energy := mean * mean
	b.loud = false
	if energy > k.brightest {
		d.damage.loud++
		b.loud = energy > maxEnergy
	}
	if d.reduce == 8 && !d.file.buffered {
		b.coefficient[0] = int16(mean)
		r, ok = skipCoefficients(k.ac, d.stream.bytes, r)
		*reader = r
		return ok
	}
	b.coefficient = [64]int16{int16(mean)}

	table := k.ac
	segment := d.stream.bytes
	furthest := 0
	for k := 1; ; {
		if d.quick && len(segment)-r.at >= pairsAhead {
			r.window, r.bits, r.at, k, furthest, energy = quickPairs(r.window, r.bits, r.at, &segment[0],
				(*uint64)(&table.pairs[0]), (*uint32)(&targets[0]), &b.coefficient[0], k, furthest, energy)
		} else {
			r, k, furthest, energy = takePairs(r, segment, table, targets, b, k, furthest, energy)
		}
		if k >= 64 {
			break
		}
		// One at a time: after the last coefficient comes the next block.
		var e entry
		var value int32
		e, value, r = table.coefficient(r.refilled(segment))
		if e == 0 {
			return false
		}
		k += e.advance()
		if k < endOfBlock {
			furthest = k
			t := targets[k&63]
			v := int64(value) * t.step()
			energy += v * v
			b.coefficient[t.place()] = int16(v)
		}
		k++
	}
	b.last = furthest
	*reader = r
	if energy > maxEnergy && !b.loud {
		// Pairs of one coefficient were counted twice.
		if b.loud = energy > 2*maxEnergy || b.energy() > maxEnergy; b.loud {
			d.damage.loud++
		}
	}
	return furthest < 64
}

// pairsAhead is how many bytes of a segment quickPairs may read: 63 times lookBits bits, what is in the window by then, and the eight
// bytes after that.
const pairsAhead = 63*lookBits/8 + 1 + 8 + 8

// takePairs takes pairs of coefficients, from the k-th of a block on, until the block ends or there is one that is to be taken alone. It
// returns where the reader and k got to, the place of the last coefficient, and the sum of energy and the coefficients' squares, of which
// those that were a pair alone are counted twice.
func takePairs(r bitReader, segment []byte, table *huffman, targets *[64]target, b *block, k, furthest int, energy int64) (bitReader, int, int, int64) {
	for k < 64 {
		if r.bits < lookBits {
			r = r.refilled(segment)
		}
		p := table.pairs[r.window>>(64-lookBits)]
		k1, k2 := k+p.first(), k+p.second()
		if !p.isWhole() || k1 >= 63 {
			break
		}
		r.window <<= p.bits()
		r.bits -= p.bits()
		t1, t2 := targets[k1&63], targets[k2&63]
		v1, v2 := p.value1()*t1.step(), p.value2()*t2.step()
		energy += v1*v1 + v2*v2
		b.coefficient[t1.place()] = int16(v1)
		b.coefficient[t2.place()] = int16(v2)
		furthest = k2
		k += p.advance()
	}
	return r, k, furthest, energy
}

// chroma passes over a block but for its mean.
func (d *decoder) chroma(k *coder, reader *bitReader, x, y int) bool {
	difference, r, ok := k.dc.difference(reader.refilled(d.stream.bytes))
	if !ok {
		return false
	}
	k.previous += difference
	d.see(k.part, k.component, int16(k.previous), x, y)
	r, ok = skipCoefficients(k.ac, d.stream.bytes, r)
	*reader = r
	return ok
}

// see looks at the mean of a block that is not needed for the grey.
func (d *decoder) see(p *part, c *component, first int16, x, y int) {
	mean := int64(first) * int64(p.steps.step[0])
	if mean*mean > p.brightest {
		d.damage.loud++
	}
	// The first coefficient is eight times the mean.
	if mean /= 8; max(mean, -mean) > int64(d.visible/2) && x < c.across && y < c.down {
		d.picture.Coloured++
	}
}

// skipCoefficients passes over a block's coefficients after the first.
func skipCoefficients(table *huffman, segment []byte, r bitReader) (bitReader, bool) {
	k := 1
	for k < 64 {
		if r.bits < 32 {
			r = r.refilled(segment)
		}
		e := table.look[r.window>>(64-lookBits)]
		if e.isLonger() || e.isApart() {
			if e, _, r = table.coefficient(r); e == 0 {
				return r, false
			}
		} else {
			r.window <<= e.bits()
			r.bits -= e.bits()
		}
		k += e.advance() + 1
	}
	return r, k == 64 || k > endOfBlock
}

// difference decodes a DC coefficient's difference from the last. The reader must
// have been refilled, and has 29 bits or more after it.
func (h *huffman) difference(r bitReader) (int32, bitReader, bool) {
	e := h.look[r.window>>(64-lookBits)]
	if !e.isLonger() && !e.isApart() {
		r.window <<= e.bits()
		r.bits -= e.bits()
		return e.value(), r, true
	}
	if e.isLonger() {
		if e = h.longer(uint32(r.window>>48), false); e == 0 {
			return 0, r, false
		}
	}
	value, r := r.take(e)
	return value, r, true
}

// coefficient decodes a coefficient however it is coded. The reader must hold 26
// bits. It returns 0 for an entry if there is no such code.
func (h *huffman) coefficient(r bitReader) (entry, int32, bitReader) {
	e := h.look[r.window>>(64-lookBits)]
	if e.isLonger() {
		if e = h.longer(uint32(r.window>>48), true); e == 0 {
			return 0, 0, r
		}
	}
	if e.isApart() {
		value, r := r.take(e)
		return e, value, r
	}
	r.window <<= e.bits()
	r.bits -= e.bits()
	return e, e.value(), r
}

// take consumes a code and the value after it.
func (r bitReader) take(e entry) (int32, bitReader) {
	n := e.length() & 15
	r.window <<= e.bits()
	value := extend(uint32(r.window>>1>>(63-n)), n)
	r.window <<= n
	r.bits -= e.bits() + n
	return value, r
}
