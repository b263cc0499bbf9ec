package lumajpeg

import "math/bits"

// progressive decodes a scan of a progressive file from a place in it, and returns the
// place after it. ITU-T T.81 annex G.
func (d *decoder) progressive(s *scan, at int) (int, error) {
	if s.from == 0 {
		return d.means(s, at)
	}
	table, err := runsTable(&d.progressiveAC, &d.tables.ac, s.ac[0])
	if err != nil {
		return 0, err
	}
	i := s.component[0]
	c, p := &d.file.components[i], &d.parts[i]
	b := band{table: table, store: &p.store, from: s.from, to: s.to, shift: uint(s.low)}
	b.within = (1<<(s.to+1) - 1) &^ (1<<s.from - 1)
	if s.to == 63 {
		b.within = ^uint64(1<<s.from - 1)
	}
	left, restarts := d.interval(), 0
	reader := d.stream.start(d.file.data, at)
	for y := range c.down {
		for x := 0; x < c.across; {
			if left == 0 {
				if b.blocks > 0 {
					return 0, damaged("a run of blocks goes beyond a restart marker")
				}
				if reader, err = d.restart(reader, restarts); err != nil {
					return 0, err
				}
				left, restarts = d.interval(), restarts+1
			}
			if x&1023 == 0 && d.ctx.Err() != nil {
				return 0, d.ctx.Err()
			}
			if b.blocks > 0 && s.high == 0 {
				// No news of these blocks.
				n := min(b.blocks, c.across-x, left, 1024-x&1023)
				b.blocks, left, x = b.blocks-n, left-n, x+n
				continue
			}
			if reader.at > d.stream.low {
				reader = d.stream.more(reader)
			}
			block := y*c.stride + x
			ok := false
			if s.high == 0 {
				reader, ok = b.first(d.stream.bytes, reader, block)
			} else {
				reader, ok = b.refine(d.stream.bytes, reader, block)
			}
			if !ok || reader.used() > d.stream.end {
				return 0, damaged("compressed data ends early or is wrong in row %d, column %d of the blocks of component %d", y, x, i)
			}
			x++
			left--
		}
	}
	if b.blocks > 0 {
		return 0, damaged("a run of blocks goes beyond the scan")
	}
	d.damage.stray += d.stream.rest(reader)
	return d.stream.at, nil
}

// means decodes a scan of first coefficients.
func (d *decoder) means(s *scan, at int) (int, error) {
	var tables [4]*runs
	for i := range s.n {
		if s.high != 0 {
			break
		}
		var err error
		if tables[i], err = runsTable(&d.progressiveDC, &d.tables.dc, s.dc[i]); err != nil {
			return 0, err
		}
	}
	across, down := d.file.size(s)
	left, restarts := d.interval(), 0
	reader := d.stream.start(d.file.data, at)
	var previous [4]int32
	for row := range down {
		for column := range across {
			if left == 0 {
				var err error
				if reader, err = d.restart(reader, restarts); err != nil {
					return 0, err
				}
				left, restarts = d.interval(), restarts+1
				previous = [4]int32{}
			}
			left--
			if reader.at > d.stream.low {
				reader = d.stream.more(reader)
			}
			if column&255 == 0 && d.ctx.Err() != nil {
				return 0, d.ctx.Err()
			}
			for i, at := range s.component[:s.n] {
				c, store := &d.file.components[at], &d.parts[at].store
				h, v := c.h, c.v
				if s.n == 1 {
					h, v = 1, 1
				}
				for y := row * v; y < (row+1)*v; y++ {
					for x := column * h; x < (column+1)*h; x++ {
						if reader.bits < 32 {
							reader = reader.refilled(d.stream.bytes)
						}
						first := &store.values[(y*store.stride+x)*store.size]
						if s.high != 0 {
							var bit uint32
							bit, reader = reader.takeBits(1)
							*first |= int16(bit << s.low)
							continue
						}
						length, r, ok := tables[i].next(reader)
						if !ok || length > 11 {
							return 0, damaged("compressed data ends early or is wrong in row %d, column %d of the MCUs", row, column)
						}
						var value uint32
						value, reader = r.takeBits(uint(length))
						previous[i] += extend(value, uint(length))
						*first = int16(previous[i] << s.low)
					}
				}
			}
			if reader.used() > d.stream.end {
				return 0, damaged("compressed data ends early or is wrong in row %d, column %d of the MCUs", row, column)
			}
		}
	}
	d.damage.stray += d.stream.rest(reader)
	return d.stream.at, nil
}

