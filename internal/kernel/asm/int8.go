package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// int8Tier is what tells one tier's dense convolution of whole numbers from another's. A lane of 32 bits holds a group of
// inputs of one channel, four bytes or two words; weights lie as [row][group][register][lane][group].
type int8Tier struct {
	name         string // in those of functions
	src, weights string // their types
	registers    vectors
	inputs       int   // of the registers are for inputs
	pixels       []int // of a tile, by its registers of channels: sums, weights, inputs and products must fit the registers
	products     func(free *vectors) products
}

var (
	int8VNNI = int8Tier{"VNNI", "uint8", "int8", zmms, 2, []int{1: 8, 2: 8, 3: 8, 4: 6}, productsVNNI}
	int8BW   = int8Tier{"BW", "uint16", "int16", zmms, 2, []int{1: 8, 2: 8, 3: 8, 4: 6}, productsOfWords}
	int8AVX2 = int8Tier{"AVX2x", "uint16", "int16", ymms, 1, []int{1: 8, 2: 4, 3: 3}, productsOfWords}
)

// products adds to each 32-bit lane of a sum the products of the inputs and the weights in it, in turn for the j-th sum.
type products func(j int, weight Op, input, sum reg.Register)

// productsVNNI is of four bytes.
func productsVNNI(*vectors) products {
	return func(_ int, weight Op, input, sum reg.Register) { vpdpbusd(weight, input, sum) }
}

// productsOfWords is of two words. VPMADDUBSW would take four bytes, but saturates.
func productsOfWords(free *vectors) products {
	product := free.take(2)
	return func(j int, weight Op, input, sum reg.Register) {
		VPMADDWD(weight, input, product[j%2])
		VPADDD(product[j%2], sum, sum)
	}
}

// productsOfSmall is of four bytes, the inputs below 128: two products then fit 16 bits.
func productsOfSmall(free *vectors) products {
	ones, product := free.take(1)[0], free.take(2)
	one := GP32()
	MOVL(U32(0x00010001), one)
	VPBROADCASTD(one, ones)
	return func(j int, weight Op, input, sum reg.Register) {
		VPMADDUBSW(weight, input, product[j%2])
		VPMADDWD(ones, product[j%2], product[j%2])
		VPADDD(product[j%2], sum, sum)
	}
}

func (k *int8Tier) parameters(tail string) string {
	return "func(dst *float32, dstStride int, src *" + k.src + ", pixelStride, rowStride int, weights *" + k.weights + ", scale, bias *float32, rows, groups, pixels int" + tail + ")"
}

// spans writes one function for each width of a block of channels, in registers.
func (k *int8Tier) spans() {
	lanes := int(k.registers[0].Size()) / 4
	for n := 1; n < len(k.pixels); n++ {
		name := fmt.Sprintf("int8Span%s%d", k.name, n)
		if lanes == 16 {
			TEXT(name, NOSPLIT, k.parameters(", tail uint32"))
			Doc(fmt.Sprintf("%s computes some pixels and up to %d channels of a convolution. Strides are in bytes, tail is the mask of the last 16 channels.", name, 16*n))
		} else {
			TEXT(name, NOSPLIT, k.parameters(""))
			Doc(fmt.Sprintf("%s computes some pixels and %d channels of a convolution. Strides are in bytes.", name, lanes*n))
		}
		Pragma("noescape")
		t := newTile()
		if lanes == 16 {
			tail := Load(Param("tail"), GP32())
			KMOVW(tail, reg.K1)
		}
		byPixels(k.pixels[n], func(p int) { t.int8(k, n, p) })
	}
}

// int8 is a tile of p pixels and n registers of channels.
func (t *tile) int8(k *int8Tier, n, p int) {
	free, size := k.registers, int(k.registers[0].Size())
	sum, weight, input := free.zeros(p, n), free.take(n), free.take(k.inputs)
	multiply := k.products(&free)
	t.walk(p, 4, size*n, func(src, src4, weights reg.Register) {
		for j := range weight {
			copyVector(Mem{Base: weights, Disp: size * j}, weight[j])
		}
		for i := range sum {
			a := input[i%len(input)]
			VPBROADCASTD(t.at(src, src4, i), a)
			for j := range weight {
				multiply(j, weight[j], a, sum[i][j])
			}
		}
	})

	t.currents(size, sum, weight)
	t.advance(p)
}

// currents stores what the sums of the tile's pixels come to, float32(sum)*scale + bias; it needs a register for each of channels.
func (t *tile) currents(size int, sum [][]reg.VecPhysical, weight []reg.VecPhysical) {
	Comment("Sums to currents: float32(sum)*scale + bias.")
	n := len(weight)
	scale, bias := Load(Param("scale"), GP64()), Load(Param("bias"), GP64())
	for j := range weight {
		VMOVUPS(Mem{Base: scale, Disp: size * j}, weight[j])
	}
	for i := range sum {
		for j, v := range sum[i] {
			VCVTDQ2PS(v, v)
			VMULPS(weight[j], v, v)
			VADDPS(Mem{Base: bias, Disp: size * j}, v, v)
			if to := (Mem{Base: t.dst, Disp: size * j}); size == 64 && j == n-1 {
				VMOVUPS(v, reg.K1, to)
			} else {
				VMOVUPS(v, to)
			}
		}
		ADDQ(t.dstStride, t.dst)
	}
}

// copyVector takes a register of whole numbers from memory.
func copyVector(from Mem, to reg.VecPhysical) {
	if to.Size() == 64 {
		VMOVDQU32(from, to)
	} else {
		VMOVDQU(from, to)
	}
}
