package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func poolCounts() {
	TEXT("poolCountsAVX512", NOSPLIT, "func(dst, src, awake, order *uint8, c, stride, row, awakeRow, pixels int)")
	Pragma("noescape")
	Doc("poolCountsAVX512 writes the largest of each two by two pixels' c counts, at most 128, in the order wanted. src has stride bytes a pixel and row bytes to the second row; those that are not awake in their tile of 8 pixels are 0, awakeRow further for the second row.")
	dst := Load(Param("dst"), GP64())
	pool(func(first Mem, others []Mem, masks []reg.Register, to, _ reg.Register) {
		VMOVDQU8_Z(first, masks[0], to)
		for i, other := range others {
			VPMAXUB(other, to, masks[1+i], to)
		}
	}, func(i int, pooled, c reg.Register) {
		VMOVDQU8(pooled, c, Mem{Base: dst, Disp: 64 * i})
	}, func(c reg.Register) { ADDQ(c, dst) })
}

func poolSteps() {
	bits := GLOBL("bitsOfBytes", RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(0x01010101<<i))
	}
	TEXT("poolStepsAVX512", NOSPLIT, "func(dst, src, awake, order *uint8, c, stride, row, awakeRow, pixels, steps, size int)")
	Pragma("noescape")
	Doc("poolStepsAVX512 is poolCountsAVX512 for bits, each a step's, and writes a map of 0 and 1 for each of up to 8 steps, size bytes apart.")
	dst, to, at, left := Load(Param("dst"), GP64()), GP64(), GP64(), GP64()
	one, table := reg.Z8, GP64()
	unit := GP32()
	MOVL(U32(1), unit)
	VPBROADCASTB(unit, one)
	LEAQ(bits, table)
	pool(func(first Mem, others []Mem, masks []reg.Register, to, temp reg.Register) {
		VMOVDQU8_Z(first, masks[0], to)
		for i, other := range others {
			VMOVDQU8_Z(other, masks[1+i], temp)
			VPORQ(temp, to, to)
		}
	}, func(i int, pooled, c reg.Register) {
		label := fmt.Sprintf("step%d", i)
		LEAQ(Mem{Base: dst, Disp: 64 * i}, to)
		MOVQ(table, at)
		Load(Param("steps"), left)
		Label(label)
		VPBROADCASTD(Mem{Base: at}, reg.Z9)
		VPTESTMB(reg.Z9, pooled, reg.K7)
		VMOVDQU8_Z(one, reg.K7, reg.Z9)
		VMOVDQU8(reg.Z9, c, Mem{Base: to})
		ADDQ(Imm(4), at)
		ADDQ(parameter("size"), to)
		DECQ(left)
		JNZ(LabelRef(label))
	}, func(c reg.Register) { ADDQ(c, dst) })
}

// pool writes a loop over two by two pixels: combine takes up to 64 channels of them together, and write stores those, by the mask of the
// last ones, once they are in the order wanted; next goes to the next pixel.
func pool(combine func(first Mem, others []Mem, masks []reg.Register, to, temp reg.Register), write func(i int, pooled, c reg.Register), next func(c reg.Register)) {
	src, awake := Load(Param("src"), GP64()), Load(Param("awake"), GP64())
	order, c, stride, pixels := Load(Param("order"), GP64()), Load(Param("c"), GP64()), Load(Param("stride"), GP64()), Load(Param("pixels"), GP64())
	first, second := reg.Z0, reg.Z1
	VMOVDQU64(Mem{Base: order}, first)
	VMOVDQU64(Mem{Base: order, Disp: 64}, second)
	bits, rest, at := order, GP64(), GP64()
	// masks has the lowest n bits of 128 in two.
	masks := func(n reg.Register, low, high reg.Register) {
		MOVQ(I32(-1), bits)
		BZHIQ(n, bits, bits)
		KMOVQ(bits, low)
		MOVQ(n, rest)
		MOVQ(U32(0), bits)
		SUBQ(Imm(64), rest)
		CMOVQLT(bits, rest)
		MOVQ(I32(-1), bits)
		BZHIQ(rest, bits, bits)
		KMOVQ(bits, high)
	}
	masks(c, reg.K1, reg.K2)
	Label("tile")
	n := GP64()
	MOVBQZX(Mem{Base: awake}, n)
	SHLQ(Imm(5), n)
	masks(n, reg.K3, reg.K4)
	Load(Param("awakeRow"), at)
	MOVBQZX(Mem{Base: awake, Index: at, Scale: 1}, n)
	SHLQ(Imm(5), n)
	masks(n, reg.K5, reg.K6)
	INCQ(awake)
	left := n
	MOVQ(U32(drivePixels/2), left)
	CMPQ(pixels, left)
	CMOVQLT(pixels, left)
	SUBQ(left, pixels)
	half, out := []reg.Register{reg.Z2, reg.Z3}, reg.Z4
	Label("pixel")
	MOVQ(src, at)
	ADDQ(parameter("row"), at)
	for i, v := range half {
		upper, lower := []reg.Register{reg.K3, reg.K4}[i], []reg.Register{reg.K5, reg.K6}[i]
		combine(Mem{Base: src, Disp: 64 * i}, []Mem{{Base: src, Index: stride, Scale: 1, Disp: 64 * i}, {Base: at, Disp: 64 * i}, {Base: at, Index: stride, Scale: 1, Disp: 64 * i}},
			[]reg.Register{upper, upper, lower, lower}, v, out)
	}
	for i, from := range []reg.Register{first, second} {
		VMOVDQA64(from, out)
		VPERMI2B(half[1], half[0], out)
		write(i, out, []reg.Register{reg.K1, reg.K2}[i])
	}
	next(c)
	LEAQ(Mem{Base: src, Index: stride, Scale: 2}, src)
	DECQ(left)
	JNZ(LabelRef("pixel"))
	TESTQ(pixels, pixels)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}
