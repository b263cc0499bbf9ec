package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// neuronAVX2 writes the neuron steps, 32 neurons at a time, whose counts fill a register.
func neuronAVX2() {
	order := GLOBL("bytesInOrder", RODATA|NOPTR)
	for i, lane := range []uint32{0, 4, 1, 5, 2, 6, 3, 7} {
		DATA(4*i, U32(lane))
	}
	spikingReLU256(order)
	lif256(order, "lifSubtractAVX2", "subtracts the threshold from", func(threshold, fired, u, temp reg.Register) {
		VANDPS(threshold, fired, temp)
		VSUBPS(temp, u, u)
	})
	lif256(order, "lifZeroAVX2", "resets", func(_, fired, u, _ reg.Register) {
		VANDNPS(u, fired, u)
	})
	graded256(order)
}

// by32 is a loop over a multiple of 32 neurons: step leaves the counts, or what word and byte pack into them, of the
// eight neurons at v and x.
type by32 struct {
	order           Mem
	word, byte      func(b, a, to Op)
	sum, zero, temp reg.VecPhysical
	count           []reg.VecPhysical // 4
}

// write returns the sum of the counts.
func (l by32) write(step func(v, x Mem, count reg.VecPhysical), finish func(count reg.VecPhysical)) reg.Register {
	counts, v, x := Load(Param("counts"), GP64()), Load(Param("v"), GP64()), Load(Param("x"), GP64())
	n := Load(Param("n"), GP64())
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	for i, c := range l.count {
		step(Mem{Base: v, Disp: 32 * i}, Mem{Base: x, Disp: 32 * i}, c)
	}
	Comment("Packing works within halves of a register, so the order is mended afterwards.")
	c := l.count
	l.word(c[1], c[0], c[0])
	l.word(c[3], c[2], c[2])
	l.byte(c[2], c[0], c[0])
	VMOVDQU(l.order, l.temp)
	VPERMD(c[0], l.temp, c[0])
	finish(c[0])
	VMOVDQU(c[0], Mem{Base: counts})
	VPSADBW(l.zero, c[0], c[0])
	VPADDQ(c[0], l.sum, l.sum)
	ADDQ(U32(128), v)
	ADDQ(U32(128), x)
	ADDQ(Imm(32), counts)
	SUBQ(Imm(32), n)
	JMP(LabelRef("loop"))
	Label("done")
	fold256(l.sum, l.temp, func(a, b reg.Register) { VPADDQ(a, b, b) })
	VMOVQ(l.sum.AsX(), n)
	return n
}

// fold256 brings the two 64-bit halves of both halves of y into its first.
func fold256(y, temp reg.VecPhysical, combine func(a, b reg.Register)) {
	VEXTRACTI128(Imm(1), y, temp.AsX())
	combine(temp.AsX(), y.AsX())
	VPSHUFD(Imm(0b1110), y.AsX(), temp.AsX())
	combine(temp.AsX(), y.AsX())
}

func spikingReLU256(order Mem) {
	TEXT("spikingReLUAVX2", NOSPLIT, "func(counts *uint8, v, x *float32, n int, dt float32) (spikes uint64, held uint32)")
	Pragma("noescape")
	Doc("spikingReLUAVX2 takes a step of n neurons, a multiple of 32, and returns their spikes and how many are left with v >= 1.")
	free := ymms
	fixed, temp := free.zeros(5, 1), free.take(4)
	dt, zero, most, sum, held := fixed[0][0], fixed[1][0], fixed[2][0], fixed[3][0], fixed[4][0]
	u, old, whole, one := temp[0], temp[1], temp[2], temp[3]
	VBROADCASTSS(parameter("dt"), dt)
	bits := GP32()
	Comment("1 as a float32")
	MOVL(U32(0x3f800000), bits)
	VMOVD(bits, one.AsX())
	VPBROADCASTD(one.AsX(), one)
	Comment("255 as a float32")
	MOVL(U32(0x437f0000), bits)
	VMOVD(bits, most.AsX())
	VPBROADCASTD(most.AsX(), most)
	loop := by32{
		order: order, sum: sum, zero: zero, temp: whole, count: free.take(4),
		word: func(b, a, to Op) { VPACKUSDW(b, a, to) }, byte: func(b, a, to Op) { VPACKUSWB(b, a, to) },
	}
	spikes := loop.write(func(v, x Mem, count reg.VecPhysical) {
		VMOVUPS(x, u)
		Comment("A maximum gives its second source, which Go writes first, for a NaN.")
		VMAXPS(zero, u, u)
		VMULPS(dt, u, u)
		VMOVUPS(v, old)
		VADDPS(u, old, u)
		VMAXPS(zero, u, whole)
		VMINPS(most, whole, whole)
		VCVTTPS2DQ(whole, count)
		VCVTDQ2PS(count, whole)
		VSUBPS(whole, u, u)
		VMOVUPS(u, v)
		Comment("one <= u, false for a NaN, is -1")
		VCMPPS(Imm(0x12), u, one, old)
		VPSUBD(old, held, held)
	}, func(reg.VecPhysical) {})
	Store(spikes, Return("spikes"))
	add := func(a, b reg.Register) { VPADDD(a, b, b) }
	fold256(held, old, add)
	VPSHUFD(Imm(0b01), held.AsX(), old.AsX())
	add(old.AsX(), held.AsX())
	VMOVD(held.AsX(), bits)
	Store(bits, Return("held"))
	VZEROUPPER()
	RET()
}

