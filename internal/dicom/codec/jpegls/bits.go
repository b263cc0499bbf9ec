package jpegls

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// reader reads the bits of an entropy-coded segment, the first bit in the highest of a byte. After a byte ff the next one
// begins with a bit 0 that is not data, T.87, A.1.
type reader struct {
	data []byte
	at   int    // the byte to be taken up next
	end  int    // of the segment: where the next marker is, or the end of the data
	safe int    // no byte from at to here is ff or follows ff
	word uint64 // the next bits, from the highest on. Bits below the lowest of n may be known already
	n    int    // how many bits of word are taken up
}

// begin starts with the segment at byte at of the data.
func (r *reader) begin(data []byte, at int) {
	*r = reader{data: data, at: at, end: segmentEnd(data, at)}
	r.findSafe()
}

// segmentEnd is where the next marker is: ff and a byte that has its highest bit set, or ff as the last byte of all.
func segmentEnd(data []byte, at int) int {
	for at < len(data) {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 {
			break
		}
		if at += i; at+1 == len(data) || data[at+1] >= 0x80 {
			return at
		}
		at++
	}
	return len(data)
}

func (r *reader) findSafe() {
	r.safe = r.end
	if i := bytes.IndexByte(r.data[r.at:r.end], 0xff); i >= 0 {
		r.safe = r.at + i
	}
}

// fill takes up bits until there are more than 56, or all that the segment has.
func (r *reader) fill() {
	for r.n <= 56 {
		switch {
		case r.at+8 <= r.safe:
			// The byte that is not taken up whole stays in word. Taking it up again later changes nothing.
			r.word |= binary.BigEndian.Uint64(r.data[r.at:]) >> (r.n & 63)
			whole := (64 - r.n) >> 3
			r.at += whole
			r.n += 8 * whole
		case r.at <= r.safe && r.at < r.end:
			r.word |= uint64(r.data[r.at]) << ((56 - r.n) & 63)
			r.n += 8
			r.at++
		case r.at < r.end:
			r.word |= uint64(r.data[r.at]) << ((57 - r.n) & 63)
			r.n += 7
			r.at++
			r.findSafe()
		default:
			return
		}
	}
}

func (r *reader) skip(n int) {
	r.word <<= n & 63
	r.n -= n
}

// bits reads k bits, at most 32.
func (r *reader) bits(k int) (int, bool) {
	if r.n < k {
		if r.fill(); r.n < k {
			return 0, false
		}
	}
	v := int(r.word >> 1 >> ((63 - k) & 63))
	r.skip(k)
	return v, true
}

// zeros reads bits 0 up to a bit 1, which it reads too. There must be at most so many.
func (r *reader) zeros(most int) (int, bool) {
	if r.n <= most {
		r.fill()
	}
	n := bits.LeadingZeros64(r.word)
	if n > most || n >= r.n {
		return 0, false
	}
	r.skip(n)
	r.skip(1)
	return n, true
}

// golomb reads a code of T.87, A.5.3: the value's bits above k in unary, then its lowest k bits; or after so many zeros
// that the code would be longer than limit, the value less one in qbpp bits.
func (r *reader) golomb(k, limit, qbpp int) (int, bool) {
	most := limit - qbpp - 1
	high, ok := r.zeros(most)
	if !ok {
		return 0, false
	}
	if high == most {
		v, ok := r.bits(qbpp)
		return v + 1, ok
	}
	low, ok := r.bits(k)
	return high<<(k&63) | low, ok
}

// rest is how many bits of the segment were not read, or more than 64.
func (r *reader) rest() int {
	if r.fill(); r.at < r.end {
		return 65
	}
	return r.n
}

// finished says whether the segment ends with the last bit read, but for the bits that fill its last byte, and a byte that
// keeps an ff before it from looking like a marker. If no marker ends the segment, zeros may follow: DICOM pads fragments
// to an even number of bytes.
func (r *reader) finished() bool {
	rest := r.rest()
	if rest < 8 {
		return true
	}
	if rest < 15 && r.data[r.end-2] == 0xff {
		return true
	}
	if r.end < len(r.data) || r.word != 0 {
		return false
	}
	for _, b := range r.data[r.at:] {
		if b != 0 {
			return false
		}
	}
	return true
}
