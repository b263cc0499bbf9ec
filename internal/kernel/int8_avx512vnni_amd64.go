//go:build !purego

package kernel

// vnniInt8 is for VPDPBUSD, which adds four products of bytes to each of 16 channels. A kernel row's inputs lie one
// after the other, so they are taken four at a time from where they are; zero weights meet what is read beyond them.
type vnniInt8 struct {
	*Int8Conv
	layout int8Layout
	blocks []int8Block
	narrow int8Block  // the last channels, if they are better taken 64 inputs at a time
	around int8Layout // of narrow
	whole  int8Block  // all channels, for events; without registers where that is not done
}

// int8Block is some registers of channels, or, narrow, so many channels.
type int8Block struct {
	block
	tail        uint32    // which of the last channels there are
	weights     []int8    // [row][group][register][16][4], narrow [row][group][channel][64]
	scale, bias []float32 // [register][16], narrow repeated to four
}

func packInt8VNNI(c *Int8Conv, weights []int8) int8Rows {
	p := &vnniInt8{Int8Conv: c, layout: newInt8Layout(&c.window, 4), around: newInt8Layout(&c.window, 64)}
	if p.layout.gathered {
		if p.layout.gatherer = newGatherer(&c.window); p.layout.gatherer != nil {
			p.layout.pixelStride = gatherStride
		}
	}
	out := c.window.Out.C
	if n := out % 16; !p.layout.gathered && narrowPays(n, p.around.rows*p.around.groups, p.layout.rows*p.layout.groups) {
		out -= n
		p.narrow = int8Block{block: block{out, (n + 1) / 2 * 2}, tail: 1<<n - 1}
		p.narrow.weights = packInt8As[int8](&p.around, weights, out, n, p.narrow.registers)
		p.narrow.scale, p.narrow.bias = repeated(c.scale[out:], p.narrow.registers), repeated(c.bias[out:], p.narrow.registers)
		p.layout.slack = max(p.layout.slack, p.around.slack)
	}
	for _, b := range blocks(out, 16, 4, false) {
		n := min(out-b.first, 16*b.registers)
		block := int8Block{block: b, tail: 1<<(n-16*(b.registers-1)) - 1}
		block.weights = packInt8As[int8](&p.layout, weights, b.first, n, 16*b.registers)
		block.scale, block.bias = make([]float32, 16*b.registers), make([]float32, 16*b.registers)
		copy(block.scale, c.scale[b.first:][:n])
		copy(block.bias, c.bias[b.first:][:n])
		p.blocks = append(p.blocks, block)
	}
	p.whole = wholeVNNI(c, weights)
	return p
}

// narrowPays compares the multiplications for one pixel of the last channels with a register that holds inputs of one
// channel, whose lanes must be added up at the end, and with one that holds one input of all of them.
func narrowPays(channels, inputs, broadcasts int) bool {
	return channels > 0 && channels <= 4 && inputs*(channels+1)+8*channels < broadcasts
}

// repeated is the first of x, n of them, repeated to four.
func repeated(x []float32, n int) []float32 {
	four := make([]float32, 4)
	for i := 0; i < 4; i += n {
		copy(four[i:i+n], x)
	}
	return four
}

func (p *vnniInt8) row(dst []float32, src []uint8, y int, ws *Workspace) {
	v, out, n := p.layout.open(&p.window, src, y, ws), p.window.Out.C, p.window.Out.W
	for i := range p.blocks {
		b, l := &p.blocks[i], &p.layout
		run := int8SpanVNNI4
		switch b.registers {
		case 1:
			run = int8SpanVNNI1
		case 2:
			run = int8SpanVNNI2
		case 3:
			run = int8SpanVNNI3
		}
		src := v.src[:l.extent(v.rowStride, n)]
		run(&dst[b.first], 4*out, &src[0], l.pixelStride, v.rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
	if b, l := &p.narrow, &p.around; b.registers > 0 {
		run := int8NarrowVNNI4
		if b.registers == 2 {
			run = int8NarrowVNNI2
		}
		src := v.src[:l.extent(v.rowStride, n)]
		run(&dst[b.first], 4*out, &src[0], l.pixelStride, v.rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
}
