package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// int8GatherAVX512 writes gather8 for a number of pixels at a time.
func int8GatherAVX512() {
	TEXT("gatherAVX512", NOSPLIT, "func(dst, src *uint8, rowStride, chunk int, masks *uint64, rows int, order *uint8, pairs, advance, blocks int)")
	Pragma("noescape")
	Doc("gatherAVX512 takes a chunk of bytes of each of so many rows into one register, row after row as the masks have it, and stores those that each pair of pixels wants, 64 in their order; then it advances to the next block of pixels.")
	dst, src, blocks := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("blocks"), GP64())
	step, advance := Load(Param("rowStride"), GP64()), Load(Param("advance"), GP64())
	Comment("A row's bytes come after the chunks of those before it.")
	SUBQ(parameter("chunk"), step)
	bytes, pair := reg.Z0, reg.Z1
	Label("block")
	row, masks, rows := GP64(), Load(Param("masks"), GP64()), Load(Param("rows"), GP64())
	MOVQ(src, row)
	Label("row")
	KMOVQ(Mem{Base: masks}, reg.K1)
	VMOVDQU8(Mem{Base: row}, reg.K1, bytes)
	ADDQ(step, row)
	ADDQ(Imm(8), masks)
	DECQ(rows)
	JNZ(LabelRef("row"))
	order, pairs := Load(Param("order"), GP64()), Load(Param("pairs"), GP64())
	Label("pair")
	VMOVDQU64(Mem{Base: order}, pair)
	unknown("VPERMB", "AVX512VBMI", bytes, pair, pair)
	VMOVDQU64(pair, Mem{Base: dst})
	ADDQ(Imm(64), order)
	ADDQ(Imm(64), dst)
	DECQ(pairs)
	JNZ(LabelRef("pair"))
	ADDQ(advance, src)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
