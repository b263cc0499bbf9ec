package jpeg2000

import (
	"math/bits"
)

// headerBits reads the bits of packet headers, B.10.1: after a byte FF comes a byte of seven bits.
type headerBits struct {
	data []byte
	at   int
	last byte
	left uint
	over bool // there were too few bytes
}

func (b *headerBits) bit() uint32 {
	if b.left == 0 {
		if b.at >= len(b.data) {
			b.over = true
			return 0
		}
		b.left = 8
		if b.last == 0xFF {
			b.left = 7
		}
		b.last = b.data[b.at]
		b.at++
	}
	b.left--
	return uint32(b.last) >> b.left & 1
}

func (b *headerBits) uint(n int) (v uint32) {
	for range n {
		v = v<<1 | b.bit()
	}
	return v
}

// finish skips the rest of the last byte, and the byte that is stuffed after FF.
func (b *headerBits) finish() {
	if b.left = 0; b.last == 0xFF {
		b.at++
		b.over = b.over || b.at > len(b.data)
	}
}

// passes reads a number of coding passes, table B.4.
func (b *headerBits) passes() int {
	if b.bit() == 0 {
		return 1
	}
	if b.bit() == 0 {
		return 2
	}
	if n := b.uint(2); n < 3 {
		return 3 + int(n)
	}
	if n := b.uint(5); n < 31 {
		return 6 + int(n)
	}
	return 37 + int(b.uint(7))
}

// packet reads the next packet of a precinct, B.9 and B.10. Budget is the bytes that chunks may still take.
func (t *tile) packet(p *precinct, params *params, s *source, budget *int64) error {
	if s.end-s.at >= 6 && be16(s.data[s.at:]) == markerSOP && be16(s.data[s.at+2:]) == 4 {
		s.at += 6
	}
	header := headerBits{data: s.data[s.at:s.end]}
	if s.packed {
		header.data = s.headers
	}
	first := len(t.chunks)
	if header.bit() != 0 {
		c := &t.components[p.component]
		r := &c.resolutions[p.resolution]
		for i := range p.bands[:r.bandCount] {
			if err := t.blockHeaders(&p.bands[i], &header, c.style, uint32(p.next), budget); err != nil {
				return err
			}
		}
	}
	header.finish()
	if header.over {
		return damaged("a packet header is cut short")
	}
	if params.eph {
		if len(header.data)-header.at < 2 || be16(header.data[header.at:]) != markerEPH {
			return damaged("a packet header does not end with an EPH marker")
		}
		header.at += 2
	}
	if s.packed {
		s.headers = s.headers[header.at:]
	} else {
		s.at += header.at
	}
	for i := range t.chunks[first:] {
		k := &t.chunks[first+i]
		if int64(k.length) > int64(s.end-s.at) {
			return damaged("a packet of %d bytes at byte %d, where %d are left", k.length, s.at, s.end-s.at)
		}
		k.from = uint32(s.at)
		s.at += int(k.length)
	}
	p.next++
	return nil
}

// blockHeaders reads what a packet header says of the code-blocks of a sub-band.
func (t *tile) blockHeaders(p *precinctBand, header *headerBits, style uint8, layer uint32, budget *int64) error {
	across, down := int(p.across), int(p.down)
	for y := range down {
		for x := range across {
			b := &t.blocks[int(p.first)+y*across+x]
			if b.included {
				if header.bit() == 0 {
					continue
				}
			} else {
				if _, known := header.tag(t.nodes[p.inclusion:], across, down, x, y, layer+1); !known {
					continue
				}
				zeros, known := header.tag(t.nodes[p.zeros:], across, down, x, y, 128)
				if !known {
					return damaged("a code-block of more than 127 empty bit-planes")
				}
				b.included, b.zeros = true, uint8(zeros)
			}
			if err := t.lengths(b, header, style, budget); err != nil {
				return err
			}
		}
		if header.over {
			return damaged("a packet header is cut short")
		}
	}
	return nil
}

// lengths reads how many passes a packet has of a code-block, and how long their codeword segments are, B.10.7.
func (t *tile) lengths(b *block, header *headerBits, style uint8, budget *int64) error {
	passes := header.passes()
	if passes+int(b.passes) > 255 {
		return damaged("a code-block of more than 255 coding passes")
	}
	for header.bit() != 0 {
		b.lengthBits++
		if b.lengthBits > 32 {
			return damaged("a code-block whose lengths have more than 32 bits")
		}
	}
	for passes > 0 {
		// Where passes share a segment, those that came before took their part of it.
		n := min(passes, segmentPasses(style, int(b.passes)))
		width := int(b.lengthBits) + bits.Len(uint(n)) - 1
		if width > 32 {
			return damaged("a code-block whose lengths have more than 32 bits")
		}
		if *budget -= chunkSize; *budget < 0 {
			return unsupported("more codeword segments than a picture of this size needs")
		}
		t.chunks = append(t.chunks, chunk{length: header.uint(width), passes: uint8(n)})
		number := uint32(len(t.chunks))
		if b.last == 0 {
			b.first = number
		} else {
			t.chunks[b.last-1].next = number
		}
		b.last = number
		b.passes += uint8(n)
		passes -= n
	}
	return nil
}
