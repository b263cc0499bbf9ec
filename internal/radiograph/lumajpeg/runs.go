package lumajpeg

// runBits is how many bits of a progressive scan are looked up at once.
const runBits = 9

// runs is a Huffman table of a progressive scan, whose symbols are means' differences, or
// a run and the length of a value, or a run of blocks.
type runs struct {
	prefix
	look [1 << runBits]uint16 // the symbol, and the code's length from bit 8; 0 if it is longer
}

// define makes the table from a specification and reports whether that is a prefix code.
func (h *runs) define(specification []byte) bool {
	if h.is(specification) {
		return true
	}
	clear(h.look[:])
	return h.codes(specification, func(code, length int, symbol byte) {
		if length <= runBits {
			free := runBits - length
			same := h.look[code<<free : (code+1)<<free]
			for i := range same {
				same[i] = uint16(length)<<8 | uint16(symbol)
			}
		}
	})
}

// next decodes a symbol. The reader must hold 16 bits.
func (h *runs) next(r bitReader) (symbol byte, _ bitReader, ok bool) {
	e := h.look[r.window>>(64-runBits)]
	length := uint(e >> 8)
	symbol = byte(e)
	if length == 0 {
		if symbol, length = h.symbol(uint32(r.window>>48), runBits); length == 0 {
			return 0, r, false
		}
	}
	r.window <<= length & 63
	r.bits -= length
	return symbol, r, true
}

// take consumes n bits, at most 16.
func (r bitReader) takeBits(n uint) (uint32, bitReader) {
	n &= 31
	v := uint32(r.window >> 1 >> (63 - n))
	r.window <<= n
	r.bits -= n
	return v, r
}

// runsTable is the table of a destination.
func runsTable(made *[4]*runs, defined *[4][]byte, destination byte) (*runs, error) {
	if defined[destination&3] == nil {
		return nil, damaged("Huffman table %d is not defined", destination)
	}
	h := made[destination&3]
	if h == nil {
		h = new(runs)
		made[destination&3] = h
	}
	if !h.define(defined[destination&3]) {
		return nil, damaged("Huffman table %d is not a prefix code", destination)
	}
	return h, nil
}
