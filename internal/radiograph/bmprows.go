package radiograph

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
)

// bmpDecoder turns a BMP's rows, or runs, to grey.
type bmpDecoder struct {
	*bmpFile
	out  *image.Gray
	seen seen
}

// row is the y-th stored row of the picture.
func (d *bmpDecoder) row(y int) []uint8 {
	if !d.topDown {
		y = d.out.Rect.Dy() - 1 - y
	}
	return d.out.Pix[y*d.out.Stride:][:d.out.Rect.Dx()]
}

// rows decodes rows without compression.
func (d *bmpDecoder) rows(ctx context.Context, data []byte) error {
	rowBytes, needed := d.rowBytes(), ceilDiv(d.width*int64(d.bits), 8)
	alpha := false
	if d.alpha.mask != 0 {
		var err error
		if alpha, err = d.usesAlpha(ctx, data); err != nil {
			return err
		}
	}
	for y := range d.out.Rect.Dy() {
		if y%64 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		from := int64(y) * rowBytes
		if from+needed > int64(len(data)) {
			return fmt.Errorf("%w: truncated in row %d", ErrNotPicture, y)
		}
		in, out := data[from:from+needed], d.row(y)
		switch {
		case d.bits <= 8:
			d.indices(out, in)
		case alpha:
			d.transparentPixels(out, in)
		case d.bits == 16:
			d.shortPixels(out, in)
		default:
			d.longPixels(out, in)
		}
	}
	return nil
}

// usesAlpha tells whether any pixel has alpha. Programs that declare it and leave it empty mean no picture that cannot be
// seen; browsers take such a file for opaque too.
func (d *bmpDecoder) usesAlpha(ctx context.Context, data []byte) (bool, error) {
	rowBytes, pixelBytes := d.rowBytes(), d.bits/8
	for y := range d.out.Rect.Dy() {
		if y%64 == 0 && ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		row := data[min(int64(y)*rowBytes, int64(len(data))):]
		for range min(d.out.Rect.Dx(), len(row)/pixelBytes) {
			if pixel(row, pixelBytes)&d.alpha.mask != 0 {
				return true, nil
			}
			row = row[pixelBytes:]
		}
	}
	return false, nil
}

// pixel is the little-endian number in the first 2, 3 or 4 bytes.
func pixel(data []byte, n int) uint32 {
	switch n {
	case 2:
		return uint32(binary.LittleEndian.Uint16(data))
	case 3:
		return uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16
	}
	return binary.LittleEndian.Uint32(data)
}

// indices looks up pixels of 1, 2, 4 or 8 bits, the highest bits first.
func (d *bmpDecoder) indices(out []uint8, in []byte) {
	perByte, mask := 8/d.bits, byte(1<<d.bits-1)
	d.seen.of += int64(len(out))
	for x := range out {
		e := d.palette[in[x/perByte]>>(8-d.bits-x%perByte*d.bits)&mask]
		out[x] = e.level
		if e.coloured {
			d.seen.coloured++
		}
	}
}

func (d *bmpDecoder) shortPixels(out []uint8, in []byte) {
	for x := range out {
		p := uint32(binary.LittleEndian.Uint16(in[2*x:]))
		r, g, b := d.channels[0].of(p), d.channels[1].of(p), d.channels[2].of(p)
		d.seen.rgb(r, g, b)
		out[x] = luma(r, g, b)
	}
}

func (d *bmpDecoder) longPixels(out []uint8, in []byte) {
	n := d.bits / 8
	if red, green, blue := d.channels[0].mask, d.channels[1].mask, d.channels[2].mask; red == 0xff0000 && green == 0xff00 && blue == 0xff {
		for x := range out {
			c := in[n*x:][:3]
			d.seen.rgb(uint32(c[2]), uint32(c[1]), uint32(c[0]))
			out[x] = luma(uint32(c[2]), uint32(c[1]), uint32(c[0]))
		}
		return
	}
	for x := range out {
		p := pixel(in[n*x:], n)
		r, g, b := d.channels[0].of(p), d.channels[1].of(p), d.channels[2].of(p)
		d.seen.rgb(r, g, b)
		out[x] = luma(r, g, b)
	}
}

func (d *bmpDecoder) transparentPixels(out []uint8, in []byte) {
	n := d.bits / 8
	for x := range out {
		p := pixel(in[n*x:], n)
		out[x] = d.seen.over(d.channels[0].of(p), d.channels[1].of(p), d.channels[2].of(p), d.alpha.of(p))
	}
}

// runs decodes run lengths. Pixels that they leave out have the palette's first colour; what a run has beyond the end of its
// row is dropped, as Pillow drops it. A stream may end early only by its own mark.
func (d *bmpDecoder) runs(ctx context.Context, data []byte) error {
	const endOfRow, endOfPicture, move = 0, 1, 2
	width, height := d.out.Rect.Dx(), d.out.Rect.Dy()
	for i := range d.out.Pix {
		d.out.Pix[i] = d.palette[0].level
	}
	d.seen.of = int64(len(d.out.Pix))
	x, y := 0, 0
	for steps := 0; y < height; steps++ {
		if steps%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(data) < 2 {
			if y == height-1 && x >= width {
				return nil // whole, but for the mark
			}
			return fmt.Errorf("%w: truncated in row %d", ErrNotPicture, y)
		}
		n, value := int(data[0]), data[1]
		data = data[2:]
		switch {
		case n > 0:
			d.run(x, y, n, func(int) byte { return value })
			x = min(x+n, width)
		case value == endOfRow:
			x, y = 0, y+1
		case value == endOfPicture:
			return nil
		case value == move:
			if len(data) < 2 {
				return fmt.Errorf("%w: truncated in row %d", ErrNotPicture, y)
			}
			x, y = min(x+int(data[0]), width), y+int(data[1])
			data = data[2:]
		default: // pixels as they are, filled up to an even number of bytes
			n = int(value)
			length := (n*d.bits + 7) / 8
			if len(data) < length {
				return fmt.Errorf("%w: truncated in row %d", ErrNotPicture, y)
			}
			literal := data
			d.run(x, y, n, func(i int) byte { return literal[i*d.bits/8] })
			x = min(x+n, width)
			data = data[min(length+length%2, len(data)):]
		}
	}
	return nil
}

// run sets n pixels from (x, y) on. at gives the byte that the i-th of them is in: of 4 bits, the even ones in its upper
// half.
func (d *bmpDecoder) run(x, y, n int, at func(i int) byte) {
	out := d.row(y)[x:]
	for i := range min(n, len(out)) {
		index := at(i)
		if d.bits == 4 {
			index = index >> (4 - i%2*4) & 15
		}
		e := d.palette[index]
		out[i] = e.level
		if e.coloured {
			d.seen.coloured++
		}
	}
}
