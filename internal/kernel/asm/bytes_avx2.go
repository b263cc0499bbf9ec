package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bytesAVX2 writes what is done to counts.
func bytesAVX2() {
	TEXT("nonzeroAVX2", NOSPLIT, "func(counts *uint8, n int) uint64")
	Pragma("noescape")
	Doc("nonzeroAVX2 counts those of n bytes, a multiple of 32, that are not zero.")
	counts, n := Load(Param("counts"), GP64()), Load(Param("n"), GP64())
	free := ymms
	fixed, rest := free.zeros(2, 1), free.take(2)
	zero, sum, temp, one := fixed[0][0], fixed[1][0], rest[0], rest[1]
	Comment("1 in every byte")
	VPCMPEQB(one, one, one)
	VPABSB(one, one)
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	VPMINUB(Mem{Base: counts}, one, temp)
	VPSADBW(temp, zero, temp)
	VPADDQ(temp, sum, sum)
	ADDQ(Imm(32), counts)
	SUBQ(Imm(32), n)
	JMP(LabelRef("loop"))
	Label("done")
	fold256(sum, temp, func(a, b reg.Register) { VPADDQ(a, b, b) })
	VMOVQ(sum.AsX(), n)
	Store(n, ReturnIndex(0))
	VZEROUPPER()
	RET()

	TEXT("maxPool2x2AVX2", NOSPLIT, "func(dst, src *uint8, c, pixelStride, rowStride, pixels int)")
	Pragma("noescape")
	Doc("maxPool2x2AVX2 takes the largest of windows of 2x2 of c channels, at least 32. Strides are from window to window and from row to row.")
	pool256(32, 1, func(at func(i int) Mem, to Mem) {
		VMOVDQU(at(0), reg.Y0)
		for i := 1; i < 4; i++ {
			VPMAXUB(at(i), reg.Y0, reg.Y0)
		}
		VMOVDQU(reg.Y0, to)
	})
}

// pool256 writes a loop over windows of 2x2, in steps of so many channels of the given size; the last step ends with
// the channels and takes some for a second time.
func pool256(step, size int, body func(at func(i int) Mem, to Mem)) {
	dst, src, pixels := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("pixels"), GP64())
	c, row := Load(Param("c"), GP64()), Load(Param("rowStride"), GP64())
	if size > 1 {
		SHLQ(Imm(2), c)
	}
	Label("pixel")
	next, channel, last := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: src, Index: c, Scale: 1}, next)
	XORQ(channel, channel)
	LEAQ(Mem{Base: c, Disp: -step * size}, last)
	Label("channels")
	below, belowNext := GP64(), GP64()
	LEAQ(Mem{Base: src, Index: row, Scale: 1}, below)
	LEAQ(Mem{Base: next, Index: row, Scale: 1}, belowNext)
	at := []reg.Register{src, next, below, belowNext}
	body(func(i int) Mem { return Mem{Base: at[i], Index: channel, Scale: 1} }, Mem{Base: dst, Index: channel, Scale: 1})
	CMPQ(channel, last)
	JE(LabelRef("next"))
	ADDQ(U32(step*size), channel)
	CMPQ(channel, last)
	CMOVQGT(last, channel)
	JMP(LabelRef("channels"))
	Label("next")
	ADDQ(c, dst)
	ADDQ(parameter("pixelStride"), src)
	DECQ(pixels)
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

// float32sAVX2 writes what is done to values. A processor with AVX-512 takes these as well: they wait for memory.
func float32sAVX2() {
	TEXT("reluAVX2", NOSPLIT, "func(x *float32, n int)")
	Pragma("noescape")
	Doc("reluAVX2 sets what is not above zero to zero, n values, a multiple of 8.")
	x, n := Load(Param("x"), GP64()), Load(Param("n"), GP64())
	VPXOR(reg.Y0, reg.Y0, reg.Y0)
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	VMOVUPS(Mem{Base: x}, reg.Y1)
	Comment("A maximum gives its second source, which Go writes first, for a NaN.")
	VMAXPS(reg.Y0, reg.Y1, reg.Y1)
	VMOVUPS(reg.Y1, Mem{Base: x})
	ADDQ(Imm(32), x)
	SUBQ(Imm(8), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()

	TEXT("maxPool2x2FloatAVX2", NOSPLIT, "func(dst, src *float32, c, pixelStride, rowStride, pixels int)")
	Pragma("noescape")
	Doc("maxPool2x2FloatAVX2 takes the largest of windows of 2x2 of c channels, at least 8, as Go's max does. Strides are in bytes, from window to window and from row to row.")
	pool256(8, 4, func(at func(i int) Mem, to Mem) {
		top, b, other := reg.Y0, reg.Y1, reg.Y2
		VMOVUPS(at(0), top)
		for i := 1; i < 4; i++ {
			Comment("Both orders differ if one is not a number, which must stay, or for zeros of either sign, of which", "the positive must; a difference from -0 makes it so.")
			VMOVUPS(at(i), b)
			VMAXPS(b, top, other)
			VMAXPS(top, b, b)
			VXORPS(b, other, top)
			VORPS(b, other, b)
			VSUBPS(top, b, top)
		}
		VMOVUPS(top, to)
	})
}
