package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pixelsListed is how many pixels a tile has whose inputs are listed, whatever its channels: all blocks of a layer share the lists.
const pixelsListed = 6

// int8Listed writes spans that take only the inputs that are listed for a tile.
func int8Listed() {
	k := &int8VNNI
	for n := 1; n < len(k.pixels); n++ {
		name := fmt.Sprintf("int8Listed%s%d", k.name, n)
		TEXT(name, NOSPLIT, "func(dst *float32, dstStride int, src *uint8, pixelStride, rowStride int, weights *int8, weightStride int, scale, bias *float32, rows int, lists *uint16, listStride, tileStride, pixels int, tail uint32)")
		Doc(fmt.Sprintf("%s computes some pixels and up to %d channels of a convolution from the inputs that are listed, a list for each %d pixels and kernel row: how many, and where in the row they are. Strides are in bytes, weightStride and listStride from a kernel row to the next; tail is the mask of the last 16 channels.", name, 16*n, pixelsListed))
		Pragma("noescape")
		t := newTile()
		tail := Load(Param("tail"), GP32())
		KMOVW(tail, reg.K1)
		t.lists = Load(Param("lists"), GP64())
		t.rows = AllocLocal(8)
		byPixels(pixelsListed, func(p int) { t.int8Listed(k, n, p) })
	}
}

// int8Listed is a tile of p pixels and n registers of channels.
func (t *tile) int8Listed(k *int8Tier, n, p int) {
	free := k.registers
	sum, weight, input := free.zeros(p, n), free.take(n), free.take(k.inputs)
	label := func(name string) string { return fmt.Sprintf("%s%d", name, p) }
	rowAt, list, at, left := GP64(), GP64(), GP64(), GP64()
	src, src4, rowWeights, weights := GP64(), GP64(), Load(Param("weights"), GP64()), GP64()
	MOVQ(t.src, rowAt)
	MOVQ(t.lists, list)
	Load(Param("rows"), left)
	MOVQ(left, t.rows)
	Label(label("row"))
	MOVWQZX(Mem{Base: list}, left)
	LEAQ(Mem{Base: list, Disp: 2}, at)
	TESTQ(left, left)
	JZ(LabelRef(label("next")))
	Label(label("input"))
	MOVWQZX(Mem{Base: at}, src)
	Comment("A group of four inputs has a register of weights for each of channels.")
	if n == 3 {
		LEAQ(Mem{Base: src, Index: src, Scale: 2}, weights)
		SHLQ(Imm(4), weights)
	} else {
		MOVQ(src, weights)
		SHLQ(Imm(map[int]uint64{1: 4, 2: 5, 4: 6}[n]), weights)
	}
	ADDQ(rowWeights, weights)
	ADDQ(rowAt, src)
	if p > 4 {
		LEAQ(Mem{Base: src, Index: t.pixel, Scale: 4}, src4)
	}
	for j := range weight {
		copyVector(Mem{Base: weights, Disp: 64 * j}, weight[j])
	}
	for i := range sum {
		a := input[i%len(input)]
		VPBROADCASTD(t.at(src, src4, i), a)
		for j := range weight {
			vpdpbusd(weight[j], a, sum[i][j])
		}
	}
	ADDQ(Imm(2), at)
	DECQ(left)
	JNZ(LabelRef(label("input")))
	Label(label("next"))
	ADDQ(parameter("rowStride"), rowAt)
	ADDQ(parameter("weightStride"), rowWeights)
	ADDQ(parameter("listStride"), list)
	DECQ(t.rows)
	JNZ(LabelRef(label("row")))
	t.currents(64, sum, weight)
	t.advance(p)
	ADDQ(parameter("tileStride"), t.lists)
}
