package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// neuronAVX512 writes the neuron steps, 16 neurons at a time.
func neuronAVX512() {
	quarters := GLOBL("quartersInOrder", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(i%4*4+i/4))
	}
	spikingReLU512(quarters)
	lif512("lifSubtractAVX512", "subtracts the threshold from", func(threshold, u reg.Register) {
		VSUBPS(threshold, u, reg.K2, u)
	})
	lif512("lifZeroAVX512", "resets", func(_, u reg.Register) {
		VPXORD(u, u, reg.K2, u)
	})
	graded512()
}

// by16 writes a loop over the parameter n, 16 at a time, and once more under the mask K1 for the rest.
func by16(body func(masked bool), advance func()) {
	n := Load(Param("n"), GP64())
	Label("loop")
	CMPQ(n, Imm(16))
	JL(LabelRef("rest"))
	body(false)
	advance()
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask := GP64()
	MOVQ(I32(-1), mask)
	BZHIQ(n, mask, mask)
	KMOVW(mask.As32(), reg.K1)
	body(true)
	Label("done")
}

// load and store are masked by K1, or not.
func load(masked bool, from Mem, to reg.Register) {
	if masked {
		VMOVUPS_Z(from, reg.K1, to)
	} else {
		VMOVUPS(from, to)
	}
}

func store(masked bool, from reg.Register, to Mem) {
	if masked {
		VMOVUPS(from, reg.K1, to)
	} else {
		VMOVUPS(from, to)
	}
}

