package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pixelsInt8AVX2 is how many pixels a tile of 1 to 3 registers of channels has.
var pixelsInt8AVX2 = [...]int{1: 8, 2: 4, 3: 3}

// int8AVX2 writes one function for each width of a block of channels, in registers of 8. Inputs are taken two 16-bit
// words at a time (VPMADDUBSW would take four bytes, but saturates), weights lie as [row][group][register][8][2].
func int8AVX2() {
	for n := 1; n <= 3; n++ {
		TEXT(fmt.Sprintf("int8SpanAVX2x%d", n), NOSPLIT, "func(dst *float32, dstStride int, src *uint16, pixelStride, rowStride int, weights *int16, scale, bias *float32, rows, groups, pixels int)")
		Pragma("noescape")
		Doc(fmt.Sprintf("int8SpanAVX2x%d computes some pixels and %d channels of a convolution. Strides are in bytes.", n, 8*n))
		t := newTile()
		byPixels(pixelsInt8AVX2[n], func(p int) { t.int8AVX2(n, p) })
	}
}

// int8AVX2 is a tile of p pixels and n registers of channels.
func (t *tile) int8AVX2(n, p int) {
	free := ymms
	sum, weight, input, product := free.zeros(p, n), free.take(n), free.take(1)[0], free.take(2)
	t.walk(p, 4, 32*n, func(src, src4, weights reg.Register) {
		for j := range weight {
			VMOVDQU(Mem{Base: weights, Disp: 32 * j}, weight[j])
		}
		for i := range sum {
			VPBROADCASTD(t.at(src, src4, i), input)
			for j := range weight {
				VPMADDWD(weight[j], input, product[j%2])
				VPADDD(product[j%2], sum[i][j], sum[i][j])
			}
		}
	})
	Comment("Sums to currents: float32(sum)*scale + bias.")
	scale, bias := Load(Param("scale"), GP64()), Load(Param("bias"), GP64())
	for j := range weight {
		VMOVUPS(Mem{Base: scale, Disp: 32 * j}, weight[j])
	}
	for i := range sum {
		for j, v := range sum[i] {
			VCVTDQ2PS(v, v)
			VMULPS(weight[j], v, v)
			VADDPS(Mem{Base: bias, Disp: 32 * j}, v, v)
			VMOVUPS(v, Mem{Base: t.dst, Disp: 32 * j})
		}
		ADDQ(t.dstStride, t.dst)
	}
	t.advance(p)
}

// wordsAVX2 writes what makes 16-bit words of bytes and lays them out for int8AVX2.
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
