package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// As in package lumajpeg.
const (
	lookBits   = 12
	valueApart = 1 << 7
	// lastOfBlock is where a block has the number of its last coefficient, and blockBytes its size.
	lastOfBlock = 128
	blockBytes  = 136
	// pairsInWord is how many pairs the 56 bits last for that a reader has at least when it is refilled: each takes lookBits at most.
	pairsInWord = 4
)

// entropy is what decoding a block's coefficients has in registers. In place of the number of a coefficient it has the
// address of its place.
type entropy struct {
	window, bits, at, word reg.GPVirtual // a bitReader, and the eight bytes that are next
	segment, coefficient   reg.GPVirtual
	k, last, end           reg.GPVirtual // the next coefficient, the last and number 63
	found, value           reg.GPVirtual // what a table has; free in between
}

// quickBlocks is block of package lumajpeg for some blocks, up to a code that is longer than a look.
func quickBlocks() {
	TEXT("quickBlocks", NOSPLIT, "func(reader *uint64, segment *byte, limit int, dc, ac *uint32, places *uint8, blocks *[64]int16, n int, mean int32) (newMean int32, done, next, last int)")
	Pragma("noescape")
	Doc("quickBlocks decodes n blocks, up to the first with a code longer than lookBits, or which would begin beyond limit in the segment. reader is a bitReader; dc and ac are the entries of a huffman, which its pairs follow; mean is the first coefficient of the block before.",
		"It returns that of the last block, how many are done, and of the one that is not, the numbers of its next coefficient and of its last. A block whose last is beyond its end is not done either.",
		"Up to overrun bytes of the segment are read from limit on.")
	e := entropy{found: GP64(), value: GP64(), word: GP64(), window: GP64(), bits: GP64(), at: GP64(), last: GP64()}
	reader := Load(Param("reader"), GP64())
	MOVQ(Mem{Base: reader}, e.window)
	MOVQ(Mem{Base: reader, Disp: 8}, e.bits)
	MOVQ(Mem{Base: reader, Disp: 16}, e.at)
	e.segment, e.coefficient = Load(Param("segment"), GP64()).(reg.GPVirtual), Load(Param("blocks"), GP64()).(reg.GPVirtual)
	e.k, e.end = GP64(), GP64()
	done, mean := GP64(), GP32()
	XORQ(done, done)
	Store(done, Return("done"))
	Load(Param("mean"), mean)
	Store(mean, Return("newMean"))
	MOVQ(Mem{Base: e.segment, Index: e.at, Scale: 1}, e.word)
	BSWAPQ(e.word)

	Label("block")
	Load(Param("places"), e.k)
	MOVQ(e.k, e.last)
	LEAQ(Mem{Base: e.k, Disp: 63}, e.end)
	limit := Load(Param("limit"), GP64())
	CMPQ(e.at, limit)
	JG(LabelRef("out"))
	zero := XMM()
	PXOR(zero, zero)
	for i := range 8 {
		MOVOU(zero, Mem{Base: e.coefficient, Disp: 16 * i})
	}

	Comment("The difference of the first coefficient.")
	table := Load(Param("dc"), GP64())
	e.refill()
	e.alone(table, "dc")
	mean = GP32()
	MOVL(returned("newMean"), mean)
	ADDL(e.value.As32(), mean)
	Store(mean, Return("newMean"))
	MOVW(mean.As16(), Mem{Base: e.coefficient})
	INCQ(e.k)

	table = Load(Param("ac"), GP64())
	Label("look")
	e.refill()
	for i := range pairsInWord {
		Comment("A pair.")
		e.look(table, 4<<lookBits, 8)
		first := e.field(8)
		ADDQ(e.k, first)
		CMPQ(first, e.end)
		JAE(LabelRef("single"))
		e.take()
		e.set(first, 32)
		second := e.field(16)
		LEAQ(Mem{Base: e.k, Index: second, Scale: 1}, e.last)
		e.set(e.last, 48)
		ADDQ(e.field(24), e.k)
		CMPQ(e.k, e.end)
		if i < pairsInWord-1 {
			JA(LabelRef("done"))
		} else {
			JBE(LabelRef("look"))
			JMP(LabelRef("done"))
		}
	}

	Comment("One coefficient: after the last comes the next block.")
	Label("single")
	e.refill()
	e.alone(table, "ac")
	ADDQ(e.field(8), e.k)
	beyond := GP64()
	LEAQ(Mem{Base: e.end, Disp: 64}, beyond)
	CMPQ(e.k, beyond)
	JA(LabelRef("done"))
	MOVQ(e.k, e.last)
	place := GP64()
	MOVBQZX(Mem{Base: e.k}, place)
	MOVW(e.value.As16(), Mem{Base: e.coefficient, Index: place, Scale: 2})
	INCQ(e.k)
	CMPQ(e.k, e.end)
	JBE(LabelRef("look"))

	Label("done")
	CMPQ(e.k, e.end)
	JBE(LabelRef("out"))
	CMPQ(e.last, e.end)
	JA(LabelRef("out"))
	Comment("The block is done.")
	SUBQ(e.end, e.last)
	ADDQ(Imm(63), e.last)
	MOVQ(e.last, Mem{Base: e.coefficient, Disp: lastOfBlock})
	ADDQ(U32(blockBytes), e.coefficient)
	done = GP64()
	MOVQ(returned("done"), done)
	INCQ(done)
	Store(done, Return("done"))
	n := Load(Param("n"), GP64())
	CMPQ(done, n)
	JL(LabelRef("block"))

	Label("out")
	reader = Load(Param("reader"), GP64())
	MOVQ(e.window, Mem{Base: reader})
	MOVQ(e.bits, Mem{Base: reader, Disp: 8})
	MOVQ(e.at, Mem{Base: reader, Disp: 16})
	SUBQ(Imm(63), e.end)
	SUBQ(e.end, e.k)
	SUBQ(e.end, e.last)
	Store(e.k, Return("next"))
	Store(e.last, Return("last"))
	RET()
}

