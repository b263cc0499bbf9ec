package jpeg

import "encoding/binary"

// bits reads the bits of entropy-coded data (T.81, F.2.2.5). The zero bytes that are stuffed after 0xff are left out. At a
// marker and at the end of the data it goes on with zeros, and knows how many: see past.
type bits struct {
	data []byte
	at   int
	next uint64 // the bits that come next, the first on top, and zeros below them
	n    int    // how many there are
	past int    // how many of them are none of the data's
}

// have is how many bits there are at least after fill: a code and the value after it have no more.
const have = 32

// fill sees to it that there are have bits, when there are fewer.
func (b *bits) fill() {
	if b.at+4 <= len(b.data) {
		if x := binary.BigEndian.Uint32(b.data[b.at:]); plain(x) {
			b.next |= uint64(x) << (32 - uint(b.n)&63)
			b.n += 32
			b.at += 4
			return
		}
	}
	b.fillSlowly()
}

// plain tells four bytes of which none is 0xff.
func plain(x uint32) bool { return (^x-0x01010101)&x&0x80808080 == 0 }

func (b *bits) fillSlowly() {
	for b.n <= 56 {
		if c, ok := b.byte(); ok {
			b.next |= uint64(c) << (56 - uint(b.n))
		} else {
			b.past += 8
		}
		b.n += 8
	}
}

// byte takes a byte of the data, if one comes before the next marker.
func (b *bits) byte() (byte, bool) {
	if b.at >= len(b.data) {
		return 0, false
	}
	c := b.data[b.at]
	if c != 0xff {
		b.at++
		return c, true
	}
	if b.at+1 < len(b.data) && b.data[b.at+1] == 0 {
		b.at += 2
		return c, true
	}
	return 0, false
}

// overrun tells that bits have been used that are none of the data's.
func (b *bits) overrun() bool { return b.n < b.past }

// maxPadding is how many bytes may follow the last code: DICOM makes fragments even, and some encoders flush a whole byte.
const maxPadding = 4

// end checks that the data ends where the last code does, but for the bits that fill its byte and for padding.
func (b *bits) end() error {
	if b.overrun() {
		return damaged("the entropy-coded data ends early, at byte %d", b.at)
	}
	left := b.n - b.past
	b.next <<= uint(left) & 7
	left &^= 7
	for count := 0; ; count++ {
		var c byte
		if left > 0 {
			c = byte(b.next >> 56)
			b.next <<= 8
			left -= 8
		} else {
			var ok bool
			if c, ok = b.byte(); !ok {
				break
			}
		}
		if count == maxPadding || c != 0 && c != 0xff {
			return damaged("the entropy-coded data goes on after the last sample, to byte %d", b.at)
		}
	}
	b.next, b.n, b.past = 0, 0, 0
	return nil
}

// restart goes on after a restart marker, number of them having come before (T.81, E.2.4).
func (b *bits) restart(number int) error {
	if err := b.end(); err != nil {
		return err
	}
	for b.at+1 < len(b.data) && b.data[b.at] == 0xff && b.data[b.at+1] == 0xff {
		b.at++
	}
	if due := rst0 + byte(number&7); b.at+1 >= len(b.data) || b.data[b.at+1] != due {
		return damaged("no restart marker %#x at byte %d", due, b.at)
	}
	b.at += 2
	return nil
}

// symbol decodes a symbol and the value that follows it. ok is false for bits that are no code.
func (b *bits) symbol(h *huffman) (symbol byte, value int32, ok bool) {
	if b.n < have {
		b.fill()
	}
	e := h.look[b.next>>(64-lookBits)]
	if e&whole != 0 {
		b.next <<= e & 63
		b.n -= int(e & 63)
		return byte(e >> 8), int32(e) >> 16, true
	}
	symbol, value, n := h.slow(b.next, e)
	b.next <<= n
	b.n -= int(n)
	return symbol, value, n > 0
}
