//go:build !purego

package kernel

import "unsafe"

// packed512 is a layer's weights in registers of 16 channels, for inputs that are bytes or words. A kernel row's inputs lie
// one after the other, so they are taken in groups of 32 bits from where they are; zero weights meet what is read beyond them.
type packed512[T uint8 | uint16, W int8 | int16] struct {
	layout int8Layout
	blocks []int8Block[W]
	narrow int8Block[W] // the last channels, if they are better taken a register of inputs at a time
	around int8Layout   // of narrow
	spans  *int8Spans[T, W]
}

// int8Block is some registers of channels, or, narrow, so many channels.
type int8Block[W int8 | int16] struct {
	block
	tail        uint32    // which of the last channels there are
	weights     []W       // [row][group][register][16][of a group], narrow [row][group][channel][of a group]
	scale, bias []float32 // [register][16], narrow repeated to four
}

// int8Spans are a tier's kernels by their registers of channels, and narrow, by their channels.
type int8Spans[T uint8 | uint16, W int8 | int16] struct {
	wide, narrow [5]int8Span[T, W]
}

// int8Span computes some pixels of a block; strides are in bytes.
type int8Span[T uint8 | uint16, W int8 | int16] func(dst *float32, dstStride int, src *T, pixelStride, rowStride int, weights *W, scale, bias *float32, rows, groups, pixels int, tail uint32)

func newPacked512[T uint8 | uint16, W int8 | int16](c *Int8Conv, weights []int8, spans *int8Spans[T, W]) packed512[T, W] {
	size := int(unsafe.Sizeof(*new(T)))
	p := packed512[T, W]{layout: newInt8Layout(&c.window, 4/size), around: newInt8Layout(&c.window, 64/size), spans: spans}
	out := c.window.Out.C
	if n := out % 16; !p.layout.gathered && narrowPays(n, p.around.rows*p.around.groups, p.layout.rows*p.layout.groups) {
		out -= n
		p.narrow = int8Block[W]{block: block{out, (n + 1) / 2 * 2}, tail: 1<<n - 1}
		p.narrow.weights = packInt8As[W](&p.around, weights, out, n, p.narrow.registers)
		p.narrow.scale, p.narrow.bias = repeated(c.scale[out:], p.narrow.registers), repeated(c.bias[out:], p.narrow.registers)
		p.layout.slack = max(p.layout.slack, p.around.slack)
	}
	for _, b := range blocks(out, 16, 4, false) {
		p.blocks = append(p.blocks, newInt8Block[W](c, &p.layout, b, min(out-b.first, 16*b.registers), weights))
	}
	return p
}

// newInt8Block packs n channels.
func newInt8Block[W int8 | int16](c *Int8Conv, l *int8Layout, at block, n int, weights []int8) int8Block[W] {
	b := int8Block[W]{block: at, tail: 1<<(n-16*(at.registers-1)) - 1}
	b.weights = packInt8As[W](l, weights, at.first, n, 16*at.registers)
	b.scale, b.bias = make([]float32, 16*at.registers), make([]float32, 16*at.registers)
	copy(b.scale, c.scale[at.first:][:n])
	copy(b.bias, c.bias[at.first:][:n])
	return b
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

// row computes n pixels of so many channels from inputs as the layout opened them.
func (p *packed512[T, W]) row(dst []float32, src []T, rowStride, channels, n int) {
	size := int(unsafe.Sizeof(*new(T)))
	for i := range p.blocks {
		b, l := &p.blocks[i], &p.layout
		src := src[:l.extent(rowStride, n)]
		p.spans.wide[b.registers](&dst[b.first], 4*channels, &src[0], size*l.pixelStride, size*rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
	p.rowNarrow(dst, src, rowStride, channels, n)
}

// rowNarrow computes the last channels, if they are narrow.
func (p *packed512[T, W]) rowNarrow(dst []float32, src []T, rowStride, channels, n int) {
	size := int(unsafe.Sizeof(*new(T)))
	if b, l := &p.narrow, &p.around; b.registers > 0 {
		src := src[:l.extent(rowStride, n)]
		p.spans.narrow[b.registers](&dst[b.first], 4*channels, &src[0], size*l.pixelStride, size*rowStride, &b.weights[0], &b.scale[0], &b.bias[0], l.rows, l.groups, n, b.tail)
	}
}
