package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pixelsVNNI is how many pixels a tile of 1 to 4 registers of channels has: the sums, the weights and two inputs
// at a time must fit 32 registers.
var pixelsVNNI = [...]int{1: 8, 2: 8, 3: 8, 4: 6}

// int8VNNI writes one function for each width of a block of channels, in registers of 16. Inputs are taken four
// bytes at a time, weights lie as [row][group][register][16][4].
func int8VNNI() {
	for n := 1; n <= 4; n++ {
		TEXT(fmt.Sprintf("int8SpanVNNI%d", n), NOSPLIT, "func(dst *float32, dstStride int, src *uint8, pixelStride, rowStride int, weights *int8, scale, bias *float32, rows, groups, pixels int, tail uint32)")
		Pragma("noescape")
		Doc(fmt.Sprintf("int8SpanVNNI%d computes some pixels and up to %d channels of a convolution. Strides are in bytes, tail is the mask of the last 16 channels.", n, 16*n))
		t := newTile()
		tail := Load(Param("tail"), GP32())
		KMOVW(tail, reg.K1)
		byPixels(pixelsVNNI[n], func(p int) { t.int8VNNI(n, p) })
	}
}

// byPixels writes tiles of the given number of pixels and then one for the rest of the parameter pixels.
func byPixels(full int, tile func(p int)) {
	left := Load(Param("pixels"), GP64())
	Label("full")
	CMPQ(left, U32(full))
	JL(LabelRef("rest"))
	tile(full)
	SUBQ(U32(full), left)
	JMP(LabelRef("full"))
	Label("rest")
	for p := full - 1; p > 0; p-- {
		CMPQ(left, U32(p))
		JE(LabelRef(fmt.Sprintf("rest%d", p)))
	}
	VZEROUPPER()
	RET()
	for p := full - 1; p > 0; p-- {
		Label(fmt.Sprintf("rest%d", p))
		tile(p)
		VZEROUPPER()
		RET()
	}
}

// tile is where a tile begins, and the distances between its pixels.
type tile struct {
	dst, dstStride reg.Register
	src, pixel     reg.Register
	pixel3         reg.Register // 3*pixel
}

func newTile() *tile {
	t := &tile{
		dst: Load(Param("dst"), GP64()), dstStride: Load(Param("dstStride"), GP64()),
		src: Load(Param("src"), GP64()), pixel: Load(Param("pixelStride"), GP64()), pixel3: GP64(),
	}
	LEAQ(Mem{Base: t.pixel, Index: t.pixel, Scale: 2}, t.pixel3)
	return t
}

// at is the i-th of eight pixels; base4 is base and four pixels.
func (t *tile) at(base, base4 reg.Register, i int) Mem {
	if i >= 4 {
		base = base4
	}
	switch i % 4 {
	case 1:
		return Mem{Base: base, Index: t.pixel, Scale: 1}
	case 2:
		return Mem{Base: base, Index: t.pixel, Scale: 2}
	case 3:
		return Mem{Base: base, Index: t.pixel3, Scale: 1}
	}
	return Mem{Base: base}
}

// advance moves src by p pixels.
func (t *tile) advance(p int) {
	for ; p >= 4; p -= 4 {
		LEAQ(Mem{Base: t.src, Index: t.pixel, Scale: 4}, t.src)
	}
	if p > 0 {
		LEAQ(t.at(t.src, nil, p), t.src)
	}
}

// zmm takes n vector registers; the allocation is by hand, because avo takes a register that is cleared by itself to
// be in use before.
type zmm int

func (z *zmm) take(n int) []reg.VecPhysical {
	taken := zmms[*z:][:n]
	*z += zmm(n)
	return taken
}

// zeros takes p by n registers and clears them.
func (z *zmm) zeros(p, n int) [][]reg.VecPhysical {
	sum := make([][]reg.VecPhysical, p)
	for i := range sum {
		sum[i] = z.take(n)
		for _, v := range sum[i] {
			VPXORD(v, v, v)
		}
	}
	return sum
}

var zmms = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// walk writes the loops over a kernel's rows and the groups of a row, moving src by step bytes and the weights by
// weightStep a group.
func (t *tile) walk(p, step, weightStep int, body func(src, src4, weights reg.Register)) {
	label := func(name string) string { return fmt.Sprintf("%s%d", name, p) }
	rowAt, src, src4 := GP64(), GP64(), GP64()
	MOVQ(t.src, rowAt)
	weights, rows, groups := Load(Param("weights"), GP64()), Load(Param("rows"), GP64()), GP64()
	Label(label("row"))
	MOVQ(rowAt, src)
	if p > 4 {
		LEAQ(Mem{Base: src, Index: t.pixel, Scale: 4}, src4)
	}
	Load(Param("groups"), groups)
	Label(label("group"))
	body(src, src4, weights)
	ADDQ(U32(weightStep), weights)
	ADDQ(U32(step), src)
	if p > 4 {
		ADDQ(U32(step), src4)
	}
	DECQ(groups)
	JNZ(LabelRef(label("group")))
	ADDQ(parameter("rowStride"), rowAt)
	DECQ(rows)
	JNZ(LabelRef(label("row")))
}

// parameter is a parameter as an operand in memory.
func parameter(name string) Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}

// int8VNNI is a tile of p pixels and n registers of channels.
func (t *tile) int8VNNI(n, p int) {
	var free zmm
	sum, weight, input := free.zeros(p, n), free.take(n), free.take(2)
	t.walk(p, 4, 64*n, func(src, src4, weights reg.Register) {
		for j := range weight {
			VMOVDQU32(Mem{Base: weights, Disp: 64 * j}, weight[j])
		}
		for i := range sum {
			VPBROADCASTD(t.at(src, src4, i), input[i%2])
			for j := range weight {
				vpdpbusd(weight[j], input[i%2], sum[i][j])
			}
		}
	})

	Comment("Sums to currents: float32(sum)*scale + bias.")
	scale, bias := Load(Param("scale"), GP64()), Load(Param("bias"), GP64())
	for j := range weight {
		VMOVUPS(Mem{Base: scale, Disp: 64 * j}, weight[j])
	}
	for i := range sum {
		for j, v := range sum[i] {
			VCVTDQ2PS(v, v)
			VMULPS(weight[j], v, v)
			VADDPS(Mem{Base: bias, Disp: 64 * j}, v, v)
			if to := (Mem{Base: t.dst, Disp: 64 * j}); j < n-1 {
				VMOVUPS(v, to)
			} else {
				VMOVUPS(v, reg.K1, to)
			}
		}
		ADDQ(t.dstStride, t.dst)
	}
	t.advance(p)
}