// returned is where a result is.
func returned(name string) Op {
	b, err := Return(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// refill has at least 56 bits in the window, of a word that was loaded some pairs before.
func (e *entropy) refill() {
	Comment("Refill.")
	SHRXQ(e.bits, e.word, e.word)
	ORQ(e.word, e.window)
	MOVQ(U32(63), e.value)
	SUBQ(e.bits, e.value)
	SHRQ(Imm(3), e.value)
	ADDQ(e.value, e.at)
	ORQ(Imm(56), e.bits)
	MOVQ(Mem{Base: e.segment, Index: e.at, Scale: 1}, e.word)
	BSWAPQ(e.word)
}

// look finds the entry of the next bits, of a size in bytes, in a table that is some bytes into a huffman's.
func (e *entropy) look(table reg.Register, into int, size uint8) {
	MOVQ(e.window, e.found)
	SHRQ(Imm(64-lookBits), e.found)
	m := Mem{Base: table, Disp: into, Index: e.found, Scale: size}
	if size == 8 {
		MOVQ(m, e.found)
	} else {
		MOVL(m, e.found.As32())
	}
}

// take consumes the bits that found says.
func (e *entropy) take() {
	SHLXQ(e.found, e.window, e.window)
	bits := GP64()
	MOVBQZX(e.found.As8(), bits)
	SUBQ(bits, e.bits)
}

// field is the byte of found from a bit on.
func (e *entropy) field(from uint8) reg.GPVirtual {
	f := GP64()
	RORXQ(Imm(uint64(from)), e.found, f)
	MOVBQZX(f.As8(), f)
	return f
}

// set writes the value of found from a bit on to a coefficient.
func (e *entropy) set(at reg.Register, from uint8) {
	place := GP64()
	MOVBQZX(Mem{Base: at}, place)
	RORXQ(Imm(uint64(from)), e.found, e.value)
	MOVW(e.value.As16(), Mem{Base: e.coefficient, Index: place, Scale: 2})
}

// alone takes one entry and its value, which may come apart. There is none for a longer code.
func (e *entropy) alone(table reg.Register, name string) {
	e.look(table, 0, 4)
	TESTL(e.found.As32(), e.found.As32())
	JZ(LabelRef("done"))
	SHLXQ(e.found, e.window, e.window)
	bits := GP64()
	MOVL(e.found.As32(), bits.As32())
	ANDL(Imm(63), bits.As32())
	SUBQ(bits, e.bits)
	MOVL(e.found.As32(), e.value.As32())
	SARL(Imm(16), e.value.As32())
	TESTL(U32(valueApart), e.found.As32())
	JZ(LabelRef(name + "Whole"))
	Comment("That many bits. Those that begin with a zero are negative.")
	SUBQ(e.value, e.bits)
	number := GP64()
	XORL(number.As32(), number.As32())
	SUBQ(e.value, number)
	rest := GP64()
	SHLXQ(e.value, e.window, rest)
	SHRXQ(number, e.window, number)
	sign := GP64()
	MOVQ(e.window, sign)
	SARQ(Imm(63), sign)
	NOTQ(sign)
	Comment("All ones above the value's bits, and a one more.")
	SHLXQ(e.value, sign, sign)
	MOVQ(rest, e.window)
	MOVQ(sign, e.value)
	SHRQ(Imm(63), sign)
	ADDQ(sign, e.value)
	ADDQ(number, e.value)
	Label(name + "Whole")
}
