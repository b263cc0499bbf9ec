package radiograph

import (
	"image"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// pngGreys makes grey of a PNG picture's rows.
type pngGreys struct {
	f       *pngFile
	seen    seen
	deep    deepSamples
	table   *pngTable // of indices, and of grey that is not taken as it is
	plain   bool      // the table has no flags
	grey    *image.Gray
	grey16  *image.Gray16
	partial []byte // a row of an interlaced pass, in grey
}

// pngTable is the grey that a sample stands for, and what else it is.
type pngTable struct{ grey, flags [256]uint8 }

const (
	flagColoured = 1 << iota
	flagTransparent
)

func newPNGGreys(f *pngFile) *pngGreys {
	g := &pngGreys{f: f, plain: true}
	if f.depth == 16 {
		g.grey16 = pixels.Gray16(f.width, f.height)
	} else {
		g.grey = pixels.Gray(f.width, f.height)
	}
	switch {
	case f.colour == pngPalette:
		g.table = new(pngTable)
		// An index beyond the palette is black.
		for i := 0; 3*i < len(f.palette); i++ {
			alpha := uint32(255)
			if i < len(f.alpha) {
				alpha = uint32(f.alpha[i])
			}
			one := seen{}
			c := f.palette[3*i:]
			g.table.grey[i] = one.over(uint32(c[0]), uint32(c[1]), uint32(c[2]), alpha)
			g.flag(i, one)
		}
	case f.colour == pngGrey && f.depth <= 8 && (f.depth < 8 || f.keyed):
		g.table = new(pngTable)
		white := 1<<f.depth - 1
		for i := range white + 1 {
			g.table.grey[i] = uint8(i * 255 / white)
		}
		if f.keyed {
			g.table.grey[f.key[0]] = 0
			g.flag(int(f.key[0]), seen{transparent: true})
		}
	}
	return g
}

func (g *pngGreys) flag(i int, s seen) {
	if s.coloured > 0 {
		g.table.flags[i] |= flagColoured
	}
	if s.transparent {
		g.table.flags[i] |= flagTransparent
	}
	g.plain = g.plain && g.table.flags[i] == 0
}

// row takes a row of a pass.
func (g *pngGreys) row(pass pngPass, y, width int, line []byte) error {
	y = pass.y + y*pass.dy
	if g.grey16 != nil {
		out := g.grey16.Pix[y*g.grey16.Stride:][:g.grey16.Stride]
		if pass.dx == 1 {
			return g.row16(out[:2*width], line)
		}
		g.partial = sizedBytes(g.partial, 2*width)
		err := g.row16(g.partial, line)
		for i, to := 0, 2*pass.x; i < len(g.partial); i, to = i+2, to+2*pass.dx {
			out[to], out[to+1] = g.partial[i], g.partial[i+1]
		}
		return err
	}
	out := g.grey.Pix[y*g.grey.Stride:][:g.grey.Stride]
	if pass.dx == 1 {
		g.row8(out[:width], line)
		return nil
	}
	g.partial = sizedBytes(g.partial, width)
	g.row8(g.partial, line)
	for i, to := 0, pass.x; i < width; i, to = i+1, to+pass.dx {
		out[to] = g.partial[i]
	}
	return nil
}

func sizedBytes(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// row8 makes grey of samples of 8 bits or fewer.
func (g *pngGreys) row8(out, line []byte) {
	s := &g.seen
	switch {
	case g.f.depth < 8:
		depth := int(g.f.depth)
		mask := byte(1<<depth - 1)
		for x := range out {
			at := x * depth
			out[x] = line[at/8] >> (8 - depth - at%8) & mask
		}
		g.lookUp(out, out)
	case g.f.colour == pngGrey && g.plain:
		copy(out, line)
	case g.f.colour == pngGrey, g.f.colour == pngPalette:
		g.lookUp(out, line)
	case g.f.colour == pngGreyAlpha:
		s.of += int64(len(out))
		for x := range out {
			v, a := line[2*x], line[2*x+1]
			if a != 255 {
				s.transparent = true
				v = over(v, uint32(a))
				if a == 0 {
					s.of--
				}
			}
			out[x] = v
		}
	case g.f.colour == pngRGB:
		key := [3]byte{byte(g.f.key[0]), byte(g.f.key[1]), byte(g.f.key[2])}
		for x := range out {
			c := line[3*x:][:3]
			if g.f.keyed && [3]byte(c) == key {
				s.transparent = true
				out[x] = 0
				continue
			}
			if c[0] == c[1] && c[1] == c[2] {
				s.of++
				out[x] = c[0]
				continue
			}
			out[x] = s.over(uint32(c[0]), uint32(c[1]), uint32(c[2]), 255)
		}
	default:
		for x := range out {
			c := line[4*x:][:4]
			out[x] = s.over(uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3]))
		}
	}
}

// lookUp takes indices, or grey of few bits, through the table. Both slices may be the same.
func (g *pngGreys) lookUp(out, index []byte) {
	index = index[:len(out)]
	if g.f.colour == pngPalette {
		g.seen.of += int64(len(out))
	}
	table := g.table
	if g.plain {
		for x, i := range index {
			out[x] = table.grey[i]
		}
		return
	}
	all := uint8(0)
	for x, i := range index {
		flags := table.flags[i]
		all |= flags
		g.seen.coloured += int64(flags & flagColoured)
		out[x] = table.grey[i]
	}
	g.seen.transparent = g.seen.transparent || all&flagTransparent != 0
}

// row16 makes grey of 16-bit samples, as they are stored.
func (g *pngGreys) row16(out, line []byte) error {
	f := g.f
	if f.colour == pngGrey && !f.keyed {
		copy(out, line)
		return nil
	}
	if f.colour == pngGrey {
		high, low := byte(f.key[0]>>8), byte(f.key[0])
		for i := 0; i < len(out); i += 2 {
			out[i], out[i+1] = line[i], line[i+1]
			if line[i] == high && line[i+1] == low {
				out[i], out[i+1] = 0, 0
				g.seen.transparent = true
			}
		}
		return nil
	}
	n := pngChannels[f.colour]
	var p [4]uint32 // red, green, blue, alpha
	for x := range len(out) / 2 {
		c := line[2*n*x:][:2*n]
		for i := range n {
			p[i] = uint32(c[2*i])<<8 | uint32(c[2*i+1])
		}
		switch f.colour {
		case pngRGB:
			p[3] = g.deep.opaque
			if f.keyed && uint16(p[0]) == f.key[0] && uint16(p[1]) == f.key[1] && uint16(p[2]) == f.key[2] {
				p[3] = 0
			}
		case pngGreyAlpha:
			p[1], p[2], p[3] = p[0], p[0], p[1]
		}
		v := g.deep.over(&g.seen, p[0], p[1], p[2], p[3])
		out[2*x], out[2*x+1] = byte(v>>8), byte(v)
	}
	return g.deep.err()
}
