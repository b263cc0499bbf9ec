package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bytesAVX512 writes what is done to counts.
func bytesAVX512() {
	nonzero512()
	maxPool512()
}

func nonzero512() {
	TEXT("nonzeroAVX512", NOSPLIT, "func(counts *uint8, n int) uint64")
	Pragma("noescape")
	Doc("nonzeroAVX512 counts those of n bytes that are not zero.")
	counts, n := Load(Param("counts"), GP64()), Load(Param("n"), GP64())
	z := [2]reg.VecPhysical{reg.Z0, reg.Z1}
	mask, found, sum := [2]reg.Register{reg.K2, reg.K3}, [2]reg.GPVirtual{GP64(), GP64()}, GP64()
	XORQ(sum, sum)
	// some adds up the bytes that are not zero in so many registers.
	some := func(registers int) {
		for i := range registers {
			VPTESTMB(z[i], z[i], mask[i])
			KMOVQ(mask[i], found[i])
			POPCNTQ(found[i], found[i])
			ADDQ(found[i], sum)
		}
	}
	Label("loop")
	CMPQ(n, U32(128))
	JL(LabelRef("rest"))
	VMOVDQU8(Mem{Base: counts}, z[0])
	VMOVDQU8(Mem{Base: counts, Disp: 64}, z[1])
	some(2)
	ADDQ(U32(128), counts)
	SUBQ(U32(128), n)
	JMP(LabelRef("loop"))
	Label("rest")
	CMPQ(n, Imm(64))
	JL(LabelRef("tail"))
	VMOVDQU8(Mem{Base: counts}, z[0])
	some(1)
	ADDQ(Imm(64), counts)
	SUBQ(Imm(64), n)
	Label("tail")
	lanes512(n)
	VMOVDQU8_Z(Mem{Base: counts}, reg.K1, z[0])
	some(1)
	Store(sum, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// lanes512 sets K1 to the first n of 64 lanes, n below 64.
func lanes512(n reg.Register) {
	mask := GP64()
	MOVQ(I32(-1), mask)
	BZHIQ(n, mask, mask)
	KMOVQ(mask, reg.K1)
}

func maxPool512() {
	TEXT("maxPool2x2AVX512", NOSPLIT, "func(dst, src *uint8, c, pixelStride, rowStride, pixels int)")
	Pragma("noescape")
	Doc("maxPool2x2AVX512 takes the largest of windows of 2x2 of c channels. Strides are from window to window and from row to row.")
	dst, src, pixels := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("pixels"), GP64())
	c, row := Load(Param("c"), GP64()), Load(Param("rowStride"), GP64())
	tail := GP64()
	MOVQ(c, tail)
	ANDQ(Imm(63), tail)
	lanes512(tail)
	z := reg.Z0
	Label("pixel")
	a, b, left := GP64(), GP64(), GP64()
	MOVQ(src, a)
	LEAQ(Mem{Base: src, Index: row, Scale: 1}, b)
	MOVQ(c, left)
	Label("channels")
	CMPQ(left, Imm(64))
	JL(LabelRef("tail"))
	VMOVDQU8(Mem{Base: a}, z)
	VPMAXUB(Mem{Base: a, Index: c, Scale: 1}, z, z)
	VPMAXUB(Mem{Base: b}, z, z)
	VPMAXUB(Mem{Base: b, Index: c, Scale: 1}, z, z)
	VMOVDQU8(z, Mem{Base: dst})
	ADDQ(Imm(64), a)
	ADDQ(Imm(64), b)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(64), left)
	JMP(LabelRef("channels"))
	Label("tail")
	TESTQ(left, left)
	JZ(LabelRef("next"))
	VMOVDQU8_Z(Mem{Base: a}, reg.K1, z)
	VPMAXUB_Z(Mem{Base: a, Index: c, Scale: 1}, z, reg.K1, z)
	VPMAXUB_Z(Mem{Base: b}, z, reg.K1, z)
	VPMAXUB_Z(Mem{Base: b, Index: c, Scale: 1}, z, reg.K1, z)
	VMOVDQU8(z, reg.K1, Mem{Base: dst})
	ADDQ(left, dst)
	Label("next")
	ADDQ(parameter("pixelStride"), src)
	DECQ(pixels)
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}
