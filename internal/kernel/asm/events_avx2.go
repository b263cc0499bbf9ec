package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// eventsAVX2 writes a convolution over the inputs that are not silent, at two steps at a time or at one, for each width in
// registers of 8 channels. Products of four inputs are added up in two goes, over 16 bits; counts below 128 cannot overflow those.
func eventsAVX2() {
	for n := 1; n <= 6; n++ {
		eventRowAVX2(n, 2)
		eventRowAVX2(n, 1)
	}
}

func eventRowAVX2(n, steps int) {
	name := fmt.Sprintf("eventRowAVX2x%d", n)
	doc := []string{
		fmt.Sprintf("%s computes a row of %d channels at two steps from the events under its windows, which are taps columns wide. An event's weights are at its place, in groups of inputs,", name, 8*n),
		"which is so much further for every pixel as weightsPixel. Strides are in bytes. Counts are below 128.",
	}
	if steps == 1 {
		two := name
		name = fmt.Sprintf("eventRowOnceAVX2x%d", n)
		doc = []string{name + " is " + two + " for the first of the two steps alone. What is of the second is not used."}
	}
	TEXT(name, NOSPLIT, "func(dst, dst2 *float32, dstStride int, starts *uint32, startsRow, startsPixel int, places, first, second *uint32, weights *int8, weightsRow, weightsPixel, taps, rows int, scale, bias *float32, pixels int)")
	Pragma("noescape")
	Doc(doc...)
	free := append(vectors(nil), ymms...)
	sum := free.groups(steps, n)
	ones, weight, product, input := free.take(1)[0], reg.VecPhysical(nil), free.take(1)[0], free.take(steps)
	if len(free) > 0 {
		weight = free.take(1)[0]
	}
	at, end, under, weights, taps, rows, place := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	places, first, second := Load(Param("places"), GP64()), Load(Param("first"), GP64()), Load(Param("second"), GP64())
	Load(Param("taps"), taps)
	VPCMPEQW(ones, ones, ones)
	VPSRLW(Imm(15), ones, ones)

	Label("pixel")
	for _, step := range sum {
		for _, v := range step {
			VPXOR(v, v, v)
		}
	}
	Load(Param("weights"), weights)
	Load(Param("starts"), under)
	Load(Param("rows"), rows)
	Label("row")
	MOVL(Mem{Base: under}, at.As32())
	MOVL(Mem{Base: under, Index: taps, Scale: 4}, end.As32())
	CMPQ(at, end)
	JGE(LabelRef("next"))
	Label("event")
	MOVLQSX(Mem{Base: places, Index: at, Scale: 4}, place)
	IMUL3Q(U32(32*n), place, place)
	for t, counts := range []reg.Register{first, second}[:steps] {
		VPBROADCASTD(Mem{Base: counts, Index: at, Scale: 4}, input[t])
	}
	for j := range n {
		m := Mem{Base: weights, Index: place, Scale: 1, Disp: 32 * j}
		if weight != nil {
			VMOVDQU(m, weight)
		}
		for t := range steps {
			if weight != nil {
				VPMADDUBSW(weight, input[t], product)
			} else {
				VPMADDUBSW(m, input[t], product)
			}
			VPMADDWD(ones, product, product)
			VPADDD(product, sum[t][j], sum[t][j])
		}
	}
	INCQ(at)
	CMPQ(at, end)
	JL(LabelRef("event"))
	Label("next")
	ADDQ(parameter("startsRow"), under)
	ADDQ(parameter("weightsRow"), weights)
	DECQ(rows)
	JNZ(LabelRef("row"))
	Comment("Sums to currents: float32(sum)*scale + bias.")
	scale, bias := GP64(), GP64()
	Load(Param("scale"), scale)
	Load(Param("bias"), bias)
	dsts := []string{"dst", "dst2"}[:steps]
	for t, dst := range dsts {
		to := Load(Param(dst), GP64())
		for j, v := range sum[t] {
			VCVTDQ2PS(v, v)
			VMULPS(Mem{Base: scale, Disp: 32 * j}, v, v)
			VADDPS(Mem{Base: bias, Disp: 32 * j}, v, v)
			VMOVUPS(v, Mem{Base: to, Disp: 32 * j})
		}
	}
	stride := GP64()
	Load(Param("dstStride"), stride)
	for _, dst := range dsts {
		ADDQ(stride, parameter(dst))
	}
	Load(Param("startsPixel"), stride)
	ADDQ(stride, parameter("starts"))
	Load(Param("weightsPixel"), stride)
	SUBQ(stride, parameter("weights"))
	DECQ(parameter("pixels"))
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}
