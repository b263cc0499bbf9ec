package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const float32Args = "func(dst *float32, dstStride int, src *float32, pixelStride, rowStride int, weights, bias *float32, rows, groups, pixels int"

// pixelsAVX512 is how many pixels a tile of 1 to 4 registers of channels has.
var pixelsAVX512 = [...]int{1: 8, 2: 8, 3: 8, 4: 6}

// float32AVX512 writes one function for each width of a block of channels, in registers of 16. Weights lie as
// [row][input][register][16].
func float32AVX512() {
	for n := 1; n <= 4; n++ {
		TEXT(fmt.Sprintf("float32SpanAVX512x%d", n), NOSPLIT, float32Args+", tail uint32)")
		Pragma("noescape")
		Doc(fmt.Sprintf("float32SpanAVX512x%d computes some pixels and up to %d channels of a convolution. Strides are in bytes, tail is the mask of the last 16 channels.", n, 16*n))
		t := newTile()
		tail := Load(Param("tail"), GP32())
		KMOVW(tail, reg.K1)
		byPixels(pixelsAVX512[n], func(p int) { t.float32(zmms, n, p) })
	}
}

// pixelsAVX2 is how many pixels a tile of 1 to 3 registers of channels has.
var pixelsAVX2 = [...]int{1: 8, 2: 6, 3: 4}

// float32AVX2 is float32AVX512 with registers of 8 and no tail: the channels fill the registers.
func float32AVX2() {
	for n := 1; n <= 3; n++ {
		TEXT(fmt.Sprintf("float32SpanAVX2x%d", n), NOSPLIT, float32Args+")")
		Pragma("noescape")
		Doc(fmt.Sprintf("float32SpanAVX2x%d computes some pixels and %d channels of a convolution. Strides are in bytes.", n, 8*n))
		t := newTile()
		byPixels(pixelsAVX2[n], func(p int) { t.float32(ymms, n, p) })
	}
}

// float32 is a tile of p pixels and n registers of channels.
func (t *tile) float32(free vectors, n, p int) {
	size := int(free[0].Size())
	sum, weight := free.zeros(p, n), free.take(n)
	input := free.take(min(2, len(free)))
	t.walk(p, 4, size*n, func(src, src4, weights reg.Register) {
		for j := range weight {
			VMOVUPS(Mem{Base: weights, Disp: size * j}, weight[j])
		}
		for i := range sum {
			a := input[i%len(input)]
			VBROADCASTSS(t.at(src, src4, i), a)
			for j := range weight {
				VFMADD231PS(weight[j], a, sum[i][j])
			}
		}
	})
	bias := Load(Param("bias"), GP64())
	for j := range weight {
		VMOVUPS(Mem{Base: bias, Disp: size * j}, weight[j])
	}
	for i := range sum {
		for j, v := range sum[i] {
			VADDPS(weight[j], v, v)
			if to := (Mem{Base: t.dst, Disp: size * j}); size == 64 && j == n-1 {
				VMOVUPS(v, reg.K1, to)
			} else {
				VMOVUPS(v, to)
			}
		}
		ADDQ(t.dstStride, t.dst)
	}
	t.advance(p)
}

// float32NarrowAVX512 writes functions for so few channels that a register for 16 would be mostly unused: a register
// holds 16 inputs of one channel instead. Weights lie as [row][group][channel][16], the last group of a row filled up
// with zeros; its inputs beyond the row are not read.
func float32NarrowAVX512() {
	for _, n := range []int{2, 4} {
		TEXT(fmt.Sprintf("float32NarrowAVX512x%d", n), NOSPLIT, float32Args+", tail, last uint32)")
		Pragma("noescape")
		Doc(fmt.Sprintf("float32NarrowAVX512x%d computes some pixels and up to %d channels of a convolution. Strides are in bytes, tail is the mask of the channels, last that of a row's last group; bias is repeated to four.", n, n))
		t := newTile()
		mask := Load(Param("tail"), GP32())
		KMOVW(mask, reg.K1)
		Load(Param("last"), mask)
		KMOVW(mask, reg.K2)
		byPixels(pixelsNarrow[n], func(p int) { t.float32Narrow(n, p) })
	}
}

// float32Narrow is a tile of p pixels and n channels.
func (t *tile) float32Narrow(n, p int) {
	free := zmms
	sum, weight, input := free.zeros(p, n), free.take(n), free.take(2)
	group := func(last bool) func(src, src4, weights reg.Register) {
		return func(src, src4, weights reg.Register) {
			for j := range weight {
				VMOVUPS(Mem{Base: weights, Disp: 64 * j}, weight[j])
			}
			for i := range sum {
				if from := t.at(src, src4, i); last {
					VMOVUPS_Z(from, reg.K2, input[i%2])
				} else {
					VMOVUPS(from, input[i%2])
				}
				for j := range weight {
					VFMADD231PS(weight[j], input[i%2], sum[i][j])
				}
			}
		}
	}
	t.walkTail(p, 64, 64*n, group(false), group(true))

	bias := Load(Param("bias"), GP64())
	var flat []reg.VecPhysical
	for i := range sum {
		flat = append(flat, sum[i]...)
	}
	for len(flat)%4 != 0 {
		flat = append(flat, flat[0])
	}
	for i := 0; i < p; i += 4 / n {
		v := fourSums(flat[i*n:][:4], weight[0], input[0], func(a, b reg.Register) { VADDPS(a, b, b) })
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
