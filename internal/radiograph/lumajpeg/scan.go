package lumajpeg

import "image"

// zigzag is where the coefficients go as they come, ITU-T T.81 figure A.6: row
// times 8 plus column.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// block holds the coefficients of 8 x 8 samples, multiplied by their quantizer
// steps, row by row. All are zero from the last one set on, in zigzag order.
type block struct {
	coefficient [64]int16
	last        int
}

// maxEnergy bounds the sum of a block's squared coefficients. By Parseval's theorem
// that of 8-bit samples is at most 64 * 128^2 = 2^20, quantizers add to it, and some
// coefficients are counted twice; beyond eight times that decoders differ by how they
// overflow, so such files are left to the standard library's way. Seven keep the
// samples between the passes of a transform, scaled by 8 sqrt2, within 16 bits.
const maxEnergy = 7 << 20

// maxMean bounds the first coefficient of a chroma block, before its quantizer step.
const maxMean = 1 << 11

// transform writes the samples of a block to dst, rows stride bytes apart.
type transform func(dst []byte, stride int, b *block)

// scan decodes the entropy-coded data and expects EOI after it.
func (d *decoder) scan(reduce, colour int) (*Picture, error) {
	luma := d.components[0]
	across := (d.width + 8*luma.h - 1) / (8 * luma.h)
	down := (d.height + 8*luma.v - 1) / (8 * luma.v)
	perMCU := luma.h*luma.v + d.count - 1
	// A block takes two bits or more.
	if int64(across)*int64(down)*int64(perMCU) > 4*int64(len(d.data)-d.at) {
		return nil, fallback("%d bytes cannot hold %d x %d pixels", len(d.data)-d.at, d.width, d.height)
	}
	size := 8 / reduce
	gray := newGray(across*luma.h*size, down*luma.v*size)
	picture := &Picture{Gray: gray, ChromaBlocks: int64(across) * int64(down) * int64(d.count-1)}
	inverse := transforms[reduce]
	for k, step := range d.quantizers[luma.quantizer].step {
		d.targets[k] = target(step)<<8 | target(zigzag[k])
	}

	var b block
	var previous [3]int32
	reader := bitReader{}
	end := d.nextSegment()
	restart := byte(0)
	for mcu := range across * down {
		if d.interval > 0 && mcu > 0 && mcu%d.interval == 0 {
			if reader.unread(end) != 0 || !d.marker(markerRST0+restart) {
				return nil, fallback("no restart marker after MCU %d", mcu)
			}
			restart = (restart + 1) & 7
			previous = [3]int32{}
			reader = bitReader{}
			end = d.nextSegment()
		}
		left, top := mcu%across*luma.h*size, mcu/across*luma.v*size
		for y := range luma.v {
			for x := range luma.h {
				if !d.lumaBlock(&reader, &b, &previous[0], reduce) || reader.beyond(end) {
					return nil, fallback("damaged in MCU %d", mcu)
				}
				inverse(gray.Pix[(top+y*size)*gray.Stride+left+x*size:], gray.Stride, &b)
			}
		}
		for i := 1; i < d.count; i++ {
			if !d.chromaBlock(&reader, &previous[i], d.components[i]) || reader.beyond(end) {
				return nil, fallback("damaged in MCU %d", mcu)
			}
			// The first coefficient is eight times the mean.
			mean := int(previous[i]*d.quantizers[d.components[i].quantizer].step[0]) / 8
			if max(mean, -mean) > colour {
				picture.ColouredBlocks++
			}
		}
	}
	if reader.unread(end) != 0 || !d.marker(markerEOI) {
		return nil, fallback("no EOI marker after the scan")
	}
	gray.Rect.Max = image.Pt((d.width+reduce-1)/reduce, (d.height+reduce-1)/reduce)
	return picture, nil
}

// target is where a coefficient goes and what it is multiplied by: its place in the
// block in bits 0-5, its quantizer step from bit 8 on.
type target uint32

func (t target) place() int  { return int(t & 63) }
func (t target) step() int64 { return int64(t >> 8) }

// lumaBlock decodes a block's coefficients. At reduce 8 only the first is kept.
func (d *decoder) lumaBlock(reader *bitReader, b *block, previous *int32, reduce int) bool {
	c := &d.components[0]
	r := reader.refilled(d.segment)
	difference, r, ok := d.dc[c.dcTo&1].difference(r)
	if !ok {
		return false
	}
	*previous += difference
	mean := int64(*previous) * d.targets[0].step()
	energy := mean * mean
	if reduce == 8 {
		b.coefficient[0] = int16(mean)
		r, ok = skipCoefficients(&d.ac[c.acTo&1], d.segment, r)
		*reader = r
		return ok && energy <= maxEnergy
	}
	b.coefficient = [64]int16{int16(mean)}

	table := &d.ac[c.acTo&1]
	segment := d.segment
	targets := &d.targets
	furthest := 0
	for k := 1; k < 64; {
		if r.bits < 26 {
			r = r.refilled(segment)
		}
		p := table.pairs[r.window>>(64-lookBits)]
		k1, k2 := k+p.first(), k+p.second()
		if !p.isWhole() || k1 >= 63 {
			// One at a time: after the last coefficient comes the next block.
			var e entry
			var value int32
			e, value, r = table.coefficient(r)
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
			continue
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
	b.last = furthest
	*reader = r
	return furthest < 64 && energy <= maxEnergy
}

// chromaBlock passes over a block but for its mean.
func (d *decoder) chromaBlock(reader *bitReader, previous *int32, c component) bool {
	difference, r, ok := d.dc[c.dcTo&1].difference(reader.refilled(d.segment))
	if !ok {
		return false
	}
	*previous += difference
	r, ok = skipCoefficients(&d.ac[c.acTo&1], d.segment, r)
	*reader = r
	return ok && *previous <= maxMean && *previous >= -maxMean
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
