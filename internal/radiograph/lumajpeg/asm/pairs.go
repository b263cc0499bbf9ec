package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pairsInWord is how many pairs the 56 bits last for that a reader has at least when it is refilled: each takes 12 at most.
const pairsInWord = 4

// takePairs is takePairs of package lumajpeg, with all that it needs in registers. In place of the number of a coefficient it
// has the address of its place.
func takePairs() {
	TEXT("quickPairs", NOSPLIT, "func(window uint64, bits uint, at int, segment *byte, pairs *uint64, places *uint8, coefficient *int16, k, furthest int) (newWindow uint64, newBits uint, newAt, next, last int)")
	Pragma("noescape")
	Doc("quickPairs is takePairs in assembly: it takes pairs of coefficients, from the k-th of a block on, until a look at the stream's bits finds none, the first of a pair could be the block's last, or the block ends. It returns what became of the bitReader, where it got to,",
		"and which coefficient was the last. Up to pairsAhead bytes of the segment are read from at on.")
	window, bits, at := Load(Param("window"), GP64()), Load(Param("bits"), GP64()), Load(Param("at"), GP64())
	pairs, segment, coefficient := Load(Param("pairs"), GP64()), Load(Param("segment"), GP64()), Load(Param("coefficient"), GP64())
	k, last, end := Load(Param("k"), GP64()), Load(Param("furthest"), GP64()), Load(Param("places"), GP64())
	ADDQ(end, k)
	ADDQ(end, last)
	ADDQ(Imm(63), end)
	found, value, word := GP64(), GP64(), GP64()

	refill := func() {
		Comment("At least 56 bits, of a word that was loaded some pairs before.")
		SHRXQ(bits, word, word)
		ORQ(word, window)
		MOVQ(U32(63), value)
		SUBQ(bits, value)
		SHRQ(Imm(3), value)
		ADDQ(value, at)
		ORQ(Imm(56), bits)
		MOVQ(Mem{Base: segment, Index: at, Scale: 1}, word)
		BSWAPQ(word)
	}
	// field is the byte of found from a bit on.
	field := func(from uint8) reg.GPVirtual {
		f := GP64()
		RORXQ(Imm(uint64(from)), found, f)
		MOVBQZX(f.As8(), f)
		return f
	}
	// set writes the value of found from a bit on to a coefficient.
	set := func(at reg.Register, from uint8) {
		place := GP64()
		MOVBQZX(Mem{Base: at}, place)
		RORXQ(Imm(uint64(from)), found, value)
		MOVW(value.As16(), Mem{Base: coefficient, Index: place, Scale: 2})
	}
	MOVQ(Mem{Base: segment, Index: at, Scale: 1}, word)
	BSWAPQ(word)
	Label("look")
	refill()
	for i := range pairsInWord {
		Comment("A pair.")
		MOVQ(window, found)
		SHRQ(Imm(52), found)
		MOVQ(Mem{Base: pairs, Index: found, Scale: 8}, found)
		first := field(8)
		ADDQ(k, first)
		CMPQ(first, end)
		JAE(LabelRef("done"))
		SHLXQ(found, window, window)
		MOVBQZX(found.As8(), value)
		SUBQ(value, bits)
		set(first, 32)
		second := field(16)
		LEAQ(Mem{Base: k, Index: second, Scale: 1}, last)
		set(last, 48)
		ADDQ(field(24), k)
		CMPQ(k, end)
		if i < pairsInWord-1 {
			JA(LabelRef("done"))
		} else {
			JBE(LabelRef("look"))
		}
	}
	Label("done")
	SUBQ(Imm(63), end)
	SUBQ(end, k)
	SUBQ(end, last)
	Store(window, Return("newWindow"))
	Store(bits, Return("newBits"))
	Store(at, Return("newAt"))
	Store(k, Return("next"))
	Store(last, Return("last"))
	RET()
}
