package jpeg

// specification is a Huffman table as DHT has it: how many codes there are of each length, then the symbols.
type specification []byte

// huffmanTables reads a DHT segment (T.81, B.2.4.2). It only holds on to the specifications: a table is made when a scan
// uses it, so that a stream of thousands of tables costs little.
func (d *decoder) huffmanTables(body []byte) error {
	for len(body) > 0 {
		class, name := body[0]>>4, body[0]&15
		body = body[1:]
		n := 16
		if len(body) >= 16 {
			for _, count := range body[:16] {
				n += int(count)
			}
		}
		if class > 1 || name > 3 || len(body) < n || n > 16+256 {
			return damaged("Huffman table %d of class %d in %d bytes", name, class, len(body))
		}
		if class == 0 {
			d.dc[name] = body[:n]
		} else {
			d.ac[name] = body[:n]
		}
		body = body[n:]
	}
	return nil
}

// kind is what the symbols of a table mean.
type kind struct {
	runs     bool // symbols are of AC coefficients: four bits of run, four of length
	lossless bool
}

// lookBits is how many bits of the stream are looked up at once. Most codes of a film are that short with their value.
const lookBits = 12

// entry is what a number of lookBits bits begins with:
//
//	bits 0-5    how many bits to consume: those of the code and, if the entry is whole, of the value
//	bit  7      whole: the value is among the bits looked up
//	bits 8-15   the symbol
//	bits 16-31  the value, signed
//
// It is 0 where no code is short enough.
type entry uint32

const whole = 1 << 7

// huffman is a table that a scan uses.
type huffman struct {
	kind
	look [1 << lookBits]entry
	// For codes longer than lookBits: those of n bits are below limit[n], as numbers of 16 bits, and symbols[code-first[n]]
	// is the symbol.
	limit   [17]int32
	first   [17]int32
	symbols []byte
}

// tableBytes is about the memory of a table.
const tableBytes = 4<<lookBits + 256

// table makes a table (T.81, annex C).
func (s specification) table(k kind) (*huffman, error) {
	if len(s) == 0 {
		return nil, damaged("a Huffman table that a scan uses is missing")
	}
	h := &huffman{kind: k, symbols: s[16:]}
	var code, used int32
	for n := int32(1); n <= 16; n++ {
		h.first[n] = code - used
		for range s[n-1] {
			symbol := h.symbols[used]
			if !k.allows(symbol) {
				return nil, damaged("a Huffman table has the symbol %#x", symbol)
			}
			if code>>n != 0 {
				return nil, damaged("a Huffman table has more codes of %d bits than there are", n)
			}
			if n <= lookBits {
				h.fill(code, uint(n), symbol)
			}
			code++
			used++
		}
		h.limit[n] = code << (16 - n)
		code <<= 1
	}
	return h, nil
}

// length is how many bits of value follow a symbol. A difference of category 16 has none (T.81, H.1.2.2).
func (k kind) length(symbol byte) uint {
	if k.runs {
		return uint(symbol & 15)
	}
	if symbol == 16 {
		return 0
	}
	return uint(symbol)
}

func (k kind) allows(symbol byte) bool {
	return k.runs || symbol <= 15 || k.lossless && symbol == 16
}

// fill enters a code for all numbers that begin with it, and its values where they are among the bits as well.
func (h *huffman) fill(code int32, n uint, symbol byte) {
	free := lookBits - n
	rest := h.look[code<<free : (code+1)<<free]
	e := entry(n) | entry(symbol)<<8
	length := h.length(symbol)
	if length > free {
		for i := range rest {
			rest[i] = e
		}
		return
	}
	e += entry(length) | whole
	same := 1 << (free - length)
	for bits := range uint32(1) << length {
		e := e | entry(uint16(h.value(symbol, bits)))<<16
		for i := range rest[:same] {
			rest[i] = e
		}
		rest = rest[same:]
	}
}

// value makes a value of its bits (T.81, F.2.2.1): those that begin with a 0 are negative.
func (h *huffman) value(symbol byte, bits uint32) int32 {
	n := h.length(symbol)
	if n == 0 {
		if h.lossless && symbol == 16 {
			return 1 << 15
		}
		return 0
	}
	v := int32(bits)
	if v>>(n-1) == 0 {
		v -= 1<<n - 1
	}
	return v
}

// slow decodes a symbol and its value, if there is one, from the head of the stream's next 32 bits at least, e being what
// the table has for them. The number of bits is 0 if they are no code.
func (h *huffman) slow(next uint64, e entry) (symbol byte, value int32, bits uint) {
	symbol, bits = byte(e>>8), uint(e&63)
	if e == 0 {
		head := int32(next >> 48)
		n := lookBits + 1
		for n <= 16 && head >= h.limit[n] {
			n++
		}
		if n > 16 {
			return 0, 0, 0
		}
		symbol, bits = h.symbols[head>>(16-n)-h.first[n]], uint(n)
	}
	length := h.length(symbol)
	return symbol, h.value(symbol, uint32(next<<bits>>32>>(32-length))), bits + length
}
