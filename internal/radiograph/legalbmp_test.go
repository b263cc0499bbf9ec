package radiograph

import (
	"encoding/binary"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
)

// bmpWay is one way to write a BMP.
type bmpWay struct {
	header, bits, compression int
	topDown                   bool
	gap                       int
	masks                     [4]uint32
	levels                    []byte // the palette, of grey
	padding                   int    // the byte that no channel takes; -1 for noise
}

func (w bmpWay) String() string {
	return fmt.Sprintf("%d-byte header, %d bits, compression %d, top down %v, gap %d, masks %x, %d colours, padding %d", w.header, w.bits, w.compression, w.topDown, w.gap, w.masks, len(w.levels), w.padding)
}

func legalBMP(r *rand.Rand, p *image.Gray) ([]byte, string) {
	w := bmpWay{bits: []int{8, 8, 24, 32}[r.IntN(4)], header: []int{40, 52, 56, 108, 124}[r.IntN(5)], topDown: r.IntN(3) == 0, padding: []int{-1, 0, 128, 255}[r.IntN(4)]}
	if g := grain(p); g < 8 && r.IntN(2) == 0 {
		w.bits = g
	}
	if r.IntN(4) == 0 && w.bits != 32 {
		w.header = []int{12, 16, 64}[r.IntN(3)]
		w.topDown = w.topDown && w.header != 12
	}
	if r.IntN(2) == 0 {
		w.gap = r.IntN(40)
	}
	switch {
	case w.bits == 24 && w.header >= 40 && w.header != 64 && r.IntN(3) == 0, w.bits == 32 && r.IntN(2) == 0:
		w.compression = bmpBitfields
		places := r.Perm(w.bits / 8)
		for i := range 3 {
			w.masks[i] = 0xff << (8 * places[i])
		}
		if w.bits == 32 && w.header >= 56 && r.IntN(2) == 0 {
			w.masks[3] = 0xff << (8 * places[3])
			if w.padding = 255; r.IntN(2) == 0 {
				w.padding = 0 // declared and not used
			}
		}
	case (w.bits == 4 || w.bits == 8) && w.header != 12 && w.header != 16 && r.IntN(2) == 0:
		w.compression, w.topDown = map[int]int{4: bmpRLE4, 8: bmpRLE8}[w.bits], false
	}
	if w.compression != bmpBitfields {
		w.masks = [4]uint32{0xff0000, 0xff00, 0xff}
	}
	if w.bits <= 8 {
		// The colours that are needed, in any order.
		for v := range 256 {
			if slices.Contains(p.Pix, byte(v)) || w.bits == 8 && r.IntN(2) == 0 {
				w.levels = append(w.levels, byte(v))
			}
		}
		r.Shuffle(len(w.levels), func(i, j int) { w.levels[i], w.levels[j] = w.levels[j], w.levels[i] })
	}
	return w.encode(r, p), w.String()
}

func (w bmpWay) encode(r *rand.Rand, p *image.Gray) []byte {
	order := binary.LittleEndian
	width, height := p.Rect.Dx(), p.Rect.Dy()
	head := make([]byte, max(w.header, 40))
	order.PutUint32(head, uint32(w.header))
	if w.header == 12 {
		order.PutUint16(head[4:], uint16(width))
		order.PutUint16(head[6:], uint16(height))
		order.PutUint16(head[8:], 1)
		order.PutUint16(head[10:], uint16(w.bits))
	} else {
		order.PutUint32(head[4:], uint32(width))
		order.PutUint32(head[8:], uint32(height))
		if w.topDown {
			order.PutUint32(head[8:], uint32(-height))
		}
		order.PutUint16(head[12:], 1)
		order.PutUint16(head[14:], uint16(w.bits))
		order.PutUint32(head[16:], uint32(w.compression))
		if len(w.levels) < 1<<w.bits {
			order.PutUint32(head[32:], uint32(len(w.levels)))
		}
	}
	head = head[:w.header]
	if w.compression == bmpBitfields {
		for i, mask := range w.masks {
			switch {
			case w.header == 40 && i < 3:
				head = order.AppendUint32(head, mask)
			case w.header > 40 && 40+4*i < w.header:
				order.PutUint32(head[40+4*i:], mask)
			}
		}
	}
	for _, v := range w.levels {
		head = append(head, v, v, v)
		if w.header != 12 {
			head = append(head, byte(r.IntN(2)*255))
		}
	}
	for range w.gap {
		head = append(head, byte(r.IntN(256)))
	}

	var body []byte
	for i := range height {
		y := height - 1 - i
		if w.topDown {
			y = i
		}
		row := p.Pix[y*p.Stride:][:width]
		if w.compression == bmpRLE4 || w.compression == bmpRLE8 {
			body = append(w.runs(r, body, w.indices(row)), 0, 0)
			continue
		}
		from := len(body)
		if w.bits <= 8 {
			body = append(body, packed(w.indices(row), w.bits)...)
		} else {
			for _, v := range row {
				padding := uint32(w.padding)
				if w.padding < 0 {
					padding = uint32(r.IntN(256))
				}
				value := padding * 0x01010101
				for _, mask := range w.masks[:3] {
					value = value&^mask | uint32(v)*0x01010101&mask
				}
				body = append(body, order.AppendUint32(nil, value)[:w.bits/8]...)
			}
		}
		for (len(body)-from)%4 != 0 {
			body = append(body, byte(r.IntN(256)))
		}
	}
	if w.compression == bmpRLE4 || w.compression == bmpRLE8 {
		body = append(body[:len(body)-2*r.IntN(2)], 0, 1)
	}
	file := order.AppendUint32([]byte("BM"), uint32(14+len(head)+len(body)))
	file = order.AppendUint32(append(file, 0, 0, 0, 0), uint32(14+len(head)))
	return append(append(file, head...), body...)
}

func (w bmpWay) indices(row []byte) []byte {
	out := make([]byte, len(row))
	for x, v := range row {
		out[x] = byte(slices.Index(w.levels, v))
	}
	return out
}

// runs encodes a row as runs, as pixels and as moves over pixels of the first colour.
func (w bmpWay) runs(r *rand.Rand, out, row []byte) []byte {
	for len(row) > 0 {
		n := 1
		for n < min(len(row), 255) && row[n] == row[0] {
			n++
		}
		switch {
		case row[0] == 0 && n < 200 && r.IntN(3) == 0:
			out = append(out, 0, 2, byte(n), 0)
		case len(row) >= 3 && r.IntN(2) == 0:
			n = 3 + r.IntN(min(len(row), 255)-2)
			pixels := packed(row[:n], w.bits)
			out = append(append(out, 0, byte(n)), pixels...)
			if len(pixels)%2 != 0 {
				out = append(out, 0)
			}
		case w.bits == 4:
			// Two colours take turns.
			pair := row[0]<<4 | row[min(1, len(row)-1)]
			n = 1
			for n < min(len(row), 255) && row[n] == pair>>(4-n%2*4)&15 {
				n++
			}
			out = append(out, byte(n), pair)
		default:
			out = append(out, byte(n), row[0])
		}
		row = row[n:]
	}
	return out
}
