package lumajpeg

import (
	"bytes"
	"encoding/binary"
	"math"
)

const (
	// overrun is how far reading may go beyond the end of a segment before it is
	// noticed, which is between blocks: 64 codes of 16 bits, each with a value of 11 at
	// the most, and what is read ahead.
	overrun = 64*27/8 + 16
	// chunk is how many bytes of a segment are prepared at once.
	chunk = 32 << 10
	// margin is what an MCU can take.
	margin = maxBlocks * overrun
)

// bitReader reads the bits of a segment. The next bit is the highest of window, of
// which bits are known to be right; the others are either right as well or 0. quickBlocks
// knows its layout.
type bitReader struct {
	window uint64
	bits   uint
	at     int // in the stream's bytes, of the next one
}

// refilled returns the reader with at least 56 bits in its window.
func (r bitReader) refilled(segment []byte) bitReader {
	r.window |= binary.BigEndian.Uint64(segment[r.at:]) >> (r.bits & 63)
	r.at += int(63-r.bits) >> 3
	r.bits |= 56
	return r
}

// used is how many bits of the stream's bytes were used.
func (r bitReader) used() int { return r.at*8 - int(r.bits) }

// stream is an entropy-coded segment, the data between two markers, of which it has some
// free of stuffed bytes.
type stream struct {
	data []byte
	at   int // in data, of what comes next
	// bytes are followed by zeros if the segment's end is among them. Reading may go on
	// from bytes[low:] only after more.
	bytes []byte
	low   int
	// end is how many bits there are up to the segment's end, or more than can be used
	// if that is yet to come.
	end int
}

// start begins the segment at a place in the file.
func (s *stream) start(data []byte, at int) bitReader {
	s.data, s.at, s.bytes = data, at, s.bytes[:0]
	s.fill()
	return bitReader{}
}

// more makes room for an MCU.
func (s *stream) more(r bitReader) bitReader {
	s.bytes = s.bytes[:copy(s.bytes, s.bytes[r.at:])]
	s.fill()
	r.at = 0
	return r
}

// fill takes a chunk of the segment, or what there is up to the next marker.
func (s *stream) fill() {
	if s.bytes == nil {
		s.bytes = make([]byte, 0, chunk+overrun)
	}
	for len(s.bytes) < chunk {
		rest := s.data[s.at:]
		if room := chunk - len(s.bytes); len(rest) > room {
			rest = rest[:room]
		}
		i := bytes.IndexByte(rest, 0xff)
		if i < 0 {
			s.bytes = append(s.bytes, rest...)
			s.at += len(rest)
			if s.at == len(s.data) {
				break
			}
			continue
		}
		s.bytes = append(s.bytes, rest[:i]...)
		s.at += i
		// As libjpeg does, take fill bytes before a stuffed one for part of it.
		next := s.at + 1
		for next < len(s.data) && s.data[next] == 0xff {
			next++
		}
		if next == len(s.data) || s.data[next] != 0 {
			break
		}
		s.bytes = append(s.bytes, 0xff)
		s.at = next + 1
	}
	if len(s.bytes) < chunk {
		s.end, s.low = 8*len(s.bytes), math.MaxInt
		s.bytes = append(s.bytes, zeros[:]...)
		return
	}
	s.end, s.low = math.MaxInt, chunk-margin
}

var zeros [overrun]byte

// rest passes over what is left of the segment and counts its bytes. Padding is not
// counted: ones, or zeros up to the end of a byte.
func (s *stream) rest(r bitReader) (left int64) {
	known := min(s.end, 8*len(s.bytes)) - r.used()
	bits := known & 7 // of the byte that was begun
	begun := r.refilled(s.bytes).window >> (64 - bits)
	ones := begun == 1<<bits-1
	padding := ones || begun == 0
	unread := s.bytes[min(s.end/8, len(s.bytes))-known/8:]
	for {
		unread = unread[:min(s.end/8, len(s.bytes))-(len(s.bytes)-len(unread))]
		for _, b := range unread {
			left++
			ones = ones && b == 0xff
		}
		if s.end != math.MaxInt {
			break
		}
		s.bytes = s.bytes[:0]
		s.fill()
		unread = s.bytes
	}
	switch {
	case ones:
		return 0
	case left == 0 && !padding:
		return 1
	}
	return left
}

// marker takes a restart marker, if it is the next thing in the file.
func (s *stream) marker(m byte) bool {
	at := s.at
	for at < len(s.data) && s.data[at] == 0xff {
		at++
	}
	if at == s.at || at == len(s.data) || s.data[at] != m {
		return false
	}
	s.at = at + 1
	return true
}
