package jpegls

import (
	"encoding/binary"
	"math/bits"
)

// plain says whether losslessLine decodes scans coded so: lossless, with samples that fill a whole number of bits.
func (c *coding) plain() bool { return c.near == 0 && c.maxval&(c.maxval+1) == 0 }

// losslessLine decodes what generalLine does, for plain scans. Films are nearly all regular mode, and this is where the time
// goes: the bits, the contexts and the neighbours are in registers, and nothing branches on what cannot be foreseen.
func (d *decoder) losslessLine(above, line []uint16, run *int) bool {
	r, regions, contexts := &d.bits, &d.regions, &d.contexts
	maxval, reset, largest := d.coding.maxval, int32(d.coding.reset), uint(2*d.coding.span)
	// Codes with more zeros and bits together go the slow way, so that 32 bits do, and the code is no escape.
	short := uint(min(31, d.coding.limit-d.coding.qbpp-2))
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
			if x = d.endRun(above, line, x+1, run); x < 0 {
				return false
			}
			word, held, at = r.word, r.n, r.at
			if x >= len(out) {
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
				whole := (63 - held) >> 3
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
			v, ok := r.golomb(int(k), d.coding.limit, d.coding.qbpp)
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
		v := (p + ((e ^ sign) - sign)) & maxval
		out[x] = uint16(v)
		left, between, up, second = v, up, right, first
		c.learnLossless(int32(e), reset)
	}
	r.word, r.n, r.at = word, held, at
	return true
}

// endRun decodes a run that begins at x, with the sample after it. It returns the number of samples decoded, less one; or
// one that is no less than the samples' number if the run fills the line; or a negative one if the code cannot be.
func (d *decoder) endRun(above, line []uint16, x int, run *int) int {
	width := len(line) - 2
	n, ok := d.runLength(width+1-x, run)
	if !ok {
		return -1
	}
	fill(line[x:x+n], line[x-1])
	if x += n; x > width {
		return width
	}
	v, ok := d.runEnd(int(line[x-1]), int(above[x]), *run)
	if !ok {
		return -1
	}
	line[x] = uint16(v)
	*run = max(*run-1, 0)
	return x - 1
}

// learnLossless is learn for lossless coding, without branches but for the one that is taken once in RESET errors.
func (x *regularContext) learnLossless(e, reset int32) {
	size := e >> 31
	a, b, n := x.a+uint32((e^size)-size), x.b+e, x.n
	if n == reset {
		a >>= 1
		b >>= 1
		n >>= 1
	}
	n++
	low, high := (b+n-1)>>31, -b>>31 // -1 if b <= -n, and if b > 0
	b += n&low - n&high
	b = min(max(b, 1-n), 0)
	x.c = int16(min(max(int32(x.c)+low-high, -128), 127))
	x.a, x.b, x.n = a, b, n
	k := max(bits.Len32(a)-bits.Len32(uint32(n)), 0)
	if uint32(n)<<(k&31) < a {
		k++
	}
	x.k = uint8(k)
	x.flip = int8((k - 1) >> 63 & int(2*b+n-1) >> 63)
}
