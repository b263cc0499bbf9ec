package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// float32OrderedAVX512 writes sums of products as plain Go has them, one function for each width in registers of 16 channels: each product is
// rounded, and a channel's are added in order. The channels do not wait for each other.
func float32OrderedAVX512() {
	for n := 1; n <= 8; n++ {
		name := fmt.Sprintf("accumulateAVX512x%d", n)
		TEXT(name, NOSPLIT, "func(acc, src *float32, inputs int, weights *float32, stride int, tail uint32)")
		Pragma("noescape")
		Doc(fmt.Sprintf("%s adds the products of inputs with their rows of weights, which are stride bytes apart, to up to %d sums, in turn. tail is the mask of the last 16 sums.", name, 16*n))
		free := zmms
		sum, product, input := free.take(n), free.take(n), free.take(1)[0]
		acc, src, inputs, weights, stride := Load(Param("acc"), GP64()), Load(Param("src"), GP64()), Load(Param("inputs"), GP64()), Load(Param("weights"), GP64()), Load(Param("stride"), GP64())
		tail := Load(Param("tail"), GP32())
		KMOVW(tail, reg.K1)
		for j, v := range sum {
			if m := (Mem{Base: acc, Disp: 64 * j}); j < n-1 {
				VMOVUPS(m, v)
			} else {
				VMOVUPS_Z(m, reg.K1, v)
			}
		}
		Label("input")
		VBROADCASTSS(Mem{Base: src}, input)
		for j, v := range product {
			if m := (Mem{Base: weights, Disp: 64 * j}); j < n-1 {
				VMULPS(m, input, v)
			} else {
				VMULPS_Z(m, input, reg.K1, v)
			}
		}
		for j, v := range sum {
			VADDPS(product[j], v, v)
		}
		ADDQ(Imm(4), src)
		ADDQ(stride, weights)
		DECQ(inputs)
		JNZ(LabelRef("input"))
		for j, v := range sum {
			if m := (Mem{Base: acc, Disp: 64 * j}); j < n-1 {
				VMOVUPS(v, m)
			} else {
				VMOVUPS(v, reg.K1, m)
			}
		}
		VZEROUPPER()
		RET()
	}
}
