package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Shares of the coefficients, as in package lumajpeg.
const (
	outer1, inner1 = 10498, 4348
	outer2         = 7568
	outer3, inner3 = 3686, 8900
	outer5, inner5 = 2463, 5946
	outer6         = 3135
	outer7, inner7 = 2088, 865
)

// inverse4x4 is transform4, made as inverse8x8 is. A mean of two samples is no larger than they are.
func inverse4x4() {
	TEXT("inverse4x4", NOSPLIT, "func(dst *uint8, stride int, coefficients *[64]int16, by *[64]uint16) (ok bool)")
	Pragma("noescape")
	Doc("inverse4x4 multiplies coefficients by their quantizer steps and writes the 4 x 4 means of squares of their samples to rows of 4 bytes, stride bytes apart. It reports false, and does nothing, if their energy is above maxEnergy.")
	dst, stride, c := Load(Param("dst"), GP64()), Load(Param("stride"), GP64()), Load(Param("coefficients"), GP64())

	rows := reducedPass(columns(scale(c)), columnRound, columnShift)
	half := pairHalves(rows[:])
	// The second pass has four rows; what is in the upper halves is of no use to it.
	in := samples{half[0], half[1], YMM(), YMM()}
	for i, h := range half {
		VEXTRACTI128(Imm(1), h, in[2+i].AsX())
	}
	x := cut(reducedPass(in, rowRound, rowShift)).AsX()
	below := GP64()
	LEAQ(Mem{Base: dst, Index: stride, Scale: 2}, below)
	VMOVD(x, Mem{Base: dst})
	VPEXTRD(Imm(1), x, Mem{Base: dst, Index: stride, Scale: 1})
	VPEXTRD(Imm(2), x, Mem{Base: below})
	VPEXTRD(Imm(3), x, Mem{Base: below, Index: stride, Scale: 1})
	quiet()
}

// reducedPass makes transforms of 8 values to 4, one in each lane, rounds and scales.
func reducedPass(in samples, round uint32, shift uint64) (out [4]reg.VecVirtual) {
	mean, t := products(in[0], 1<<constBits, 0), products(in[1], outer2, -outer6)
	VPADDD(lanes(round), mean, mean)
	e := [2]reg.VecVirtual{like(mean), mean}
	VPADDD(t, mean, e[0])
	VPSUBD(t, mean, e[1])
	for i, k := range [2][4]int16{ // of samples 1, 5, 3 and 7
		{outer1, -outer5, outer3, -outer7},
		{inner1, inner5, -inner3, -inner7},
	} {
		out[i], out[3-i] = butterfly(in, e[i], k, shift)
	}
	return out
}
