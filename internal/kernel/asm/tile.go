package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
	lists          reg.Register // of a listed tile
	rows           Mem          // likewise: those that are left
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

// vectors hands out registers of zmms or ymms; the allocation is by hand, because avo takes a register that is cleared
// by itself to be in use before.
type vectors []reg.VecPhysical

func (f *vectors) take(n int) []reg.VecPhysical {
	taken := (*f)[:n]
	*f = (*f)[n:]
	return taken
}

// groups takes p by n registers.
func (f *vectors) groups(p, n int) [][]reg.VecPhysical {
	taken := make([][]reg.VecPhysical, p)
	for i := range taken {
		taken[i] = f.take(n)
	}
	return taken
}

// zeros takes p by n registers and clears them.
func (f *vectors) zeros(p, n int) [][]reg.VecPhysical {
	sum := f.groups(p, n)
	for i := range sum {
		for _, v := range sum[i] {
			if v.Size() == 64 {
				VPXORD(v, v, v)
			} else {
				VPXOR(v, v, v)
			}
		}
	}
	return sum
}

var zmms = vectors{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}

// walk writes the loops over a kernel's rows and the groups of a row, moving src by step bytes and the weights by
// weightStep a group.
func (t *tile) walk(p, step, weightStep int, body func(src, src4, weights reg.Register)) {
	t.walkTail(p, step, weightStep, body, nil)
}

// walkTail is walk with another body, if there is one, for the last group of a row.
func (t *tile) walkTail(p, step, weightStep int, body, last func(src, src4, weights reg.Register)) {
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
	if last != nil {
		DECQ(groups)
		JZ(LabelRef(label("last")))
	}
	Label(label("group"))
	body(src, src4, weights)
	ADDQ(U32(weightStep), weights)
	ADDQ(U32(step), src)
	if p > 4 {
		ADDQ(U32(step), src4)
	}
	DECQ(groups)
	JNZ(LabelRef(label("group")))
	if last != nil {
		Label(label("last"))
		last(src, src4, weights)
		ADDQ(U32(weightStep), weights)
	}
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

var ymms = vectors{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}
