package lumajpeg

// lookBits is how many bits of the stream are looked up at once. Nearly all
// codes of a radiograph together with the bits of the value that follows are that
// short, and the tables of a file stay in the processor's first cache.
const lookBits = 12

// entry is what a number of lookBits bits begins with:
//
//	bits 0-5    how many bits to consume: of the code and of the value after it
//	bit  7      set if the value is not among the bits looked up; then only the
//	            code is counted and bits 16-31 hold the value's length
//	bits 8-15   by how much to advance among the coefficients first: the run of
//	            zeros, or endOfBlock
//	bits 16-31  the value, signed
//
// It is 0 where no code is short enough.
type entry uint32

const (
	valueApart = 1 << 7
	// endOfBlock is an advance that no run of zeros within a block can reach.
	endOfBlock = 128
)

func (e entry) bits() uint     { return uint(e & 63) }
func (e entry) advance() int   { return int(e >> 8 & 0xff) }
func (e entry) value() int32   { return int32(e) >> 16 }
func (e entry) length() uint   { return uint(e >> 16) }
func (e entry) isApart() bool  { return e&valueApart != 0 }
func (e entry) isLonger() bool { return e == 0 }

// pair is what a number of lookBits bits begins with when as many as two whole
// coefficients are taken from it, so that the chain from one look to the next,
// which is what decoding waits for, has half as many links:
//
//	bits 0-7    how many bits to consume
//	bits 8-15   how far ahead of the next coefficient the first value goes
//	bits 16-23  how far ahead of it the second value goes
//	bits 24-31  how far the next coefficient moves, or endOfBlock and more
//	bits 32-47  the first value, signed
//	bits 48-63  the second value, signed
//
// Where there is no second, it is the first again. It is notWhole where the first is not whole.
type pair uint64

// notWhole goes beyond any block.
const notWhole = pair(0xff) << 8

func (p pair) bits() uint    { return uint(p & 63) }
func (p pair) first() int    { return int(p >> 8 & 0xff) }
func (p pair) second() int   { return int(p >> 16 & 0xff) }
func (p pair) advance() int  { return int(p >> 24 & 0xff) }
func (p pair) value1() int16 { return int16(p >> 32) }
func (p pair) value2() int16 { return int16(p >> 48) }

// huffman is a Huffman table of a sequential scan.
type huffman struct {
	prefix
	look  [1 << lookBits]entry
	pairs [1 << lookBits]pair // of coefficients only
}

// define makes the table from a specification. It reports whether that is a prefix
// code. coefficients says that the symbols are of AC coefficients, four bits of run
// before four of length.
func (h *huffman) define(specification []byte, coefficients bool) bool {
	if h.is(specification) {
		return true
	}
	clear(h.look[:])
	ok := h.codes(specification, func(code, length int, symbol byte) {
		if length <= lookBits {
			if e := symbolEntry(symbol, uint(length), coefficients); e != 0 {
				h.fill(code, length, e)
			}
		}
	})
	if ok && coefficients {
		h.join()
	}
	return ok
}

// symbolEntry is the entry of a symbol before any of its value's bits are known, or 0 if
// no file of 8 bits has such a symbol: its DC differences have up to 11 bits and its
// coefficients up to 10.
func symbolEntry(symbol byte, bits uint, coefficients bool) entry {
	run, length := int(symbol>>4), uint(symbol&15)
	switch {
	case !coefficients:
		if symbol > 11 {
			return 0
		}
		run, length = 0, uint(symbol)
	case length > 10:
		return 0
	case length == 0 && run == 0:
		run = endOfBlock
	case length == 0 && run != 15:
		// Only progressive files count runs of blocks.
		return 0
	}
	return entry(bits) | valueApart | entry(run)<<8 | entry(length)<<16
}

// fill enters a code for all numbers that begin with it, and its value where that is
// among the bits as well.
func (h *huffman) fill(code, length int, apart entry) {
	free := lookBits - length
	rest := h.look[code<<free : (code+1)<<free]
	n := apart.length()
	if n > uint(free) {
		for i := range rest {
			rest[i] = apart
		}
		return
	}
	same := 1 << (uint(free) - n)
	whole := entry(length) + entry(n) | entry(apart.advance())<<8
	for bits := range uint32(1) << n {
		e := whole | entry(uint32(extend(bits, n))<<16)
		run := rest[:same]
		for i := range run {
			run[i] = e
		}
		rest = rest[same:]
	}
}

// join makes pairs of what look has.
func (h *huffman) join() {
	var e entry
	alone := notWhole // e without a second coefficient
	var bits uint
	var advance int
	for i, found := range h.look {
		if found != e {
			e = found
			bits, advance = e.bits(), e.advance()+1
			if e.isApart() || e.isLonger() {
				alone = notWhole
			} else if e.advance() >= endOfBlock {
				// Writes a zero where there is one.
				alone = pair(bits) | endOfBlock<<24
			} else {
				value, place := pair(uint16(e.value())), pair(e.advance())
				alone = pair(bits) | place<<8 | place<<16 | pair(advance)<<24 | value<<32 | value<<48
			}
		}
		h.pairs[i] = alone
		next := h.look[i<<(bits&63)&(1<<lookBits-1)]
		if alone == notWhole || advance > endOfBlock || next.isLonger() || next.isApart() || bits+next.bits() > lookBits {
			continue
		}
		if next.advance() >= endOfBlock {
			const advances = 0xff << 24
			h.pairs[i] = alone&^advances | endOfBlock<<24 + pair(next.bits())
			continue
		}
		second := advance + next.advance()
		const firstOnly = 0x0000_ffff_0000_ff00
		h.pairs[i] = alone&firstOnly | pair(bits+next.bits()) | pair(second)<<16 | pair(second+1)<<24 | pair(uint16(next.value()))<<48
	}
}

// extend makes a signed value of n bits, ITU-T T.81 section F.2.2.1: those that
// begin with a 0 are negative.
func extend(bits uint32, n uint) int32 {
	if n == 0 || bits>>(n-1) != 0 {
		return int32(bits)
	}
	return int32(bits) - (1<<n - 1)
}

// longer finds the entry of a code that look does not have at the head of 16 bits of
// the stream, or 0 if there is no such code.
func (h *huffman) longer(bits uint32, coefficients bool) entry {
	symbol, length := h.symbol(bits, lookBits)
	if length == 0 {
		return 0
	}
	return symbolEntry(symbol, length, coefficients)
}
