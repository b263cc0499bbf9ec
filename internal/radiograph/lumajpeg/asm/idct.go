package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Constants and shifts of the transform, as in package lumajpeg, whose plain Go defines the answers.
const (
	constBits = 13
	passBits  = 2

	columnShift = constBits - passBits
	columnRound = 1 << (columnShift - 1)
	rowShift    = constBits + passBits + 3
	rowRound    = 1<<(rowShift-1) + 128<<rowShift

	maxEnergy = 7 << 20

	c0298 = 2446
	c0390 = 3196
	c0541 = 4433
	c0765 = 6270
	c0899 = 7373
	c1175 = 9633
	c1501 = 12299
	c1847 = 15137
	c1961 = 16069
	c2053 = 16819
	c2562 = 20995
	c3072 = 25172
)

// like is a new vector as wide as v.
func like(v reg.VecVirtual) reg.VecVirtual {
	if wide(v) {
		return ZMM()
	}
	return YMM()
}

// wide tells a vector of two blocks from a vector of one.
func wide(v reg.VecVirtual) bool { return v.Size() == 64 }

// samples are four vectors that hold eight transforms' inputs, a pair of 16 bits in each lane: of samples 0 and 4,
// 2 and 6, 1 and 5, 3 and 7. The halves of a vector of a row's coefficients have their columns in this order, too,
// so that a pass leaves neighbours that are the next one's pairs.
type samples [4]reg.VecVirtual

// inverse8x8 is transform8 with 16-bit products summed in pairs to 32 bits (VPMADDWD). The plain version's factored
// sums are multiplied out: arithmetic modulo 2^32 is a ring, so the sums are the same whatever their order, as long as
// what is multiplied fits in 16 bits. Coefficients do, and so do the first pass's samples by the bound on a block's energy.
func inverse8x8() {
	TEXT("inverse8x8", NOSPLIT, "func(dst *uint8, stride int, coefficients *[64]int16, by *[64]uint16) (ok bool)")
	Pragma("noescape")
	Doc("inverse8x8 multiplies coefficients by their quantizer steps and writes their 8 x 8 samples to rows of 8 bytes, stride bytes apart. It reports false, and does nothing, if their energy is above maxEnergy.")
	dst, stride, c := Load(Param("dst"), GP64()), Load(Param("stride"), GP64()), Load(Param("coefficients"), GP64())

	in := columns(scale(c))
	in = paired(pass(in, columnRound, columnShift))
	store(dst, stride, pass(in, rowRound, rowShift))
	quiet()
}

// scale multiplies the coefficients at c by their steps. The function ends if their energy is above maxEnergy.
func scale(c reg.Register) (scaled [4]reg.VecVirtual) {
	by := Load(Param("by"), GP64())
	var high, energy reg.VecVirtual // what is beyond 12 bits; sums of squares
	for i := range scaled {
		at, steps := Mem{Base: c, Disp: 32 * i}, Mem{Base: by, Disp: 32 * i}
		signed, size, beyond, squares := YMM(), YMM(), YMM(), YMM()
		VMOVDQU(at, signed)
		VPABSW(signed, size)
		VPMULHUW(steps, size, beyond)
		VPMULLW(steps, size, size)
		VPSRLW(Imm(12), size, squares)
		VPOR(squares, beyond, beyond)
		VPMADDWD(size, size, squares)
		VPSIGNW(signed, size, size)
		scaled[i] = size
		if i == 0 {
			high, energy = beyond, squares
		} else {
			VPOR(beyond, high, high)
			VPADDD(squares, energy, energy)
		}
	}
	VPTEST(high, high)
	JNZ(LabelRef("loud"))
	limit(energy)
	return scaled
}

// limit ends the function if the sum of the energy's lanes is above maxEnergy.
func limit(energy reg.VecVirtual) {
	half, sum := XMM(), GP32()
	VEXTRACTI128(Imm(1), energy, half)
	VPADDD(energy.AsX(), half, half)
	for _, order := range []uint64{0b01_00_11_10, 0b10_11_00_01} {
		other := XMM()
		VPSHUFD(Imm(order), half, other)
		VPADDD(other, half, half)
	}
	VMOVD(half, sum)
	CMPL(sum, U32(maxEnergy))
	JA(LabelRef("loud"))
}

// quiet ends a function that has written samples, and one that has not.
func quiet() {
	for _, ok := range []uint64{1, 0} {
		if ok == 0 {
			Label("loud")
		}
		VZEROUPPER()
		answer := GP8()
		MOVB(U8(ok), answer)
		Store(answer, Return("ok"))
		RET()
	}
}

// columns pairs rows of coefficients, two in a vector, with columns 0, 4, 2 and 6 in the lower half and 1, 5, 3 and 7 in the
// upper.
func columns(rows [4]reg.VecVirtual) (in samples) {
	var order [16]byte
	for i, column := range [8]byte{0, 4, 2, 6, 1, 5, 3, 7} {
		order[2*i], order[2*i+1] = 2*column, 2*column+1
	}
	for _, v := range rows {
		VPSHUFB(bytesOf("columns", order), v, v)
	}
	for i := range 2 {
		even, odd := like(rows[0]), like(rows[0])
		VPUNPCKLWD(rows[2+i], rows[i], even)
		VPUNPCKHWD(rows[2+i], rows[i], odd)
		in[i], in[2+i] = like(even), like(even)
		if wide(even) {
			VSHUFI64X2(Imm(0b10_00_10_00), odd, even, in[i])
			VSHUFI64X2(Imm(0b11_01_11_01), odd, even, in[2+i])
		} else {
			VPERM2I128(Imm(0x20), odd, even, in[i])
			VPERM2I128(Imm(0x31), odd, even, in[2+i])
		}
	}
	return in
}

