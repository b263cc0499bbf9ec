package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pairsInWord is how many pairs the 56 bits last for that a reader has at least when it is refilled: each takes 12 at most.
const pairsInWord = 4

// takePairs is takePairs of package lumajpeg, with all that it needs in registers.
func takePairs() {
	TEXT("quickPairs", NOSPLIT, "func(window uint64, bits uint, at int, segment *byte, pairs *uint64, targets *uint32, coefficient *int16, k, furthest int, energy int64) (newWindow uint64, newBits uint, newAt, next, last int, sum int64)")
	Pragma("noescape")
	Doc("quickPairs is takePairs in assembly: it takes pairs of coefficients, from the k-th of a block on, until a look at the stream's bits finds none, the first of a pair could be the block's last, or the block ends. It returns what became of the bitReader, where it got to,",
		"the place of the last coefficient, and the sum of energy and the squares, of which single ones are counted twice. Up to pairsAhead bytes of the segment are read from at on.")
	window, bits, at := Load(Param("window"), GP64()), Load(Param("bits"), GP64()), Load(Param("at"), GP64())
	pairs, segment, targets, coefficient := Load(Param("pairs"), GP64()), Load(Param("segment"), GP64()), Load(Param("targets"), GP64()), Load(Param("coefficient"), GP64())
	k, energy := Load(Param("k"), GP64()), Load(Param("energy"), GP64())
	found, first, second, target, value, word := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()

	Comment("The place of the last coefficient is kept in memory.")
	result, err := Return("last").Resolve()
	if err != nil {
		panic(err)
	}
	last := result.Addr
	Load(Param("furthest"), value)
	MOVQ(value, last)
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
	MOVQ(Mem{Base: segment, Index: at, Scale: 1}, word)
	BSWAPQ(word)
	Label("look")
	refill()
	for i := range pairsInWord {
		Comment("A pair.")
		MOVQ(window, found)
		SHRQ(Imm(52), found)
		MOVQ(Mem{Base: pairs, Index: found, Scale: 8}, found)
		MOVL(found.As32(), first.As32())
		SHRL(Imm(8), first.As32())
		MOVBQZX(first.As8(), first)
		ADDQ(k, first)
		TESTQ(found, found)
		JZ(LabelRef("done"))
		CMPQ(first, Imm(63))
		JGE(LabelRef("done"))
		SHLXQ(found, window, window)
		MOVBQZX(found.As8(), value)
		SUBQ(value, bits)

		MOVL(found.As32(), second.As32())
		SHRL(Imm(16), second.As32())
		MOVBQZX(second.As8(), second)
		ADDQ(k, second)
		MOVQ(second, last)
		ANDL(Imm(63), second.As32())
		for at, place := range []reg.GPVirtual{first, second} {
			MOVL(Mem{Base: targets, Index: place, Scale: 4}, target.As32())
			MOVL(target.As32(), place.As32())
			ANDL(Imm(63), place.As32())
			SHRL(Imm(8), target.As32())
			MOVQ(found, value)
			if at == 0 {
				SHLQ(Imm(16), value)
			}
			SARQ(Imm(48), value)
			IMULQ(target, value)
			MOVW(value.As16(), Mem{Base: coefficient, Index: place, Scale: 2})
			IMULQ(value, value)
			ADDQ(value, energy)
		}
		SHRL(Imm(24), found.As32())
		ADDQ(found, k)
		CMPQ(k, Imm(64))
		if i < pairsInWord-1 {
			JGE(LabelRef("done"))
		} else {
			JL(LabelRef("look"))
		}
	}
	Label("done")
	Store(window, Return("newWindow"))
	Store(bits, Return("newBits"))
	Store(at, Return("newAt"))
	Store(k, Return("next"))
	Store(energy, Return("sum"))
	RET()
}
