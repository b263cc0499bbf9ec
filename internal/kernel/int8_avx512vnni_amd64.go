//go:build !purego

package kernel

// vnniInt8 is for VPDPBUSD, which adds four products of bytes to each of 16 channels. A kernel row's inputs lie one
// after the other, so they are taken four at a time from where they are; zero weights meet what is read beyond them.
type vnniInt8 struct {
	*Int8Conv
	layout int8Layout
	blocks []vnniBlock
}

// vnniBlock is up to four registers of 16 channels.
type vnniBlock struct {
	first, registers int
	tail             uint32    // which of the last register's channels there are
	weights          []int8    // [row][group][register][16][4]
	scale, bias      []float32 // [register][16]
}

func packInt8VNNI(c *Int8Conv, weights []int8) int8Rows {
	p := &vnniInt8{Int8Conv: c, layout: newInt8Layout(&c.window, 4)}
	out := c.window.Out.C
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

func (p *vnniInt8) open(src []uint8, y int, ws *Workspace) int8View {
	return p.layout.open(&p.window, src, y, ws)
}

func (p *vnniInt8) span(dst []float32, v int8View, x, n int) {
	l, out := &p.layout, p.window.Out.C
	dst = dst[:n*out]
	src := v.src[x*l.pixelStride:]
	_ = src[l.extent(v.rowStride, n)-1]
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
		run(&dst[b.first], 4*out, &src[0], l.pixelStride, v.rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
}
