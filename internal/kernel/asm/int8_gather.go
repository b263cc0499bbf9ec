package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// int8Gather writes what copies the short kernel rows of a first layer.
func int8Gather() {
	TEXT("gather8", NOSPLIT, "func(dst, src *uint8, dstStride, srcStride, n int)")
	Pragma("noescape")
	Doc("gather8 copies n times 8 bytes, n above 0, from every srcStride bytes to every dstStride.")
	dst, src, n := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64())
	dstStride, srcStride := Load(Param("dstStride"), GP64()), Load(Param("srcStride"), GP64())
	a, b := GP64(), GP64()
	Label("two")
	CMPQ(n, Imm(2))
	JL(LabelRef("one"))
	MOVQ(Mem{Base: src}, a)
	MOVQ(Mem{Base: src, Index: srcStride, Scale: 1}, b)
	MOVQ(a, Mem{Base: dst})
	MOVQ(b, Mem{Base: dst, Index: dstStride, Scale: 1})
	LEAQ(Mem{Base: src, Index: srcStride, Scale: 2}, src)
	LEAQ(Mem{Base: dst, Index: dstStride, Scale: 2}, dst)
	SUBQ(Imm(2), n)
	JMP(LabelRef("two"))
	Label("one")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	MOVQ(Mem{Base: src}, a)
	MOVQ(a, Mem{Base: dst})
	Label("done")
	RET()
}
