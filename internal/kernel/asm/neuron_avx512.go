package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// neuronAVX512 writes the neuron steps, 16 neurons at a time.
func neuronAVX512() {
	spikingReLU512()
	lif512("lifSubtractAVX512", "subtracts the threshold from", func(threshold, u reg.Register) {
		VSUBPS(threshold, u, reg.K2, u)
	})
	lif512("lifZeroAVX512", "resets", func(_, u reg.Register) {
		VPXORD(u, u, reg.K2, u)
	})
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

// spikingReLU512 leaves counting those held back to its caller: they are the ones with v >= 1 after the step.
func spikingReLU512() {
	TEXT("spikingReLUAVX512", NOSPLIT, "func(counts *uint8, v, x *float32, n int, dt float32) (spikes uint32, top float32)")
	Pragma("noescape")
	Doc("spikingReLUAVX512 takes a step of n neurons, at most 2^24, and returns their spikes and the largest v left, or 0.")
	counts, v, x := Load(Param("counts"), GP64()), Load(Param("v"), GP64()), Load(Param("x"), GP64())
	free := zmms
	fixed, temp := free.zeros(5, 1), free.take(4)
	dt, zero, most, sum, top := fixed[0][0], fixed[1][0], fixed[2][0], fixed[3][0], fixed[4][0]
	u, old, count, whole := temp[0], temp[1], temp[2], temp[3]
	VBROADCASTSS(parameter("dt"), dt)
	bits := GP32()
	Comment("255 as a float32")
	MOVL(U32(0x437f0000), bits)
	VPBROADCASTD(bits, most)
	by16(func(masked bool) {
		load(masked, Mem{Base: x}, u)
		Comment("A maximum gives its second source, which Go writes first, for a NaN.")
		VMAXPS(zero, u, u)
		VMULPS(dt, u, u)
		load(masked, Mem{Base: v}, old)
		VADDPS(u, old, u)
		VMAXPS(zero, u, whole)
		VMINPS(most, whole, whole)
		VCVTTPS2DQ(whole, count)
		VCVTDQ2PS(count, whole)
		VSUBPS(whole, u, u)
		VMAXPS(top, u, top)
		store(masked, u, Mem{Base: v})
		VPADDD(count, sum, sum)
		if masked {
			VPMOVDB(count, reg.K1, Mem{Base: counts})
		} else {
			VPMOVDB(count, Mem{Base: counts})
		}
	}, func() {
		ADDQ(Imm(64), x)
		ADDQ(Imm(64), v)
		ADDQ(Imm(16), counts)
	})
	Comment("All sums stay below 2^32: 255*2^24.")
	fold512(sum, old, func(a, b reg.Register) { VPADDD(a, b, b) })
	fold512(top, old, func(a, b reg.Register) { VMAXPS(a, b, b) })
	spikes := GP32()
	VMOVD(sum.AsX(), spikes)
	Store(spikes, Return("spikes"))
	VMOVSS(top.AsX(), result("top"))
	VZEROUPPER()
	RET()
}

// fold512 brings all 16 lanes of z into its first.
func fold512(z, temp reg.VecPhysical, combine func(a, b reg.Register)) {
	VEXTRACTI64X4(Imm(1), z, temp.AsY())
	combine(temp.AsY(), z.AsY())
	VEXTRACTI32X4(Imm(1), z.AsY(), temp.AsX())
	combine(temp.AsX(), z.AsX())
	VPSHUFD(Imm(0b1110), z.AsX(), temp.AsX())
	combine(temp.AsX(), z.AsX())
	VPSHUFD(Imm(0b01), z.AsX(), temp.AsX())
	combine(temp.AsX(), z.AsX())
}

// result is a result as an operand in memory.
func result(name string) Mem {
	r, err := Return(name).Resolve()
	if err != nil {
		panic(err)
	}
	return r.Addr
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
