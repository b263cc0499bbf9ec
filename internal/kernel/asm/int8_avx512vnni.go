package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pixelsVNNI is how many pixels a tile of 1 to 4 registers of channels has: the sums, the weights and two inputs
// at a time must fit 32 registers.
var pixelsVNNI = [...]int{1: 8, 2: 8, 3: 8, 4: 6}

// int8VNNI writes one function for each width of a block of channels, in registers of 16. Inputs are taken four
// bytes at a time, weights lie as [row][group][register][16][4].
func int8VNNI() {
	for n := 1; n <= 4; n++ {
		TEXT(fmt.Sprintf("int8SpanVNNI%d", n), NOSPLIT, "func(dst *float32, dstStride int, src *uint8, pixelStride, rowStride int, weights *int8, scale, bias *float32, rows, groups, pixels int, tail uint32)")
		Pragma("noescape")
		Doc(fmt.Sprintf("int8SpanVNNI%d computes some pixels and up to %d channels of a convolution. Strides are in bytes, tail is the mask of the last 16 channels.", n, 16*n))
		t := newTile()
		tail := Load(Param("tail"), GP32())
		KMOVW(tail, reg.K1)
		byPixels(pixelsVNNI[n], func(p int) { t.int8VNNI(n, p) })
	}
}

// int8VNNI is a tile of p pixels and n registers of channels.
func (t *tile) int8VNNI(n, p int) {
	free := zmms
	sum, weight, input := free.zeros(p, n), free.take(n), free.take(2)
	t.walk(p, 4, 64*n, func(src, src4, weights reg.Register) {
		for j := range weight {
			VMOVDQU32(Mem{Base: weights, Disp: 64 * j}, weight[j])
		}
		for i := range sum {
			VPBROADCASTD(t.at(src, src4, i), input[i%2])
			for j := range weight {
				vpdpbusd(weight[j], input[i%2], sum[i][j])
			}
		}
	})

	Comment("Sums to currents: float32(sum)*scale + bias.")
	scale, bias := Load(Param("scale"), GP64()), Load(Param("bias"), GP64())
	for j := range weight {
		VMOVUPS(Mem{Base: scale, Disp: 64 * j}, weight[j])
	}
	for i := range sum {
		for j, v := range sum[i] {
			VCVTDQ2PS(v, v)
			VMULPS(weight[j], v, v)
			VADDPS(Mem{Base: bias, Disp: 64 * j}, v, v)
			if to := (Mem{Base: t.dst, Disp: 64 * j}); j < n-1 {
				VMOVUPS(v, to)
			} else {
				VMOVUPS(v, reg.K1, to)
			}
		}
		ADDQ(t.dstStride, t.dst)
	}
	t.advance(p)
}
