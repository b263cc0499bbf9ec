package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// line decodes a line, T.87, A.3 to A.7. Both lines have a sample more at either end; those of above and the first of line
// are set.
//
// Films are nearly all regular mode, and this is where their time goes. So it has regular, golomb and learn written out: the
// bits, the neighbours and the parameters stay in registers, the next context's code is worked out while the next sample
// waits for nothing of it, and nothing branches on what cannot be foreseen. A test compares it with the three.
func (d *decoder) line(above, line []uint16, run *int) bool {
	r, regions, contexts, coding := &d.bits, &d.regions, &d.contexts, &d.coding
	maxval, near, step, over, wrap := coding.maxval, coding.near, coding.step, coding.maxval+coding.near, coding.span*coding.step
	reset, largest := int32(coding.reset), uint(2*coding.span)
	flips := int32(0)
	if near == 0 {
		flips = -1
	}
	// Codes with more zeros and bits together go the slow way, so that 32 bits do, and the code is no escape.
	short := uint(min(31, coding.limit-coding.qbpp-2))
	out := line[1 : len(line)-1]
	next := above[2:][:len(out)] // above and to the right
	left, up, between := int(line[0]), int(above[1]), int(above[0])
	second := int(regions[(up-between)&regionMask])
	word, held, at := r.word, r.n, r.at
	for x := 0; uint(x) < uint(len(out)); x++ {
		right := int(next[x])
		first := int(regions[(right-up)&regionMask])
		q := 9*(9*first+second) + int(regions[(between-left)&regionMask])
		if q == 0 {
			r.word, r.n, r.at = word, held, at
			n, ok := d.run(above[x+1:], line[x:], run)
			if !ok {
				return false
			}
			word, held, at = r.word, r.n, r.at
			if x += n - 1; x >= len(out)-1 {
				break
			}
			left, between, up = int(out[x]), int(above[x+1]), int(next[x])
			second = int(regions[(up-between)&regionMask])
			continue
		}
		sign := q >> 63
		c := &contexts[((q^sign)-sign)&(regularContexts-1)]
		p := predict(left, up, between) + ((int(c.c) ^ sign) - sign)
		p = min(max(p, 0), maxval)

		if held < 32 {
			if at+8 <= r.safe {
				word |= binary.BigEndian.Uint64(r.data[at:]) >> (held & 63)
				whole := (64 - held) >> 3
				at += whole
				held += 8 * whole
			} else {
				r.word, r.n, r.at = word, held, at
				r.fill()
				word, held, at = r.word, r.n, r.at
			}
		}
		k := uint(c.k)
		zeros := uint(bits.LeadingZeros64(word))
		var m uint
		if zeros+k <= short && held >= 32 {
			word <<= (zeros + 1) & 63
			m = zeros<<(k&63) | uint(word>>1>>((63-k)&63))
			word <<= k & 63
			held -= int(zeros + 1 + k)
		} else {
			r.word, r.n, r.at = word, held, at
			v, ok := r.golomb(int(k), coding.limit, coding.qbpp)
			if !ok {
				return false
			}
			m = uint(v)
			word, held, at = r.word, r.n, r.at
		}
		if m >= largest {
			return false
		}
		e := int(m>>1) ^ -int(m&1) ^ int(c.flip)
		v := p + ((e^sign)-sign)*step
		if v < -near {
			v += wrap
		} else if v > over {
			v -= wrap
		}
		v = min(max(v, 0), maxval)
		out[x] = uint16(v)
		left, between, up, second = v, up, right, first

		size := e >> 63
		a, b, n := c.a+uint32((e^size)-size), c.b+int32(e*step), c.n
		if n == reset {
			a >>= 1
			b >>= 1
			n >>= 1
		}
		n++
		low, high := (b+n-1)>>31, -b>>31 // -1 if b <= -n, and if b > 0
		b = min(max(b+n&low-n&high, 1-n), 0)
		c.c = int16(min(max(int32(c.c)+low-high, -128), 127))
		c.a, c.b, c.n = a, b, n
		j := golombOf(a, uint32(n))
		c.k = uint8(j)
		c.flip = int8((int32(j) - 1) >> 31 & ((2*b + n - 1) >> 31) & flips)
	}
	r.word, r.n, r.at = word, held, at
	return true
}
