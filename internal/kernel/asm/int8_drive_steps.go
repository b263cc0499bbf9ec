package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// driveSteps writes the steps of leaky neurons in a current that stays: of a register of channels of all pixels of a tile at once, whose
// voltages do not leave the processor.
func driveSteps(name, fired string, reset func(threshold, u reg.Register)) {
	TEXT(name, NOSPLIT, "func(bits, awake, src *uint8, weights *int8, scaleBias *float32, stride, plane, groups, tiles, steps int, decay, threshold, start, silent float32) (spikes uint32)")
	Pragma("noescape")
	Doc(name + " takes the neurons of tiles of 8 pixels through all steps, those of the pairs of registers of 16 channels that are awake, and returns their spikes. One that fires " + fired + "; none does in a current up to silent. A neuron's first 8 steps are the bits of a byte, and the others those of planes behind it, plane bytes apart; stride is from a pixel to the next. Weights are [pair][group][2][16][4], scales and biases [pair][2][2][16].")
	src, bits := Load(Param("src"), GP64()), Load(Param("bits"), GP64())
	at, weights, group, scaleBias := GP64(), GP64(), GP64(), GP64()
	pairs, awake, to := GP64(), GP64(), GP64()
	free := zmms
	x, u, fires := free.take(drivePixels), free.take(drivePixels), free.take(drivePixels)
	r := free.take(8)
	decay, threshold, one, bit, spikes, weight, input, silent := r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]
	VBROADCASTSS(parameter("decay"), decay)
	VBROADCASTSS(parameter("threshold"), threshold)
	VBROADCASTSS(parameter("silent"), silent)
	unit := GP32()
	MOVL(U32(1), unit)
	VPBROADCASTD(unit, one)
	VPXORD(spikes, spikes, spikes)
	each := func(op func(i int)) {
		for i := range drivePixels {
			op(i)
		}
	}
	Label("tile")
	MOVQ(parameter("awake"), awake)
	MOVBQZX(Mem{Base: awake}, pairs)
	INCQ(parameter("awake"))
	ADDQ(pairs, pairs)
	JZ(LabelRef("nextTile"))
	Load(Param("weights"), weights)
	Load(Param("scaleBias"), scaleBias)

	Label("channels")
	each(func(i int) { VPXORD(x[i], x[i], x[i]) })
	MOVQ(src, at)
	Load(Param("groups"), group)
	Label("group")
	copyVector(Mem{Base: weights}, weight)
	each(func(i int) {
		VPBROADCASTD(Mem{Base: at, Disp: drivePixel * i}, input)
		vpdpbusd(weight, input, x[i])
	})
	ADDQ(Imm(4), at)
	SUBQ(I32(-128), weights)
	DECQ(group)
	JNZ(LabelRef("group"))
	Comment("Sums to currents: float32(sum)*scale + bias.")
	VMOVAPS(Mem{Base: scaleBias}, weight)
	each(func(i int) {
		VCVTDQ2PS(x[i], x[i])
		VMULPS(weight, x[i], x[i])
		VADDPS(Mem{Base: scaleBias, Disp: 128}, x[i], x[i])
	})
	VMAXPS(x[0], x[1], u[0])
	for i := 2; i < drivePixels; i++ {
		VMAXPS(x[i], u[0], u[0])
	}
	VBROADCASTSS(parameter("start"), u[1])
	for i := 2; i < drivePixels; i++ {
		VMOVAPS(u[1], u[i])
	}
	Comment("silent < the highest")
	VCMPPS(Imm(0x11), u[0], silent, reg.K2)
	VMOVAPS(u[1], u[0])
	steps, some := GP64(), GP64()
	Load(Param("steps"), steps)
	MOVQ(bits, at)
	KORTESTW(reg.K2, reg.K2)
	each(func(i int) { VPXORD(fires[i], fires[i], fires[i]) })
	JZ(LabelRef("quiet"))

	Label("plane")
	MOVQ(U32(8), some)
	CMPQ(steps, some)
	CMOVQLT(steps, some)
	SUBQ(some, steps)
	VMOVDQA64(one, bit)
	each(func(i int) { VPXORD(fires[i], fires[i], fires[i]) })
	Label("step")
	each(func(i int) { VMULPS(decay, u[i], u[i]) })
	each(func(i int) { VADDPS(x[i], u[i], u[i]) })
	each(func(i int) {
		Comment("threshold <= u")
		VCMPPS(Imm(0x12), u[i], threshold, reg.K2)
		reset(threshold, u[i])
		VPORD(bit, fires[i], reg.K2, fires[i])
		VPADDD(one, spikes, reg.K2, spikes)
	})
	VPSLLD(Imm(1), bit, bit)
	DECQ(some)
	JNZ(LabelRef("step"))
	store := func() {
		MOVQ(at, to)
		each(func(i int) {
			VPMOVDB(fires[i], Mem{Base: to})
			if i < drivePixels-1 {
				ADDQ(parameter("stride"), to)
			}
		})
		ADDQ(parameter("plane"), at)
	}
	store()
	TESTQ(steps, steps)
	JNZ(LabelRef("plane"))
	JMP(LabelRef("nextChannels"))
	Label("quiet")
	store()
	SUBQ(Imm(8), steps)
	JG(LabelRef("quiet"))

	Comment("The next register of the pair, or the first of the next pair.")
	Label("nextChannels")
	ADDQ(Imm(16), bits)
	Load(Param("groups"), group)
	SHLQ(Imm(7), group)
	SUBQ(group, weights)
	ADDQ(Imm(64), weights)
	ADDQ(Imm(64), scaleBias)
	DECQ(pairs)
	JZ(LabelRef("nextTile"))
	TESTQ(U32(1), pairs)
	JNZ(LabelRef("channels"))
	ADDQ(group, weights)
	ADDQ(I32(-128), weights)
	ADDQ(Imm(64), scaleBias)
	ADDQ(Imm(64), scaleBias)
	JMP(LabelRef("channels"))

	Label("nextTile")
	MOVQ(parameter("awake"), awake)
	MOVBQZX(Mem{Base: awake, Disp: -1}, pairs)
	SHLQ(Imm(5), pairs)
	SUBQ(pairs, bits)
	for range drivePixels {
		ADDQ(parameter("stride"), bits)
	}
	ADDQ(U32(drivePixels*drivePixel), src)
	DECQ(parameter("tiles"))
	JNZ(LabelRef("tile"))
	fold512(spikes, weight, func(a, b reg.Register) { VPADDD(a, b, b) })
	VMOVD(spikes.AsX(), unit)
	Store(unit, Return("spikes"))
	VZEROUPPER()
	RET()
}