// pass makes eight transforms, one in each lane, rounds and scales.
func pass(in samples, round uint32, shift uint64) (out [8]reg.VecVirtual) {
	var e [4]reg.VecVirtual
	t := [4]reg.VecVirtual{
		products(in[0], 1<<constBits, 1<<constBits),
		products(in[0], 1<<constBits, -1<<constBits),
		products(in[1], c0541, c0541-c1847),
		products(in[1], c0541+c0765, c0541),
	}
	half := lanes(round)
	for i := range 2 {
		VPADDD(half, t[i], t[i])
		e[i], e[3-i] = like(in[0]), like(in[0])
		VPADDD(t[3-i], t[i], e[i])
		VPSUBD(t[3-i], t[i], e[3-i])
	}
	odd := [4][4]int16{ // of samples 1, 5, 3 and 7
		{c1501 - c0899 + c1175 - c0390, c1175 - c0390, c1175, c1175 - c0899},
		{c1175, c1175 - c2562, c3072 - c2562 + c1175 - c1961, c1175 - c1961},
		{c1175 - c0390, c2053 - c2562 + c1175 - c0390, c1175 - c2562, c1175},
		{c1175 - c0899, c1175, c1175 - c1961, c0298 - c0899 + c1175 - c1961},
	}
	for i, k := range odd {
		out[i], out[7-i] = butterfly(in, e[i], k, shift)
	}
	return out
}

// butterfly adds what samples 1, 5, 3 and 7 make with the factors k to the even ones' e, takes it from them, which is
// left in e, and scales both.
func butterfly(in samples, e reg.VecVirtual, k [4]int16, shift uint64) (sum, difference reg.VecVirtual) {
	o, b := products(in[2], k[0], k[1]), products(in[3], k[2], k[3])
	VPADDD(b, o, o)
	sum = like(e)
	VPADDD(o, e, sum)
	VPSUBD(o, e, e)
	VPSRAD(Imm(shift), sum, sum)
	VPSRAD(Imm(shift), e, e)
	return sum, e
}

// paired transposes what the first pass left, lane by lane a column, to what the second takes, lane by lane a row.
func paired(rows [8]reg.VecVirtual) (in samples) {
	halves := [2][2]reg.VecVirtual{pairHalves(rows[:4]), pairHalves(rows[4:])}
	for i := range 2 {
		in[i], in[2+i] = like(rows[0]), like(rows[0])
		if wide(rows[0]) {
			VSHUFI64X2(Imm(0b01_00_01_00), halves[1][i], halves[0][i], in[i])
			VSHUFI64X2(Imm(0b11_10_11_10), halves[1][i], halves[0][i], in[2+i])
		} else {
			VPERM2I128(Imm(0x20), halves[1][i], halves[0][i], in[i])
			VPERM2I128(Imm(0x31), halves[1][i], halves[0][i], in[2+i])
		}
	}
	return in
}

// pairHalves makes pairs of four rows: 0 and 4 beside 1 and 5, 2 and 6 beside 3 and 7.
func pairHalves(rows []reg.VecVirtual) [2]reg.VecVirtual {
	a, b := rows[0], rows[2]
	VPACKSSDW(rows[1], a, a)
	VPACKSSDW(rows[3], b, b)
	first, second := like(a), like(a)
	VSHUFPS(Imm(0b10_00_10_00), b, a, first)
	VSHUFPS(Imm(0b11_01_11_01), b, a, second)
	return [2]reg.VecVirtual{first, second}
}

// store cuts samples, which are columns, lane by lane a row, to bytes and writes them by rows.
func store(dst, stride reg.Register, columns [8]reg.VecVirtual) {
	left, right := cut([4]reg.VecVirtual(columns[:4])), cut([4]reg.VecVirtual(columns[4:]))
	rows := [2]reg.VecVirtual{like(left), like(left)}
	VPUNPCKLDQ(right, left, rows[0])
	VPUNPCKHDQ(right, left, rows[1])
	for i := range 2 {
		if i > 0 {
			LEAQ(Mem{Base: dst, Index: stride, Scale: 4}, dst)
		}
		at := GP64()
		LEAQ(Mem{Base: dst, Index: stride, Scale: 2}, at)
		for j, to := range []reg.Register{dst, at} {
			if wide(left) {
				storeBeside(to, stride, rows[j], uint64(2*i))
				continue
			}
			x := rows[j].AsX()
			if i > 0 {
				VEXTRACTI128(Imm(1), rows[j], x)
			}
			VMOVQ(x, Mem{Base: to})
			VMOVHPS(x, Mem{Base: to, Index: stride, Scale: 1})
		}
	}
}

// cut makes bytes of four columns and, in each half, four rows of them.
func cut(columns [4]reg.VecVirtual) reg.VecVirtual {
	a, b := columns[0], columns[2]
	VPACKSSDW(columns[1], a, a)
	VPACKSSDW(columns[3], b, b)
	VPACKUSWB(b, a, a)
	var transpose [16]byte
	for i := range transpose {
		transpose[i] = byte(4*(i%4) + i/4)
	}
	VPSHUFB(bytesOf("transpose", transpose), a, a)
	return a
}

// products multiplies the samples of each lane and adds the two products up.
func products(in reg.VecVirtual, a, b int16) reg.VecVirtual {
	out := like(in)
	VPMADDWD(lanes(uint32(uint16(a))|uint32(uint16(b))<<16), in, out)
	return out
}
