//go:build !purego

package kernel

// vnniInt8 is for VPDPBUSD, which adds four products of bytes to each of 16 channels. A kernel row's inputs lie one
// after the other, so they are taken four at a time from where they are; zero weights meet what is read beyond them.
type vnniInt8 struct {
	*Int8Conv
	layout int8Layout
	blocks []vnniBlock
	narrow vnniBlock  // the last channels, if they are better taken 64 inputs at a time
	around int8Layout // of narrow
}

// vnniBlock is up to four registers of 16 channels, or, narrow, so many channels.
type vnniBlock struct {
	first, registers int
	tail             uint32    // which of the last channels there are
	weights          []int8    // [row][group][register][16][4], narrow [row][group][channel][64]
	scale, bias      []float32 // [register][16], narrow repeated to four
}

func packInt8VNNI(c *Int8Conv, weights []int8) int8Rows {
	p := &vnniInt8{Int8Conv: c, layout: newInt8Layout(&c.window, 4), around: newInt8Layout(&c.window, 64)}
	out := c.window.Out.C
	if p.narrowPays(out % 16) {
		n := out % 16
		out -= n
		p.narrow = vnniBlock{first: out, registers: (n + 1) / 2 * 2, tail: 1<<n - 1}
		p.narrow.weights = p.around.pack(weights, out, n, p.narrow.registers)
		p.narrow.scale, p.narrow.bias = make([]float32, 4), make([]float32, 4)
		for i := 0; i < 4; i += p.narrow.registers {
			copy(p.narrow.scale[i:], c.scale[out:])
			copy(p.narrow.bias[i:], c.bias[out:])
		}
		p.layout.slack = max(p.layout.slack, p.around.slack)
	}
	registers := (out + 15) / 16
	for left := (registers + 3) / 4; left > 0; left-- {
		b := vnniBlock{registers: (registers + left - 1) / left}
		if n := len(p.blocks); n > 0 {
			b.first = p.blocks[n-1].first + 16*p.blocks[n-1].registers
		}
		registers -= b.registers
		channels := min(out-b.first, 16*b.registers)
		b.tail = 1<<(channels-16*(b.registers-1)) - 1
		b.weights = p.layout.pack(weights, b.first, channels, 16*b.registers)
		b.scale, b.bias = make([]float32, 16*b.registers), make([]float32, 16*b.registers)
		copy(b.scale, c.scale[b.first:][:channels])
		copy(b.bias, c.bias[b.first:][:channels])
		p.blocks = append(p.blocks, b)
	}
	return p
}

// narrowPays compares the multiplications for one pixel of a few channels, 4 inputs of 16 channels at a time or 64 of
// one; the latter has sums to add up at the end.
func (p *vnniInt8) narrowPays(channels int) bool {
	if channels == 0 || channels > 4 || p.layout.gathered {
		return false
	}
	return p.around.rows*p.around.groups*(channels+1)+8*channels < p.layout.rows*p.layout.groups
}

func (p *vnniInt8) open(src []uint8, y int, ws *Workspace) int8View {
	return p.layout.open(&p.window, src, y, ws)
}

func (p *vnniInt8) span(dst []float32, v int8View, x, n int) {
	out := p.window.Out.C
	dst = dst[:n*out]
	for i := range p.blocks {
		b := &p.blocks[i]
		run := int8SpanVNNI4
		switch b.registers {
		case 1:
			run = int8SpanVNNI1
		case 2:
			run = int8SpanVNNI2
		case 3:
			run = int8SpanVNNI3
		}
		l := &p.layout
		src := v.src[x*l.pixelStride:][:l.extent(v.rowStride, n)]
		run(&dst[b.first], 4*out, &src[0], l.pixelStride, v.rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
	if b := &p.narrow; b.registers > 0 {
		run := int8NarrowVNNI4
		if b.registers == 2 {
			run = int8NarrowVNNI2
		}
		l := &p.around
		src := v.src[x*l.pixelStride:][:l.extent(v.rowStride, n)]
		run(&dst[b.first], 4*out, &src[0], l.pixelStride, v.rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
}
