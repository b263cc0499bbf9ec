package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// int8Silent writes what leaves the silent channels out of a convolution's input and out of its weights.
func int8Silent() {
	loudChannels()
	keepChannels()
	keepInputs()
}

func loudChannels() {
	TEXT("loudChannelsAVX512", NOSPLIT, "func(channels *uint64, src *uint8, c, pixels int)")
	Pragma("noescape")
	Doc("loudChannelsAVX512 sets a bit for each of c channels that is not zero in all of the pixels, at least one.")
	channels, src := Load(Param("channels"), GP64()), Load(Param("src"), GP64())
	c, left := Load(Param("c"), GP64()), Load(Param("c"), GP64())
	free := zmms
	counts := free.take(2)
	Label("chunk")
	lanes := GP64()
	MOVQ(I32(-1), lanes)
	CMPQ(left, Imm(64))
	JGE(LabelRef("whole"))
	BZHIQ(left, lanes, lanes)
	Label("whole")
	KMOVQ(lanes, reg.K1)
	any := free.zeros(1, 1)[0][0]
	at, pixels := GP64(), Load(Param("pixels"), GP64())
	MOVQ(src, at)
	Label("pixels")
	CMPQ(pixels, Imm(2))
	JL(LabelRef("last"))
	VMOVDQU8_Z(Mem{Base: at}, reg.K1, counts[0])
	VMOVDQU8_Z(Mem{Base: at, Index: c, Scale: 1}, reg.K1, counts[1])
	Comment("any |= one | the other")
	VPTERNLOGQ(Imm(0xfe), counts[0], counts[1], any)
	LEAQ(Mem{Base: at, Index: c, Scale: 2}, at)
	SUBQ(Imm(2), pixels)
	JMP(LabelRef("pixels"))
	Label("last")
	TESTQ(pixels, pixels)
	JZ(LabelRef("done"))
	VMOVDQU8_Z(Mem{Base: at}, reg.K1, counts[0])
	VPORQ(counts[0], any, any)
	Label("done")
	VPTESTMB(any, any, reg.K1)
	KMOVQ(reg.K1, Mem{Base: channels})
	ADDQ(Imm(8), channels)
	ADDQ(Imm(64), src)
	SUBQ(Imm(64), left)
	JG(LabelRef("chunk"))
	VZEROUPPER()
	RET()
}

func keepChannels() {
	places := GLOBL("bytesInOrder", RODATA|NOPTR)
	for i := range 8 {
		DATA(8*i, U64(0x0706050403020100+0x0808080808080808*uint64(i)))
	}
	TEXT("keepChannelsAVX512", NOSPLIT, "func(dst, src *uint8, channels *uint64, order *uint8, c, pixels int)")
	Pragma("noescape")
	Doc("keepChannelsAVX512 copies those of c channels whose bit is set, pixel after pixel, and overwrites up to 64 bytes more. It needs an order of 64 bytes for every 64 channels.")
	dst, src, c := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("c"), GP64())
	pixels := Load(Param("pixels"), GP64())
	counts, order, kept := reg.Z0, reg.Z1, GP64()
	channels, orders, at, left := GP64(), GP64(), GP64(), GP64()
	chunks := func(name string, body func()) {
		Load(Param("channels"), channels)
		Load(Param("order"), orders)
		MOVQ(c, left)
		Label(name)
		KMOVQ(Mem{Base: channels}, reg.K1)
		body()
		ADDQ(Imm(8), channels)
		ADDQ(Imm(64), orders)
		SUBQ(Imm(64), left)
		JG(LabelRef(name))
	}
	Comment("The places of those that are kept, which is quicker than compressing every pixel.")
	VMOVDQU64(places, counts)
	chunks("order", func() {
		unknown("VPCOMPRESSB.Z", "AVX512VBMI2", counts, reg.K1, order)
		VMOVDQU64(order, Mem{Base: orders})
	})
	Label("pixel")
	MOVQ(src, at)
	chunks("chunk", func() {
		VMOVDQU8_Z(Mem{Base: at}, reg.K1, counts)
		VMOVDQU64(Mem{Base: orders}, order)
		unknown("VPERMB", "AVX512VBMI", counts, order, counts)
		VMOVDQU64(counts, Mem{Base: dst})
		POPCNTQ(Mem{Base: channels}, kept)
		ADDQ(kept, dst)
		ADDQ(Imm(64), at)
	})
	ADDQ(c, src)
	DECQ(pixels)
	JNZ(LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

func keepInputs() {
	spread := GLOBL("fourTimesEveryFourth", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32((i%4*4+i/4)*0x01010101))
	}
	TEXT("keepInputsAVX512", NOSPLIT, "func(dst, src *int8, inputs *int32, groups, registers int)")
	Pragma("noescape")
	Doc("keepInputsAVX512 lays out a kernel row's weights, [group][register][16][4], of four times so many groups of inputs.")
	dst, src, stride := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("registers"), GP64())
	registers := Load(Param("registers"), GP64())
	SHLQ(Imm(6), stride)
	masks := []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}
	for i, k := range masks {
		every := GP64()
		MOVQ(U64(0x1111111111111111<<i), every)
		KMOVQ(every, k)
	}
	table, sum, order := GP64(), reg.Z0, reg.Z1
	LEAQ(spread, table)
	Label("register")
	to, inputs, groups := GP64(), Load(Param("inputs"), GP64()), Load(Param("groups"), GP64())
	MOVQ(dst, to)
	Label("group")
	for i, k := range masks {
		group, place := GP64(), GP64()
		MOVLQZX(Mem{Base: inputs, Disp: 4 * i}, group)
		MOVQ(group, place)
		SHRQ(Imm(2), group)
		IMULQ(stride, group)
		ANDQ(Imm(3), place)
		SHLQ(Imm(4), place)
		VBROADCASTI32X4(Mem{Base: table, Index: place, Scale: 1}, order)
		weights := reg.Z2
		VMOVDQU32(Mem{Base: src, Index: group, Scale: 1}, weights)
		if i == 0 {
			VPSHUFB_Z(order, weights, k, sum)
		} else {
			VPSHUFB(order, weights, k, sum)
		}
	}
	VMOVDQU32(sum, Mem{Base: to})
	ADDQ(stride, to)
	ADDQ(Imm(16), inputs)
	DECQ(groups)
	JNZ(LabelRef("group"))
	ADDQ(Imm(64), src)
	ADDQ(Imm(64), dst)
	DECQ(registers)
	JNZ(LabelRef("register"))
	VZEROUPPER()
	RET()
}

// unknown is an instruction that avo does not know; Go's assembler does.
func unknown(opcode, isa string, a, b, to reg.Register) {
	Instruction(&ir.Instruction{Opcode: opcode, ISA: []string{isa}, Operands: []Op{a, b, to}, Inputs: []Op{a, b}, Outputs: []Op{to}})
}
