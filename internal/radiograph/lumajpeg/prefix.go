package lumajpeg

import "bytes"

// prefix is the prefix code of a Huffman table.
type prefix struct {
	// specification is what the code was made from: 16 counts of codes by their length,
	// then the symbols (ITU-T T.81 annex C). It is kept so that the next file, which is
	// likely to say the same, need not make the tables again; nil if it was no prefix
	// code.
	specification []byte
	// Of each code length: the first code of the next length, left-aligned to 16 bits,
	// and what to add to a code to find its symbol. ITU-T T.81 section F.2.2.3.
	limit  [17]uint32
	offset [17]int32
}

// is tells whether the code was made from a specification.
func (p *prefix) is(specification []byte) bool {
	return len(p.specification) > 0 && bytes.Equal(p.specification, specification)
}

// codes makes the code and calls each for every code of it. It reports whether the
// specification is a prefix code that is not empty.
func (p *prefix) codes(specification []byte, each func(code, length int, symbol byte)) bool {
	kept := p.specification[:0]
	p.specification = nil
	code, index := 0, 0
	for length := 1; length <= 16; length++ {
		p.offset[length] = int32(index - code)
		for range specification[length-1] {
			if code >= 1<<length-1 {
				return false // no code is all ones
			}
			each(code, length, specification[16+index])
			code++
			index++
		}
		p.limit[length] = uint32(code) << (16 - length)
		code <<= 1
	}
	if index > 0 {
		p.specification = append(kept, specification...)
	}
	return index > 0
}

// symbol finds the symbol of a code longer than known bits at the head of 16 bits of
// the stream. The length is 0 if there is no such code.
func (p *prefix) symbol(bits uint32, known int) (symbol byte, length uint) {
	if bits < p.limit[known] {
		return 0, 0
	}
	for n := known + 1; n <= 16; n++ {
		if bits < p.limit[n] {
			return p.specification[16+int32(bits>>(16-n))+p.offset[n]], uint(n)
		}
	}
	return 0, 0
}
