//go:build !purego

package kernel

// avx2Float32 multiplies one input with 8 channels at a time, from where it is. Blocks overlap instead of ending in a
// register that is partly unused, because stores under a mask are slow on some processors.
type avx2Float32 struct {
	*Float32Conv
	view   float32View
	blocks []avx2Block
}

// avx2Block is up to three registers of 8 channels.
type avx2Block struct {
	block
	weights []float32 // [row][input][register][8]
	bias    []float32 // [register][8]
}

func packFloat32AVX2(c *Float32Conv, weights []float32) float32Rows {
	p := &avx2Float32{Float32Conv: c, view: newFloat32View(&c.window)}
	for _, b := range blocks(c.window.Out.C, 8, 3, true) {
		n := min(c.window.Out.C-b.first, 8*b.registers)
		block := avx2Block{block: b, bias: make([]float32, 8*b.registers)}
		block.weights = p.view.pack(weights, b.first, n, 8*b.registers)
		copy(block.bias, c.bias[b.first:][:n])
		p.blocks = append(p.blocks, block)
	}
	return p
}

func (p *avx2Float32) row(dst, src []float32, y int, ws *Workspace) {
	out, n := p.window.Out.C, p.window.Out.W
	src, rowStride := p.view.open(&p.window, src, y, ws)
	to, stride := inRegister(dst, out, n, ws)
	for i := range p.blocks {
		b := &p.blocks[i]
		run := float32SpanAVX2x3
		switch b.registers {
		case 1:
			run = float32SpanAVX2x1
		case 2:
			run = float32SpanAVX2x2
		}
		run(&to[b.first], 4*stride, &src[0], 4*p.view.pixelStride, 4*rowStride, &b.weights[0], &b.bias[0], p.view.rows, p.view.run, n)
	}
	outOfRegister(dst, to, out, n)
}

// inRegister is dst [n][channels] itself, or, if a pixel has less channels than a register, room for such as fill one.
func inRegister(dst []float32, channels, n int, ws *Workspace) (to []float32, stride int) {
	if channels >= 8 {
		return dst, channels
	}
	return scratch(&ws.outputs, 8*n), 8
}

// outOfRegister takes dst out of what inRegister gave.
func outOfRegister(dst, from []float32, channels, n int) {
	if channels >= 8 {
		return
	}
	for i := range n {
		copy(dst[i*channels:][:channels], from[8*i:])
	}
}