func lif256(order Mem, name, does string, reset func(threshold, fired, u, temp reg.Register)) {
	TEXT(name, NOSPLIT, "func(counts *uint8, v, x *float32, n int, decay, threshold float32) (spikes uint64)")
	Pragma("noescape")
	Doc(name + " takes a step of n neurons, a multiple of 32, " + does + " those that fire and returns how many do.")
	free := ymms
	fixed, temp := free.zeros(2, 1), free.take(5)
	zero, sum := fixed[0][0], fixed[1][0]
	decay, threshold, u, current, one := temp[0], temp[1], temp[2], temp[3], temp[4]
	VBROADCASTSS(parameter("decay"), decay)
	VBROADCASTSS(parameter("threshold"), threshold)
	Comment("1 in every byte")
	VPCMPEQB(one, one, one)
	VPABSB(one, one)
	loop := by32{
		order: order, sum: sum, zero: zero, temp: current, count: free.take(4),
		word: func(b, a, to Op) { VPACKSSDW(b, a, to) }, byte: func(b, a, to Op) { VPACKSSWB(b, a, to) },
	}
	spikes := loop.write(func(v, x Mem, fired reg.VecPhysical) {
		VMULPS(v, decay, u)
		VADDPS(x, u, u)
		Comment("threshold <= u, false for a NaN")
		VCMPPS(Imm(0x12), u, threshold, fired)
		reset(threshold, fired, u, current)
		VMOVUPS(u, v)
	}, func(count reg.VecPhysical) { VPAND(one, count, count) })
	Store(spikes, Return("spikes"))
	VZEROUPPER()
	RET()
}

func graded256(order Mem) {
	TEXT("gradedAVX2", NOSPLIT, "func(counts *uint8, v, x *float32, n int, decay, most float32) (spikes uint64)")
	Pragma("noescape")
	Doc("gradedAVX2 takes a step of n neurons, a multiple of 32, that fire up to most spikes, at most 255, and returns their spikes.")
	free := ymms
	fixed, temp := free.zeros(2, 1), free.take(4)
	zero, sum := fixed[0][0], fixed[1][0]
	decay, most, u, whole := temp[0], temp[1], temp[2], temp[3]
	VBROADCASTSS(parameter("decay"), decay)
	VBROADCASTSS(parameter("most"), most)
	loop := by32{
		order: order, sum: sum, zero: zero, temp: whole, count: free.take(4),
		word: func(b, a, to Op) { VPACKUSDW(b, a, to) }, byte: func(b, a, to Op) { VPACKUSWB(b, a, to) },
	}
	spikes := loop.write(func(v, x Mem, count reg.VecPhysical) {
		VMULPS(v, decay, u)
		VADDPS(x, u, u)
		Comment("A maximum gives its second source, which Go writes first, for a NaN.")
		VMAXPS(zero, u, whole)
		VMINPS(most, whole, whole)
		VCVTTPS2DQ(whole, count)
		VCVTDQ2PS(count, whole)
		VSUBPS(whole, u, u)
		VMOVUPS(u, v)
	}, func(reg.VecPhysical) {})
	Store(spikes, Return("spikes"))
	VZEROUPPER()
	RET()
}
