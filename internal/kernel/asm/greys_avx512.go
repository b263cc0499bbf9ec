package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// greysAVX512 writes the ways through the pixels of a picture, but the one that wants more of a processor.
func greysAVX512() {
	greysAtMost()
	moments()
	halveBytes()
	halveSums()
}

// byRegister writes body for 64 pixels at a time from pixels on, n of them, and once more for the rest, of which K1 then is the mask.
func byRegister(n reg.Register, body func(whole bool)) {
	Label("whole")
	CMPQ(n, Imm(64))
	JL(LabelRef("rest"))
	body(true)
	SUBQ(Imm(64), n)
	JMP(LabelRef("whole"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	lanes512(n)
	body(false)
	Label("done")
}

func greysAtMost() {
	TEXT("greysAtMostAVX512", NOSPLIT, "func(picture *uint8, n int, a, b uint8) (atMostA, atMostB int)")
	Pragma("noescape")
	Doc("greysAtMostAVX512 counts those of n pixels that are at most a, and at most b.")
	picture, n := Load(Param("picture"), GP64()), Load(Param("n"), GP64())
	limit, most := [2]reg.VecPhysical{reg.Z0, reg.Z1}, [2]reg.Register{GP64(), GP64()}
	for i, name := range []string{"a", "b"} {
		VPBROADCASTB(Load(Param(name), GP8()).(reg.GPVirtual).As32(), limit[i])
		XORQ(most[i], most[i])
	}
	found := [2]reg.GPVirtual{GP64(), GP64()}
	byRegister(n, func(whole bool) {
		masks := [2]reg.Register{reg.K2, reg.K3}
		if whole {
			VMOVDQU8(Mem{Base: picture}, reg.Z2)
		} else {
			VMOVDQU8_Z(Mem{Base: picture}, reg.K1, reg.Z2)
		}
		for i, mask := range masks {
			if whole {
				VPCMPUB(Imm(2), limit[i], reg.Z2, mask)
			} else {
				VPCMPUB(Imm(2), limit[i], reg.Z2, reg.K1, mask)
			}
			KMOVQ(mask, found[i])
			POPCNTQ(found[i], found[i])
			ADDQ(found[i], most[i])
		}
		ADDQ(Imm(64), picture)
	})
	Store(most[0], Return("atMostA"))
	Store(most[1], Return("atMostB"))
	VZEROUPPER()
	RET()
}

// translateVBMI writes the lookup of bytes in a table, which fits four registers.
func translateVBMI() {
	TEXT("translateVBMI", NOSPLIT, "func(dst, src *uint8, n int, table *uint8)")
	Pragma("noescape")
	Doc("translateVBMI writes what a table of 256 bytes has for each of n.")
	dst, src, n, table := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("n"), GP64()), Load(Param("table"), GP64())
	free := zmms
	quarters, picture, low, high := free.take(4), free.take(1)[0], free.take(1)[0], free.take(1)[0]
	for i, q := range quarters {
		VMOVDQU8(Mem{Base: table, Disp: 64 * i}, q)
	}
	byRegister(n, func(whole bool) {
		if whole {
			VMOVDQU8(Mem{Base: src}, picture)
		} else {
			VMOVDQU8_Z(Mem{Base: src}, reg.K1, picture)
		}
		VMOVDQA64(picture, low)
		VPERMI2B(quarters[1], quarters[0], low)
		VMOVDQA64(picture, high)
		VPERMI2B(quarters[3], quarters[2], high)
		VPMOVB2M(picture, reg.K2)
		VMOVDQU8(high, reg.K2, low)
		if whole {
			VMOVDQU8(low, Mem{Base: dst})
		} else {
			VMOVDQU8(low, reg.K1, Mem{Base: dst})
		}
		ADDQ(Imm(64), src)
		ADDQ(Imm(64), dst)
	})
	VZEROUPPER()
	RET()
}

func moments() {
	TEXT("momentsAVX512", NOSPLIT, "func(picture *uint8, n int) (sum, squares uint64)")
	Pragma("noescape")
	Doc("momentsAVX512 adds up n pixels, at most 1<<18, and their squares.")
	picture, n := Load(Param("picture"), GP64()), Load(Param("n"), GP64())
	free := zmms
	r := free.take(7)
	none, even, sum, squares, pixels, odd, temp := r[0], r[1], r[2], r[3], r[4], r[5], r[6]
	for _, v := range []reg.VecPhysical{none, sum, squares} {
		VPXORD(v, v, v)
	}
	VPTERNLOGD(Imm(0xff), even, even, even)
	VPSRLW(Imm(8), even, even)
	byRegister(n, func(whole bool) {
		if whole {
			VMOVDQU8(Mem{Base: picture}, pixels)
		} else {
			VMOVDQU8_Z(Mem{Base: picture}, reg.K1, pixels)
		}
		VPSADBW(none, pixels, temp)
		VPADDQ(temp, sum, sum)
		VPSRLW(Imm(8), pixels, odd)
		VPANDD(even, pixels, pixels)
		for _, words := range []reg.VecPhysical{pixels, odd} {
			VPMADDWD(words, words, words)
			VPADDD(words, squares, squares)
		}
		ADDQ(Imm(64), picture)
	})
	total := GP64()
	sumQuads(sum, temp)
	VMOVQ(sum.AsX(), total)
	Store(total, Return("sum"))
	widened(squares, temp)
	VMOVQ(squares.AsX(), total)
	Store(total, Return("squares"))
	VZEROUPPER()
	RET()
}

// widened sums up 16 numbers of 32 bits without a sign in the lowest 64 bits.
func widened(z, temp reg.VecPhysical) {
	VPSRLQ(Imm(32), z, temp)
	VPSLLQ(Imm(32), z, z)
	VPSRLQ(Imm(32), z, z)
	VPADDQ(temp, z, z)
	sumQuads(z, temp)
}

// sumQuads sums up eight numbers of 64 bits in the lowest.
func sumQuads(z, temp reg.VecPhysical) {
	foldQuads(z, temp, func(a, b reg.Register) { VPADDQ(a, b, b) })
}

func halveBytes() {
	TEXT("halveBytesAVX512", NOSPLIT, "func(to *int32, upper, lower *uint8, n int) (squares uint64)")
	Pragma("noescape")
	Doc("halveBytesAVX512 adds up n squares of two by two pixels, a multiple of 32 and at most 1<<15, and gives the sum of their squares.")
	to, upper, lower, n := Load(Param("to"), GP64()), Load(Param("upper"), GP64()), Load(Param("lower"), GP64()), Load(Param("n"), GP64())
	free := zmms
	r := free.take(5)
	ones, squares, sums, below, temp := r[0], r[1], r[2], r[3], r[4]
	VPXORD(squares, squares, squares)
	one := GP32()
	MOVL(U32(1), one)
	VPBROADCASTB(one, ones)
	Label("squares")
	VMOVDQU8(Mem{Base: upper}, sums)
	VMOVDQU8(Mem{Base: lower}, below)
	VPMADDUBSW(ones, sums, sums)
	VPMADDUBSW(ones, below, below)
	VPADDW(below, sums, sums)
	VPMADDWD(sums, sums, temp)
	VPADDD(temp, squares, squares)
	VPMOVZXWD(sums.AsY(), temp)
	VMOVDQU32(temp, Mem{Base: to})
	VEXTRACTI64X4(Imm(1), sums, sums.AsY())
	VPMOVZXWD(sums.AsY(), temp)
	VMOVDQU32(temp, Mem{Base: to, Disp: 64})
	ADDQ(Imm(64), upper)
	ADDQ(Imm(64), lower)
	SUBQ(I8(-128), to)
	SUBQ(Imm(32), n)
	JNZ(LabelRef("squares"))
	widened(squares, temp)
	total := GP64()
	VMOVQ(squares.AsX(), total)
	Store(total, Return("squares"))
	VZEROUPPER()
	RET()
}

func halveSums() {
	order := GLOBL("evenThenOdd", RODATA|NOPTR)
	for i := range 32 {
		DATA(4*i, U32(2*(i%16)+i/16))
	}
	TEXT("halveSumsAVX512", NOSPLIT, "func(to, upper, lower *int32, n int) (squares uint64)")
	Pragma("noescape")
	Doc("halveSumsAVX512 is halveBytesAVX512 of numbers whose sums by four fit 31 bits, n a multiple of 16. to may begin where upper does, or before it, if lower lies behind upper.")
	to, upper, lower, n := Load(Param("to"), GP64()), Load(Param("upper"), GP64()), Load(Param("lower"), GP64()), Load(Param("n"), GP64())
	free := zmms
	r := free.take(7)
	even, odd, squares, left, right, sums, temp := r[0], r[1], r[2], r[3], r[4], r[5], r[6]
	VMOVDQU32(order, even)
	VMOVDQU32(order.Offset(64), odd)
	VPXORD(squares, squares, squares)
	Label("squares")
	VMOVDQU32(Mem{Base: upper}, left)
	VMOVDQU32(Mem{Base: upper, Disp: 64}, right)
	VPADDD(Mem{Base: lower}, left, left)
	VPADDD(Mem{Base: lower, Disp: 64}, right, right)
	VMOVDQA64(left, sums)
	VPERMT2D(right, even, sums)
	VPERMT2D(right, odd, left)
	VPADDD(left, sums, sums)
	VMOVDQU32(sums, Mem{Base: to})
	VPSRLQ(Imm(32), sums, temp)
	for _, v := range []reg.VecPhysical{sums, temp} {
		VPMULUDQ(v, v, v)
		VPADDQ(v, squares, squares)
	}
	SUBQ(I8(-128), upper)
	SUBQ(I8(-128), lower)
	ADDQ(Imm(64), to)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("squares"))
	sumQuads(squares, temp)
	total := GP64()
	VMOVQ(squares.AsX(), total)
	Store(total, Return("squares"))
	VZEROUPPER()
	RET()
}
