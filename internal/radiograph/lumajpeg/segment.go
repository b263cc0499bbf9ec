package lumajpeg

import (
	"bytes"
	"encoding/binary"
)

// overrun is how far reading may go beyond the end of a segment before it is
// noticed, which is between blocks: 64 codes of 16 bits, each with a value of 11 at
// the most, and what is read ahead.
const overrun = 64*27/8 + 16

// bitReader reads the bits of a segment. The next bit is the highest of window, of
// which bits are known to be right; the others are either right as well or 0.
type bitReader struct {
	window uint64
	bits   uint
	at     int // in the segment, of the next byte
}

// refilled returns the reader with at least 56 bits in its window.
func (r bitReader) refilled(segment []byte) bitReader {
	r.window |= binary.BigEndian.Uint64(segment[r.at:]) >> (r.bits & 63)
	r.at += int(63-r.bits) >> 3
	r.bits |= 56
	return r
}

// beyond tells whether more bits were used than a segment has.
func (r bitReader) beyond(end int) bool { return r.at*8-int(r.bits) > end*8 }

// unread is how many whole bytes of the segment were not needed.
func (r bitReader) unread(end int) int { return end - (r.at*8-int(r.bits)+7)>>3 }

// nextSegment takes the entropy-coded data up to the next marker and leaves d.at
// there. It returns the data's length, without what follows it in d.segment.
func (d *decoder) nextSegment() int {
	segment := d.segment[:0]
	rest := d.data[d.at:]
	for {
		i := bytes.IndexByte(rest, 0xff)
		if i < 0 || i+1 == len(rest) || rest[i+1] != 0 {
			if i < 0 {
				i = len(rest)
			}
			segment = append(segment, rest[:i]...)
			rest = rest[i:]
			break
		}
		segment = append(segment, rest[:i+1]...)
		rest = rest[i+2:]
	}
	d.at = len(d.data) - len(rest)
	end := len(segment)
	d.segment = append(segment, zeros[:]...)
	return end
}

var zeros [overrun]byte

// marker takes a marker if it is the next thing in the file.
func (d *decoder) marker(m byte) bool {
	if len(d.data)-d.at < 2 || d.data[d.at] != 0xff || d.data[d.at+1] != m {
		return false
	}
	d.at += 2
	return true
}
