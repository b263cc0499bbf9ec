package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// wordsAVX2 writes what makes 16-bit words of bytes and lays them out.
func wordsAVX2() {
	TEXT("widenAVX2", NOSPLIT, "func(dst *uint16, src *uint8, n int)")
	Pragma("noescape")
	Doc("widenAVX2 makes words of n bytes, a multiple of 16.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	VPMOVZXBW(Mem{Base: src}, reg.Y0)
	VMOVDQU(reg.Y0, Mem{Base: dst})
	ADDQ(Imm(16), src)
	ADDQ(Imm(32), dst)
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()

	TEXT("gatherWords8", NOSPLIT, "func(dst, src *uint16, dstStride, srcStride, n int)")
	Pragma("noescape")
	Doc("gatherWords8 copies n times 8 words, n above 0. Strides are in bytes.")
	dst, src, n = Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	dstStride, srcStride := Load(Param("dstStride"), GP64()), Load(Param("srcStride"), GP64())
	Label("loop")
	VMOVDQU(Mem{Base: src}, reg.X0)
	VMOVDQU(reg.X0, Mem{Base: dst})
	ADDQ(srcStride, src)
	ADDQ(dstStride, dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	RET()
}
