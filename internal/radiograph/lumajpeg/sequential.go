package lumajpeg

import (
	"math"
	"unsafe"

	"github.com/spikeray/spikeray/internal/dct"
)

// places are where coefficients go as they come. Those beyond the block, which end
// decoding, go to its last place until then.
type places [128]uint8

// byRow and byZigzag are the places of blocks that are transformed at once and of those that are kept.
var byRow, byZigzag = func() (rows, zigzag places) {
	for k := range zigzag {
		zigzag[k] = uint8(min(k, 63))
		rows[k] = dct.Zigzag[zigzag[k]]
	}
	return rows, zigzag
}()

// coder decodes the blocks of a component in a sequential scan.
type coder struct {
	*part
	component *component
	dc, ac    *huffman
	places    *places
	previous  int32 // first coefficient
	h, v      int   // blocks in an MCU
	inTurn    int   // blocks in a row, if the odd ones come right after the even ones; else 0
}

// coders makes ready what a sequential scan takes.
func (d *decoder) coders(s *scan) (list [4]coder, err error) {
	for i, at := range s.component[:s.n] {
		c := &d.file.components[at]
		k := coder{part: &d.parts[at], component: c, h: c.h, v: c.v}
		if s.n == 1 {
			k.h, k.v = 1, 1
		}
		if k.v == 1 || k.h&1 == 0 {
			across, _ := d.file.size(s)
			k.inTurn = across * k.h
		}
		k.places = &byRow
		if d.file.buffered {
			k.places = &byZigzag
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
	inRuns := d.quick && s.n == 1 && coders[0].component.needed && !d.file.buffered
	for row := range down {
		for column := 0; column < across; column++ {
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
			if inRuns && column&1 == 0 {
				if n := d.run(&coders[0], &reader, column, row, min(len(d.ahead), across-column, left+1)); n > 0 {
					column += n - 1
					left -= n - 1
					continue
				}
			}
			for i := range coders[:s.n] {
				k := &coders[i]
				for y := row * k.v; y < (row+1)*k.v; y++ {
					for x := column * k.h; x < (column+1)*k.h; x++ {
						ok := false
						if k.component.needed {
							if ok = d.block(k, &reader, &k.part.blocks[x&1]); ok {
								d.put(k.part, x, y, k.inTurn)
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

// run decodes up to n blocks of a row from an even column x on, and transforms them. It returns how many it took: none, and it has done
// nothing, if there is room for none or the data are damaged, which is found out block by block.
func (d *decoder) run(k *coder, reader *bitReader, x, y, n int) (took int) {
	segment, r, previous := d.stream.bytes, *reader, k.previous
	for took < n {
		done, next, last := k.quick(&r, segment, d.ahead[took:n])
		if took += done; took == n || next == 0 {
			break
		}
		if !d.rest(k, &r, &d.ahead[took], next, last) {
			k.previous = previous
			return 0
		}
		took++
	}
	if r.used() > d.stream.end {
		k.previous = previous
		return 0
	}
	*reader = r
	p := k.part
	for i := 0; i < took; i++ {
		switch {
		case d.beside == nil:
			d.putOne(p, &d.ahead[i], x+i, y)
		case i+1 < took:
			d.putTwo(p, &d.ahead[i], &d.ahead[i+1], x+i, y)
			i++
		default:
			p.blocks[0] = d.ahead[i]
			d.put(p, x+i, y, k.inTurn)
		}
	}
	return took
}

// put transforms the block that a part has for column x to where its samples go, or keeps its coefficients, which are in
// zigzag order then. Of the first inTurn blocks of a row, those of even columns wait for their neighbours.
func (d *decoder) put(p *part, x, y, inTurn int) {
	if d.file.buffered {
		p.store.keep(&p.blocks[x&1], x, y)
		return
	}
	if d.beside != nil && x|1 < inTurn {
		if x&1 == 0 {
			return
		}
		d.putTwo(p, &p.blocks[0], &p.blocks[1], x-1, y)
		return
	}
	d.putOne(p, &p.blocks[x&1], x, y)
}

// putTwo transforms blocks of columns x and x + 1.
func (d *decoder) putTwo(p *part, left, right *block, x, y int) {
	means := [2]int64{p.mean(left), p.mean(right)}
	if d.beside(d.samples(p, x, y), p.samples.stride, left, right, &p.steps) {
		for _, m := range means {
			if m*m > p.brightest {
				d.damage.loud++
			}
		}
		return
	}
	d.putOne(p, left, x, y)
	d.putOne(p, right, x+1, y)
}

func (d *decoder) putOne(p *part, b *block, x, y int) {
	mean := p.mean(b)
	if d.transform(d.samples(p, x, y), p.samples.stride, b, &p.steps) || mean*mean > p.brightest {
		d.damage.loud++
	}
}

// mean is a block's first coefficient, multiplied by its step.
func (p *part) mean(b *block) int64 { return int64(b.coefficient[0]) * int64(p.steps[0]) }

// samples is where the samples of a part's block begin.
func (d *decoder) samples(p *part, x, y int) []byte {
	return p.samples.pix[((y-p.samples.top)*p.samples.stride+x)*d.size:]
}

// block decodes a block's coefficients. At reduce 8 only the first is kept.
func (d *decoder) block(k *coder, reader *bitReader, b *block) bool {
	next, furthest := 0, 0
	if d.quick {
		var done int
		if done, next, furthest = k.quick(reader, d.stream.bytes, unsafe.Slice(b, 1)); done == 1 {
			return true
		}
	}
	return d.rest(k, reader, b, next, furthest)
}

// rest decodes what is left of a block's coefficients from the next on, of which furthest came last.
func (d *decoder) rest(k *coder, reader *bitReader, b *block, next, furthest int) bool {
	segment := d.stream.bytes
	r := *reader
	if next == 0 {
		var difference int32
		var ok bool
		if difference, r, ok = k.dc.difference(r.refilled(segment)); !ok {
			return false
		}
		k.previous += difference
		b.coefficient = [64]int16{int16(k.previous)}
		if d.reduce == 8 && !d.file.buffered {
			*reader, ok = skipCoefficients(k.ac, segment, r)
			return ok
		}
		next = 1
	}
	for next < 64 {
		r, next, furthest = takePairs(r, segment, k.ac, k.places, b, next, furthest)
		if next >= 64 {
			break
		}
		// One at a time: after the last coefficient comes the next block.
		var e entry
		var value int32
		if e, value, r = k.ac.coefficient(r.refilled(segment)); e == 0 {
			return false
		}
		next += e.advance()
		if next < endOfBlock {
			furthest = next
			b.coefficient[k.places[next&127]&63] = int16(value)
		}
		next++
	}
	b.last = furthest
	*reader = r
	return furthest < 64
}

// takePairs takes pairs of coefficients, from the k-th of a block on, until the block ends or there is one that is to be taken alone. It
// returns where the reader and k got to, and which coefficient was the last.
func takePairs(r bitReader, segment []byte, table *huffman, places *places, b *block, k, furthest int) (bitReader, int, int) {
	for k < 64 {
		if r.bits < lookBits {
			r = r.refilled(segment)
		}
		p := table.pairs[r.window>>(64-lookBits)]
		k1, k2 := k+p.first(), k+p.second()
		if k1 >= 63 {
			break
		}
		r.window <<= p.bits()
		r.bits -= p.bits()
		b.coefficient[places[k1&127]&63] = p.value1()
		b.coefficient[places[k2&127]&63] = p.value2()
		furthest = k2
		k += p.advance()
	}
	return r, k, furthest
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
	mean := int64(first) * int64(p.steps[0])
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