// band decodes the coefficients from to to of a component's blocks in a progressive scan.
type band struct {
	table    *runs
	store    *coefficients
	from, to int
	within   uint64 // bits of the history that belong to the band
	shift    uint   // bits that are yet to come
	blocks   int    // how many blocks have nothing new, the next included
}

// endOfBlocks reads how many blocks, this one included, have no more coefficients.
func endOfBlocks(run uint, r bitReader) (int, bitReader) {
	more, r := r.takeBits(run)
	return 1<<run + int(more), r
}

// first decodes the first bits of a block's coefficients.
func (b *band) first(segment []byte, r bitReader, block int) (bitReader, bool) {
	history := b.store.history[block]
	for k := b.from; k <= b.to; k++ {
		if r.bits < 32 {
			r = r.refilled(segment)
		}
		symbol, next, ok := b.table.next(r)
		if !ok {
			return r, false
		}
		r = next
		run, length := int(symbol>>4), uint(symbol&15)
		if length == 0 && run < 15 {
			b.blocks, r = endOfBlocks(uint(run), r)
			b.blocks--
			break
		}
		if k += run; k > b.to || length > 10 {
			return r, false
		}
		if length == 0 {
			continue
		}
		var bits uint32
		bits, r = r.takeBits(length)
		history |= 1 << k
		if b.store.size == 64 {
			b.store.values[64*block+k] = int16(extend(bits, length) << b.shift)
		}
	}
	b.store.history[block] = history
	return r, true
}

// refine decodes one bit more of a block's coefficients: of each that is not zero, and
// which of the others become so.
func (b *band) refine(segment []byte, r bitReader, block int) (bitReader, bool) {
	history := b.store.history[block]
	k := b.from
	for b.blocks == 0 && k <= b.to {
		if r.bits < 32 {
			r = r.refilled(segment)
		}
		symbol, next, ok := b.table.next(r)
		if !ok {
			return r, false
		}
		r = next
		run, length := int(symbol>>4), symbol&15
		if length == 0 && run < 15 {
			b.blocks, r = endOfBlocks(uint(run), r)
			break
		}
		if length > 1 {
			return r, false
		}
		var positive uint32
		if length == 1 {
			positive, r = r.takeBits(1)
		}
		// The place of the zero after run others.
		zeros := ^history & b.within &^ (1<<k - 1)
		for range run {
			zeros &= zeros - 1
		}
		if zeros == 0 {
			return r, false
		}
		place := bits.TrailingZeros64(zeros)
		r = b.correct(segment, r, block, history&(1<<place-1)&^(1<<k-1))
		if length == 1 {
			b.store.history[block] |= 1 << place
			if b.store.size == 64 {
				b.store.values[64*block+place] = int16(2*int(positive)-1) << b.shift
			}
		}
		k = place + 1
	}
	if b.blocks > 0 {
		if k <= b.to {
			r = b.correct(segment, r, block, history&b.within&^(1<<k-1))
		}
		b.blocks--
	}
	return r, true
}

// correct reads the next bit of each of some coefficients that are not zero.
func (b *band) correct(segment []byte, r bitReader, block int, which uint64) bitReader {
	const most = 56 // bits that a reader holds for certain
	for which != 0 {
		n := uint(bits.OnesCount64(which))
		now := which
		if n > most {
			for ; n > most; n-- {
				now &^= 1 << (bits.Len64(now) - 1)
			}
		}
		which &^= now
		if r.bits < n {
			r = r.refilled(segment)
		}
		news := r.window
		r.window <<= n & 63
		r.bits -= n
		if b.store.size != 64 {
			continue
		}
		values := b.store.values[64*block:][:64]
		for ; now != 0; now &= now - 1 {
			v := &values[bits.TrailingZeros64(now)&63]
			sign := *v >> 15
			*v += (int16(news>>63<<(b.shift&15)) ^ sign) - sign
			news <<= 1
		}
	}
	return r
}
