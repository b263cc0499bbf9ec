package radiograph

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
)

// pngWay is one way to write a PNG.
type pngWay struct {
	colour      byte
	depth       int
	interlaced  bool
	orientation uint16
	colours     []byte // the palette, of grey
}

// storedFor is the picture as it has to be stored for an orientation to turn it back.
func storedFor(p *image.Gray, orientation uint16) *image.Gray {
	back := map[uint16]int{6: 8, 8: 6}[orientation]
	if back == 0 {
		back = int(orientation)
	}
	return upright(p, back).(*image.Gray)
}

func legalPNG(r *rand.Rand, p *image.Gray) ([]byte, string) {
	w := pngWay{colour: []byte{pngGrey, pngGrey, pngRGB, pngPalette, pngGreyAlpha, pngRGBAlpha}[r.IntN(6)], depth: 8 + 8*r.IntN(2), interlaced: r.IntN(2) == 0}
	if w.colour == pngPalette {
		w.depth = 8
	}
	if g := grain(p); (w.colour == pngGrey || w.colour == pngPalette) && g < 8 && r.IntN(2) == 0 {
		w.depth = g
	}
	if w.colour == pngPalette {
		for v := range 256 {
			if slices.Contains(p.Pix, byte(v)) {
				w.colours = append(w.colours, byte(v))
			}
		}
		r.Shuffle(len(w.colours), func(i, j int) { w.colours[i], w.colours[j] = w.colours[j], w.colours[i] })
	}
	if r.IntN(4) == 0 {
		w.orientation = uint16(1 + r.IntN(8))
		p = storedFor(p, w.orientation)
	}
	return w.encode(r, p), fmt.Sprintf("%+v", w)
}

func (w pngWay) encode(r *rand.Rand, p *image.Gray) []byte {
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(p.Rect.Dx())), uint32(p.Rect.Dy()))
	head = append(head, byte(w.depth), w.colour, 0, 0, 0)
	passes := pngWholePass
	if w.interlaced {
		head[12], passes = 1, adam7
	}
	file := append([]byte(pngMagic), chunk("IHDR", head)...)
	if r.IntN(3) == 0 {
		file = append(file, chunk("tEXt", append([]byte("Comment\x00"), noise(r.IntN(30))...))...)
	}
	if w.orientation > 0 {
		file = append(file, chunk("eXIf", orientationTIFF(binary.BigEndian, w.orientation))...)
	}
	switch {
	case w.colour == pngPalette:
		var colours, opaque []byte
		for _, v := range w.colours {
			colours, opaque = append(colours, v, v, v), append(opaque, 255)
		}
		file = append(file, chunk("PLTE", colours)...)
		if r.IntN(2) == 0 {
			file = append(file, chunk("tRNS", opaque[:1+r.IntN(len(opaque))])...)
		}
	case r.IntN(4) == 0:
		file = append(file, chunk("PLTE", noise(3*(1+r.IntN(256))))...) // a suggestion
	}
	if w.depth == 16 && w.colour != pngPalette && r.IntN(3) == 0 {
		file = append(file, chunk("sBIT", bytes.Repeat([]byte{16}, pngChannels[w.colour]))...)
	}

	var packed bytes.Buffer
	z, _ := zlib.NewWriterLevel(&packed, r.IntN(10))
	for _, pass := range passes {
		width, height := pass.size(p.Rect.Dx(), p.Rect.Dy())
		if width == 0 {
			continue
		}
		var above []byte
		for y := range height {
			var levels []byte
			for x := range width {
				levels = append(levels, p.Pix[(pass.y+y*pass.dy)*p.Stride+pass.x+x*pass.dx])
			}
			row := w.row(levels)
			filter := byte(r.IntN(5))
			_, _ = z.Write(append([]byte{filter}, filtered(filter, row, above, max(1, w.depth*pngChannels[w.colour]/8))...))
			above = row
		}
	}
	_ = z.Close()
	for data := packed.Bytes(); len(data) > 0; {
		n := min(len(data), 1+r.IntN(1+packed.Len()/(1+r.IntN(5))))
		if file = append(file, chunk("IDAT", data[:n])...); r.IntN(9) == 0 {
			file = append(file, chunk("IDAT", nil)...)
		}
		data = data[n:]
	}
	return append(file, chunk("IEND", nil)...)
}

// row makes samples of grey levels.
func (w pngWay) row(levels []byte) (out []byte) {
	sample := func(v byte) {
		if out = append(out, v); w.depth == 16 {
			out = append(out, v)
		}
	}
	switch w.colour {
	case pngPalette:
		for i, v := range levels {
			levels[i] = byte(slices.Index(w.colours, v))
		}
		return packed(levels, w.depth)
	case pngGrey:
		if w.depth < 8 {
			for i := range levels {
				levels[i] >>= 8 - w.depth
			}
			return packed(levels, w.depth)
		}
	}
	for _, v := range levels {
		for range (pngChannels[w.colour] - 1) | 1 {
			sample(v)
		}
		if w.colour == pngGreyAlpha || w.colour == pngRGBAlpha {
			sample(255)
		}
	}
	return out
}

// filtered is PNG's filter of a row (PNG specification, third edition, section 9.2).
func filtered(filter byte, row, above []byte, step int) []byte {
	out := make([]byte, len(row))
	for i, v := range row {
		var left, up, corner int
		if i >= step {
			left = int(row[i-step])
		}
		if above != nil {
			up = int(above[i])
			if i >= step {
				corner = int(above[i-step])
			}
		}
		prediction := 0
		switch filter {
		case 1:
			prediction = left
		case 2:
			prediction = up
		case 3:
			prediction = (left + up) / 2
		case 4:
			p := left + up - corner
			a, b, c := max(p-left, left-p), max(p-up, up-p), max(p-corner, corner-p)
			switch {
			case a <= b && a <= c:
				prediction = left
			case b <= c:
				prediction = up
			default:
				prediction = corner
			}
		}
		out[i] = v - byte(prediction)
	}
	return out
}
