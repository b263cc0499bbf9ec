package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// inverse16x8 is inverse8x8 for two blocks at once. A vector has a block in each half at first. From columns on it has
// four parts: what is in the lower half of the first block's vector of inverse8x8, of the second's, and then the upper halves.
func inverse16x8() {
	TEXT("inverse16x8", NOSPLIT, "func(dst *uint8, stride int, left, right *[64]int16, by *[64]uint16) (ok bool)")
	Pragma("noescape")
	Doc("inverse16x8 is inverse8x8 for two blocks that are neighbours in a row. It reports false, and does nothing, if their energy is above maxEnergy together.")
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())

	in := columns(scaleBeside())
	in = paired(pass(in, columnRound, columnShift))
	store(dst, stride, pass(in, rowRound, rowShift))
	quiet()
}

// scaleBeside is scale for two blocks.
func scaleBeside() (scaled [4]reg.VecVirtual) {
	left, right, by := Load(Param("left"), GP64()), Load(Param("right"), GP64()), Load(Param("by"), GP64())
	zero := ZMM()
	VPXORQ(zero, zero, zero)
	var high, energy reg.VecVirtual
	for i := range scaled {
		steps, signed, size, beyond, squares := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
		VBROADCASTI64X4(Mem{Base: by, Disp: 32 * i}, steps)
		VMOVDQU(Mem{Base: left, Disp: 32 * i}, signed.AsY())
		VINSERTI64X4(Imm(1), Mem{Base: right, Disp: 32 * i}, signed, signed)
		VPABSW(signed, size)
		VPMULHUW(steps, size, beyond)
		VPMULLW(steps, size, size)
		VPSRLW(Imm(12), size, squares)
		VPORQ(squares, beyond, beyond)
		VPMADDWD(size, size, squares)
		negative := K()
		VPMOVW2M(signed, negative)
		VPSUBW(size, zero, negative, size)
		scaled[i] = size
		if i == 0 {
			high, energy = beyond, squares
		} else {
			VPORQ(beyond, high, high)
			VPADDD(squares, energy, energy)
		}
	}
	any := K()
	VPTESTMD(high, high, any)
	KORTESTW(any, any)
	JNZ(LabelRef("loud"))
	half := YMM()
	VEXTRACTI64X4(Imm(1), energy, half)
	VPADDD(energy.AsY(), half, half)
	limit(half)
	return scaled
}

// storeBeside writes two rows, one below the other, of two blocks beside each other. They are in two parts of v, the first of
// which is part.
func storeBeside(to, stride reg.Register, v reg.VecVirtual, part uint64) {
	if part == 0 {
		VPERMQ(Imm(0b11_01_10_00), v, v)
	}
	for i := range uint64(2) {
		x := v.AsX()
		if part+i > 0 {
			x = XMM()
			VEXTRACTI32X4(Imm(part+i), v, x)
		}
		if i == 0 {
			VMOVDQU(x, Mem{Base: to})
		} else {
			VMOVDQU(x, Mem{Base: to, Index: stride, Scale: 1})
		}
	}
}
