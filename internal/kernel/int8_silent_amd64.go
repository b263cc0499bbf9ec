//go:build !purego

package kernel

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// hasBytes says that bytes can be moved freely within a register.
var hasBytes = cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2

// vnniKept is a vnniInt8 over some of its input channels, made anew for every input.
type vnniKept struct {
	conv     Int8Conv
	rows     vnniInt8
	channels []uint64 // a bit each: those that are kept
	inputs   []int32  // of a kernel row, those that are kept
	weights  []int8   // of all blocks
	order    []uint8  // keepChannelsAVX512's
	counts   []uint8
}

func (p *vnniInt8) withoutSilent(src []uint8, ws *Workspace) (*Int8Conv, []uint8) {
	w := &p.window
	// Many windows must read what is left out, or leaving it out takes longer.
	if !hasBytes || p.layout.gathered || w.KH*w.KW < 4 || w.Out.H*w.Out.W < 64 {
		return p.Int8Conv, src
	}
	k, ok := ws.kept.(*vnniKept)
	if !ok {
		k = new(vnniKept)
		ws.kept = k
	}
	c, pixels := w.In.C, w.In.H*w.In.W
	k.channels = scratch(&k.channels, (c+63)/64)
	loudChannelsAVX512(&k.channels[0], &src[0], c, pixels)
	n := k.round(c)
	if n > c-c/8 {
		return p.Int8Conv, src
	}
	counts := scratch(&k.counts, pixels*n+64)
	keepChannelsAVX512(&counts[0], &src[0], &k.channels[0], &scratch(&k.order, 64*len(k.channels))[0], c, pixels)
	k.take(p, n)
	return &k.conv, counts[:pixels*n]
}

// round adds silent channels to those that are kept, up to a multiple of four and more than would be gathered, and
// returns how many there are, or more than c.
func (k *vnniKept) round(c int) int {
	n := 0
	for _, chunk := range k.channels {
		n += bits.OnesCount64(chunk)
	}
	want := max((n+3)/4*4, 12)
	for i := 0; n < want && i < c; i++ {
		if bit := uint64(1) << (i % 64); k.channels[i/64]&bit == 0 {
			k.channels[i/64] |= bit
			n++
		}
	}
	return want
}

// take makes the convolution over the n channels that are kept. Scales and biases are p's.
func (k *vnniKept) take(p *vnniInt8, n int) {
	k.conv = *p.Int8Conv
	w := &k.conv.window
	w.In.C = n
	k.conv.rows = &k.rows
	rows := &k.rows
	*rows = vnniInt8{Int8Conv: &k.conv, packed512: packed512[uint8, int8]{
		layout: newInt8Layout(w, 4), around: newInt8Layout(w, 64),
		blocks: append(rows.blocks[:0], p.blocks...), narrow: p.narrow, spans: p.spans,
	}}
	k.inputs = k.inputs[:0]
	for first := 0; first < w.KW*p.window.In.C; first += p.window.In.C {
		for i, chunk := range k.channels {
			for ; chunk != 0; chunk &= chunk - 1 {
				k.inputs = append(k.inputs, int32(first+64*i+bits.TrailingZeros64(chunk)))
			}
		}
	}
	if len(k.weights) < len(p.narrow.weights)+p.blocksLen() {
		k.weights = aligned[int8](len(p.narrow.weights) + p.blocksLen())
	}
	free := k.weights
	take := func(n int) []int8 {
		taken := free[:n]
		free = free[n:]
		return taken
	}
	for i := range rows.blocks {
		b := &rows.blocks[i]
		all, group := b.weights, 64*b.registers
		b.weights = take(rows.layout.rows * rows.layout.groups * group)
		for r := range w.KH {
			to, from := b.weights[r*rows.layout.groups*group:], all[r*p.layout.groups*group:]
			keepInputsAVX512(&to[0], &from[0], &k.inputs[0], rows.layout.groups, b.registers)
		}
	}
	if b := &rows.narrow; b.registers > 0 {
		rows.layout.slack = max(rows.layout.slack, rows.around.slack)
		all := b.weights
		b.weights = take(rows.around.rows * rows.around.groups * 64 * b.registers)
		clear(b.weights)
		for r := range w.KH {
			for j := range b.registers {
				for to, from := range k.inputs {
					b.weights[b.narrowAt(&rows.around, r, j, to)] = all[b.narrowAt(&p.around, r, j, int(from))]
				}
			}
		}
	}
}

func (p *vnniInt8) blocksLen() int {
	n := 0
	for _, b := range p.blocks {
		n += len(b.weights)
	}
	return n
}

// narrowAt is where the weight of an input of kernel row r lies for the j-th narrow channel.
func (b *int8Block[W]) narrowAt(l *int8Layout, r, j, input int) int {
	return ((r*l.groups+input/64)*b.registers+j)*64 + input%64
}
