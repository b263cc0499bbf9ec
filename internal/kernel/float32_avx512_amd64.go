//go:build !purego

package kernel

// avx512Float32 multiplies one input with 16 channels at a time, from where it is.
type avx512Float32 struct {
	*Float32Conv
	view   float32View
	blocks []avx512Block
	narrow avx512Block // the last channels, if they are better taken 16 inputs at a time
	groups int         // of narrow
	last   uint32      // which inputs narrow's last group of a row has
}

// avx512Block is up to four registers of 16 channels, or, narrow, so many channels.
type avx512Block struct {
	block
	tail    uint32    // which of the last channels there are
	weights []float32 // [row][input][register][16], narrow [row][group][channel][16]
	bias    []float32 // [register][16], narrow repeated to four
}

func packFloat32AVX512(c *Float32Conv, weights []float32) float32Rows {
	p := &avx512Float32{Float32Conv: c, view: newFloat32View(&c.window)}
	out, run := c.window.Out.C, p.view.run
	p.groups, p.last = (run+15)/16, 1<<((run-1)%16+1)-1
	if n := out % 16; narrowPays(n, c.window.KH*p.groups, c.window.KH*run) {
		out -= n
		p.narrow = avx512Block{block: block{out, (n + 1) / 2 * 2}, tail: 1<<n - 1}
		p.narrow.weights = p.view.packNarrow(weights, out, n, p.narrow.registers)
		p.narrow.bias = repeated(c.bias[out:], p.narrow.registers)
	}
	for _, b := range blocks(out, 16, 4, false) {
		n := min(out-b.first, 16*b.registers)
		block := avx512Block{block: b, tail: 1<<(n-16*(b.registers-1)) - 1}
		block.weights = p.view.pack(weights, b.first, n, 16*b.registers)
		block.bias = make([]float32, 16*b.registers)
		copy(block.bias, c.bias[b.first:][:n])
		p.blocks = append(p.blocks, block)
	}
	return p
}

func (p *avx512Float32) row(dst, src []float32, y int, ws *Workspace) {
	src, rowStride := p.view.open(&p.window, src, y, ws)
	out, n, pixel, rows := p.window.Out.C, p.window.Out.W, 4*p.view.pixelStride, p.window.KH
	for i := range p.blocks {
		b := &p.blocks[i]
		run := float32SpanAVX512x4
		switch b.registers {
		case 1:
			run = float32SpanAVX512x1
		case 2:
			run = float32SpanAVX512x2
		case 3:
			run = float32SpanAVX512x3
		}
		run(&dst[b.first], 4*out, &src[0], pixel, 4*rowStride, &b.weights[0], &b.bias[0], rows, p.view.run, n, b.tail)
	}
	if b := &p.narrow; b.registers > 0 {
		run := float32NarrowAVX512x4
		if b.registers == 2 {
			run = float32NarrowAVX512x2
		}
		run(&dst[b.first], 4*out, &src[0], pixel, 4*rowStride, &b.weights[0], &b.bias[0], rows, p.groups, n, b.tail, p.last)
	}
}
