package jpeg2000

// segment is the bits of a codeword segment, without the bits that were stuffed into it. Past its end come ones, as T.800,
// C.3.4 and D.4.1, say.
type segment struct {
	words []uint32
	next  int

	bits uint64 // that wait to fill a word
	n    uint   // how many
	last byte
	done bool // by a marker within the segment

	raw     uint32 // a word that is read bit by bit
	rawBits uint
}

// maxSegmentWords is more than the passes of a code-block can take: 4096 samples of 38 bit-planes, and as much again.
const maxSegmentWords = 1 << 14

func (s *segment) reset() {
	*s = segment{words: s.words[:0]}
}

// add appends bytes. It is false where the segment is longer than a code-block can need.
func (s *segment) add(data []byte) bool {
	if s.done {
		return true
	}
	if len(data)/4 > maxSegmentWords-len(s.words) {
		return false
	}
	words, waiting, n, last := s.words, s.bits, s.n, s.last
	for _, b := range data {
		if last == 0xFF {
			if b > 0x8F {
				s.done = true
				break
			}
			// The bit on top is the carry of the encoder: it belongs to the bits before.
			waiting = waiting<<7 + uint64(b)
			n += 7
			if waiting>>n != 0 {
				waiting &= 1<<n - 1
				for i := len(words) - 1; i >= 0; i-- {
					if words[i]++; words[i] != 0 {
						break
					}
				}
			}
		} else {
			waiting = waiting<<8 | uint64(b)
			n += 8
		}
		last = b
		if n >= 32 {
			n -= 32
			words = append(words, uint32(waiting>>n))
			waiting &= 1<<n - 1
		}
	}
	s.words, s.bits, s.n, s.last = words, waiting, n, last
	return true
}

// end fills the last word with ones.
func (s *segment) end() {
	if s.n > 0 {
		free := 32 - s.n
		s.words = append(s.words, uint32(s.bits<<free)|(1<<free-1))
	}
}

func (s *segment) word() uint32 {
	if s.next < len(s.words) {
		s.next++
		return s.words[s.next-1]
	}
	return 1<<32 - 1
}

// bit reads one bit of a segment that is not arithmetically coded.
func (s *segment) bit() uint32 {
	if s.rawBits == 0 {
		s.raw, s.rawBits = s.word(), 32
	}
	s.rawBits--
	return s.raw >> (s.rawBits & 31) & 1
}
