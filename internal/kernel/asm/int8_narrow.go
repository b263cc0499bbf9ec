package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pixelsNarrow is how many pixels a tile of 2 or 4 channels has.
var pixelsNarrow = [...]int{2: 8, 4: 6}

// narrow writes functions for so few channels that a register for 16 would be mostly unused: a register holds
// 64 bytes of inputs of one channel instead. Weights lie as [row][group][channel][64 bytes].
func (k *int8Tier) narrow() {
	for _, n := range []int{2, 4} {
		name := fmt.Sprintf("int8Narrow%s%d", k.name, n)
		TEXT(name, NOSPLIT, k.parameters(", tail uint32"))
		Pragma("noescape")
		Doc(fmt.Sprintf("%s computes some pixels and up to %d channels of a convolution. Strides are in bytes, tail is the mask of the channels, scale and bias are repeated to four.", name, n))
		t := newTile()
		tail := Load(Param("tail"), GP32())
		KMOVW(tail, reg.K1)
		byPixels(pixelsNarrow[n], func(p int) { t.int8Narrow(k, n, p) })
	}
}

// int8Narrow is a tile of p pixels and n channels.
func (t *tile) int8Narrow(k *int8Tier, n, p int) {
	free := k.registers
	sum, weight, input := free.zeros(p, n), free.take(n), free.take(k.inputs)
	multiply := k.products(&free)
	t.walk(p, 64, 64*n, func(src, src4, weights reg.Register) {
		for j := range weight {
			copyVector(Mem{Base: weights, Disp: 64 * j}, weight[j])
		}
		for i := range sum {
			a := input[i%len(input)]
			copyVector(t.at(src, src4, i), a)
			for j := range weight {
				multiply(j, weight[j], a, sum[i][j])
			}
		}
	})

	Comment("Sums to currents: float32(sum)*scale + bias.")
	scale, bias := Load(Param("scale"), GP64()), Load(Param("bias"), GP64())
	var flat []reg.VecPhysical
	for i := range sum {
		flat = append(flat, sum[i]...)
	}
	for len(flat)%4 != 0 {
		flat = append(flat, flat[0])
	}
	for i := 0; i < p; i += 4 / n {
		v := fourSums(flat[i*n:][:4], weight[0], input[0], func(a, b reg.Register) { VPADDD(a, b, b) })
		VCVTDQ2PS(v, v)
		VMULPS(Mem{Base: scale}, v, v)
		VADDPS(Mem{Base: bias}, v, v)
		VMOVUPS(v, reg.K1, Mem{Base: t.dst})
		ADDQ(t.dstStride, t.dst)
		if n == 2 && i+1 < p {
			VPSHUFD(Imm(0b1110), v, v)
			VMOVUPS(v, reg.K1, Mem{Base: t.dst})
			ADDQ(t.dstStride, t.dst)
		}
	}
	t.advance(p)
}

// fourSums adds up the lanes of each of four registers, into the four lanes of one.
func fourSums(z []reg.VecPhysical, a, b reg.VecPhysical, add func(a, b reg.Register)) reg.VecPhysical {
	pair := func(x, y, to reg.VecPhysical) {
		VPUNPCKLDQ(y, x, b)
		VPUNPCKHDQ(y, x, to)
		add(b, to)
	}
	pair(z[2], z[3], a)
	pair(z[0], z[1], z[0])
	VPUNPCKLQDQ(a, z[0], b)
	VPUNPCKHQDQ(a, z[0], z[0])
	add(b, z[0])
	VEXTRACTI64X4(Imm(1), z[0], a.AsY())
	add(a.AsY(), z[0].AsY())
	VEXTRACTI32X4(Imm(1), z[0].AsY(), a.AsX())
	add(a.AsX(), z[0].AsX())
	return z[0].AsX().(reg.VecPhysical)
}