// spikingReLU512 leaves to its caller to take away the spikes of neurons whose v is not a number, which show in the largest v. Until that is
// done they are among those held back.
//
// Four registers go through each operation in turn, because one alone would wait for its own results. Numbers from zero
// up are in order as whole numbers too, which some processors have more room to compare; and more to multiply than to add.
func spikingReLU512(quarters Mem) {
	TEXT("spikingReLUAVX512", NOSPLIT, "func(counts *uint8, v, x *float32, n int, dt float32) (spikes, held uint32, top int32)")
	Pragma("noescape")
	Doc("spikingReLUAVX512 takes a step of n neurons, at most 2^24, and returns their spikes, how many are left with v >= 1, and the bits of the largest v left above 0, a NaN being the largest.")
	counts, v, x, n := Load(Param("counts"), GP64()), Load(Param("v"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	free := zmms
	fixed := free.zeros(5, 1)
	dt, zero, most, sum, top := fixed[0][0], fixed[1][0], fixed[2][0], fixed[3][0], fixed[4][0]
	order := free.take(1)[0]
	VMOVDQU32(quarters, order)
	u, old, count, whole := free.take(4), free.take(4), free.take(4), free.take(4)
	limit, one, unit, held := free.take(1)[0], free.take(1)[0], free.take(1)[0], free.zeros(1, 1)[0][0]
	VBROADCASTSS(parameter("dt"), dt)
	bits := GP32()
	Comment("255 as a float32")
	MOVL(U32(0x437f0000), bits)
	VPBROADCASTD(bits, most)
	Comment("256 and 1")
	MOVL(U32(0x43800000), bits)
	VPBROADCASTD(bits, limit)
	MOVL(U32(0x3f800000), bits)
	VPBROADCASTD(bits, one)
	MOVL(U32(1), bits)
	VPBROADCASTD(bits, unit)

	// bounded takes u to counts of 0 to 255.
	bounded := func(registers int, masked bool) {
		each := func(op func(i int)) {
			for i := range registers {
				op(i)
			}
		}
		each(func(i int) { VPMAXSD(zero, u[i], whole[i]) })
		each(func(i int) { VPMINSD(most, whole[i], whole[i]) })
		each(func(i int) { VCVTTPS2DQ(whole[i], count[i]) })
		each(func(i int) { VCVTDQ2PS(count[i], whole[i]) })
		each(func(i int) { VSUBPS(whole[i], u[i], u[i]) })
		each(func(i int) { store(masked, u[i], Mem{Base: v, Disp: 64 * i}) })
		each(func(i int) { VPMAXSD(u[i], top, top) })
		Comment("one <= u")
		if masked {
			VPCMPD(Imm(2), u[0], one, reg.K1, reg.K2)
			VPADDD(unit, held, reg.K2, held)
		} else {
			each(func(i int) { VPCMPD(Imm(2), u[i], one, reg.K2); VPADDD(unit, held, reg.K2, held) })
		}
	}
	step := func(registers int, masked bool) {
		each := func(op func(i int)) {
			for i := range registers {
				op(i)
			}
		}
		each(func(i int) { load(masked, Mem{Base: x, Disp: 64 * i}, u[i]) })
		Comment("A maximum gives its second source, which Go writes first, for a NaN.")
		each(func(i int) { VMAXPS(zero, u[i], u[i]) })
		each(func(i int) { load(masked, Mem{Base: v, Disp: 64 * i}, old[i]) })
		each(func(i int) { VMULPS(dt, u[i], u[i]) })
		each(func(i int) { VADDPS(u[i], old[i], u[i]) })
		if registers == 4 {
			Comment("From 0 to below 256, as nearly always: bits that are unsigned below those of 256.")
			VPMAXUD(u[0], u[1], old[0])
			VPMAXUD(u[2], u[3], old[1])
			VPMAXUD(old[0], old[1], old[0])
			VPCMPUD(Imm(5), limit, old[0], reg.K2)
			KORTESTW(reg.K2, reg.K2)
			JNE(LabelRef("bounded"))
			each(func(i int) { VCVTTPS2DQ(u[i], count[i]) })
			each(func(i int) { VCVTDQ2PS(count[i], whole[i]) })
			Comment("u - whole")
			each(func(i int) { VFNMADD231PS(one, whole[i], u[i]) })
			each(func(i int) { VMOVUPS(u[i], Mem{Base: v, Disp: 64 * i}) })
			Label("pack")
			Comment("Packing works within quarters of a register, so the order is mended afterwards.")
			VPACKUSDW(count[1], count[0], count[0])
			VPACKUSDW(count[3], count[2], count[2])
			VPACKUSWB(count[2], count[0], count[0])
			VPERMD(count[0], order, count[0])
			VMOVDQU32(count[0], Mem{Base: counts})
			VPSADBW(zero, count[0], count[0])
			VPADDQ(count[0], sum, sum)
			return
		}
		bounded(registers, masked)
		VPMOVDB(count[0], count[1].AsX())
		if masked {
			VMOVDQU8(count[1].AsX(), reg.K1, Mem{Base: counts})
		} else {
			VMOVDQU(count[1].AsX(), Mem{Base: counts})
		}
		VPSADBW(zero.AsX(), count[1].AsX(), count[1].AsX())
		VPADDQ(count[1], sum, sum)
	}
	advance := func(registers int) {
		ADDQ(U32(64*registers), x)
		ADDQ(U32(64*registers), v)
		ADDQ(U32(16*registers), counts)
		SUBQ(U32(16*registers), n)
	}
	Label("four")
	CMPQ(n, Imm(64))
	JL(LabelRef("loop"))
	step(4, false)
	advance(4)
	JMP(LabelRef("four"))
	Label("loop")
	CMPQ(n, Imm(16))
	JL(LabelRef("rest"))
	step(1, false)
	advance(1)
	JMP(LabelRef("loop"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	mask := GP64()
	MOVQ(I32(-1), mask)
	BZHIQ(n, mask, mask)
	KMOVW(mask.As32(), reg.K1)
	step(1, true)
	Label("done")
	Comment("All sums stay below 2^32: 255*2^24.")
	fold512(sum, old[0], func(a, b reg.Register) { VPADDD(a, b, b) })
	fold512(top, old[0], func(a, b reg.Register) { VPMAXSD(a, b, b) })
	fold512(held, old[0], func(a, b reg.Register) { VPADDD(a, b, b) })
	VMOVD(sum.AsX(), bits)
	Store(bits, Return("spikes"))
	VMOVD(held.AsX(), bits)
	Store(bits, Return("held"))
	VMOVD(top.AsX(), bits)
	Store(bits, Return("top"))
	VZEROUPPER()
	RET()
	Label("bounded")
	bounded(4, false)
	JMP(LabelRef("pack"))
}

// fold512 brings all 16 lanes of z into its first.
func fold512(z, temp reg.VecPhysical, combine func(a, b reg.Register)) {
	foldQuads(z, temp, combine)
	VPSHUFD(Imm(0b01), z.AsX(), temp.AsX())
	combine(temp.AsX(), z.AsX())
}

// foldQuads is fold512 of eight lanes of 64 bits.
func foldQuads(z, temp reg.VecPhysical, combine func(a, b reg.Register)) {
	VEXTRACTI64X4(Imm(1), z, temp.AsY())
	combine(temp.AsY(), z.AsY())
	VEXTRACTI32X4(Imm(1), z.AsY(), temp.AsX())
	combine(temp.AsX(), z.AsX())
	VPSHUFD(Imm(0b1110), z.AsX(), temp.AsX())
	combine(temp.AsX(), z.AsX())
}

func lif512(name, does string, reset func(threshold, u reg.Register)) {
	TEXT(name, NOSPLIT, "func(counts *uint8, v, x *float32, n int, decay, threshold float32) (spikes uint64)")
	Pragma("noescape")
	Doc(name + " takes a step of n neurons, " + does + " those that fire and returns how many do.")
	counts, v, x := Load(Param("counts"), GP64()), Load(Param("v"), GP64()), Load(Param("x"), GP64())
	free := zmms
	r := free.take(5)
	decay, threshold, u, current, one := r[0], r[1], r[2], r[3], r[4]
	VBROADCASTSS(parameter("decay"), decay)
	VBROADCASTSS(parameter("threshold"), threshold)
	fired, spikes := GP32(), GP64()
	MOVL(U32(1), fired)
	VPBROADCASTB(fired, one.AsX())
	XORQ(spikes, spikes)
	by16(func(masked bool) {
		load(masked, Mem{Base: v}, u)
		load(masked, Mem{Base: x}, current)
		VMULPS(decay, u, u)
		VADDPS(current, u, u)
		Comment("threshold <= u, false for a NaN")
		if masked {
			VCMPPS(Imm(0x12), u, threshold, reg.K1, reg.K2)
		} else {
			VCMPPS(Imm(0x12), u, threshold, reg.K2)
		}
		reset(threshold, u)
		store(masked, u, Mem{Base: v})
		VMOVDQU8_Z(one.AsX(), reg.K2, current.AsX())
		if masked {
			VMOVDQU8(current.AsX(), reg.K1, Mem{Base: counts})
		} else {
			VMOVDQU(current.AsX(), Mem{Base: counts})
		}
		KMOVW(reg.K2, fired)
		POPCNTL(fired, fired)
		ADDQ(fired.As64(), spikes)
	}, func() {
		ADDQ(Imm(64), x)
		ADDQ(Imm(64), v)
		ADDQ(Imm(16), counts)
	})
	Store(spikes, Return("spikes"))
	VZEROUPPER()
	RET()
}

func graded512() {
	TEXT("gradedAVX512", NOSPLIT, "func(counts *uint8, v, x *float32, n int, decay, most float32) (spikes uint64)")
	Pragma("noescape")
	Doc("gradedAVX512 takes a step of n neurons that fire up to most spikes, at most 255, and returns their spikes.")
	counts, v, x := Load(Param("counts"), GP64()), Load(Param("v"), GP64()), Load(Param("x"), GP64())
	free := zmms
	fixed, temp := free.zeros(2, 1), free.take(6)
	zero, sum := fixed[0][0], fixed[1][0]
	decay, most, u, current, whole, count := temp[0], temp[1], temp[2], temp[3], temp[4], temp[5]
	VBROADCASTSS(parameter("decay"), decay)
	VBROADCASTSS(parameter("most"), most)
	by16(func(masked bool) {
		load(masked, Mem{Base: v}, u)
		load(masked, Mem{Base: x}, current)
		VMULPS(decay, u, u)
		VADDPS(current, u, u)
		Comment("A maximum gives its second source, which Go writes first, for a NaN.")
		VMAXPS(zero, u, whole)
		VMINPS(most, whole, whole)
		VCVTTPS2DQ(whole, count)
		VCVTDQ2PS(count, whole)
		VSUBPS(whole, u, u)
		store(masked, u, Mem{Base: v})
		VPMOVDB(count, current.AsX())
		if masked {
			VMOVDQU8(current.AsX(), reg.K1, Mem{Base: counts})
		} else {
			VMOVDQU(current.AsX(), Mem{Base: counts})
		}
		VPSADBW(zero.AsX(), current.AsX(), current.AsX())
		VPADDQ(current.AsX(), sum.AsX(), sum.AsX())
	}, func() {
		ADDQ(Imm(64), x)
		ADDQ(Imm(64), v)
		ADDQ(Imm(16), counts)
	})
	spikes := GP64()
	VPSHUFD(Imm(0b1110), sum.AsX(), current.AsX())
	VPADDQ(current.AsX(), sum.AsX(), sum.AsX())
	VMOVQ(sum.AsX(), spikes)
	Store(spikes, Return("spikes"))
	VZEROUPPER()
	RET()
}
