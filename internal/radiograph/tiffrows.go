package radiograph

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/bits"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// tiffDecoder turns strips and tiles to grey, row by row.
type tiffDecoder struct {
	*tiffFile
	out   *image.Gray   // or
	out16 *image.Gray16 // for samples of more than 8 bits
	seen  seen
	deep  deepSamples

	sources []tiffSource // a plane each
	chunky  []byte       // a row of pixels put together from planes
}

// tiffSource unpacks the segments of one plane, one after the other.
type tiffSource struct {
	plane int
	rows  io.Reader
	in    *bufio.Reader // kept, as the next is, for its buffer
	zlib  io.ReadCloser
	row   []byte
}

// segments decodes all strips or tiles.
func (d *tiffDecoder) segments(ctx context.Context) error {
	if d.sources == nil {
		for plane := range d.planes() {
			if plane == d.colours { // the only one beyond the colours that matters
				plane = d.alpha
			}
			d.sources = append(d.sources, tiffSource{plane: plane, in: bufio.NewReader(nil), row: make([]byte, d.rowBytes())})
		}
	}
	for segment := range d.across * d.down {
		x, y := segment%d.across*d.segmentWidth, segment/d.across*d.segmentHeight
		width, rows := min(d.segmentWidth, d.width-x), min(d.segmentHeight, d.height-y)
		for i := range d.sources {
			s := &d.sources[i]
			if err := d.open(ctx, s, s.plane*d.across*d.down+segment, rows); err != nil {
				return d.damaged(err, y)
			}
		}
		for end := y + rows; y < end; y++ {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			row, err := d.read()
			if err != nil {
				return d.damaged(err, y)
			}
			d.convert(row, x, y, width)
		}
	}
	return nil
}

func (d *tiffDecoder) damaged(err error, y int) error {
	if errors.Is(err, ErrUnknownFormat) || errors.Is(err, ErrNotPicture) {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: truncated in row %d", ErrNotPicture, y)
	}
	return fmt.Errorf("%w: damaged in row %d: %w", ErrNotPicture, y, err)
}

// open begins a segment of a plane.
func (d *tiffDecoder) open(ctx context.Context, s *tiffSource, segment, rows int) error {
	from := d.page.at(d.offsets, int64(segment), 0)
	if from <= 0 || from >= int64(len(d.data)) {
		return io.ErrUnexpectedEOF
	}
	packed := d.data[from:]
	// Some programs leave the lengths out, or write 0.
	if length := d.page.at(d.lengths, int64(segment), 0); length > 0 && length < int64(len(packed)) {
		packed = packed[:length]
	}
	in := interruptible(ctx, packed)
	if d.lowBitFirst && d.compression != tiffGroup3 && d.compression != tiffGroup4 {
		in = bitReverser{in}
	}
	var err error
	switch d.compression {
	case tiffRaw:
		s.rows = in
	case tiffPackBits:
		s.rows = &packBits{in: packed, reversed: d.lowBitFirst}
	case tiffLZW:
		if len(packed) > 1 && packed[0] == 0 && packed[1]&1 != 0 {
			return notTIFF("LZW of TIFF 5's first drafts")
		}
		s.in.Reset(in)
		s.rows = lzw.NewReader(s.in, lzw.MSB, 8)
	case tiffDeflate, tiffOldDeflate:
		s.in.Reset(in)
		if s.zlib == nil {
			s.zlib, err = zlib.NewReader(s.in)
		} else {
			err = s.zlib.(zlib.Resetter).Reset(s.in, nil)
		}
		s.rows = s.zlib
	case tiffGroup3, tiffGroup4:
		order, kind := ccitt.MSB, ccitt.Group3
		if d.lowBitFirst {
			order = ccitt.LSB
		}
		if d.compression == tiffGroup4 {
			kind = ccitt.Group4
		}
		// White is 0 in the coding; what that means is the photometric interpretation's to say.
		s.rows = ccitt.NewReader(in, order, kind, d.segmentWidth, rows, &ccitt.Options{Invert: true})
	}
	return err
}

// read gives the next row of the segments at hand, its samples in the order of the pixels.
func (d *tiffDecoder) read() ([]byte, error) {
	for i := range d.sources {
		s := &d.sources[i]
		if _, err := io.ReadFull(s.rows, s.row); err != nil {
			return nil, err
		}
		if d.predicted {
			d.sumUp(s.row)
		}
	}
	if !d.separate {
		return d.sources[0].row, nil
	}
	// Needed are the colours and, after them, alpha.
	n, size := len(d.sources), d.bits/8
	if d.chunky == nil {
		d.chunky = make([]byte, n*size*d.segmentWidth)
	}
	for i, s := range d.sources {
		for x := range d.segmentWidth {
			copy(d.chunky[(x*n+i)*size:][:size], s.row[x*size:])
		}
	}
	return d.chunky, nil
}

// sumUp undoes the horizontal predictor: each sample is sent as its difference from the pixel before.
func (d *tiffDecoder) sumUp(row []byte) {
	step := d.samples
	if d.separate {
		step = 1
	}
	if d.bits == 8 {
		for i := step; i < len(row); i++ {
			row[i] += row[i-step]
		}
		return
	}
	for i := 2 * step; i+1 < len(row); i += 2 {
		d.page.order.PutUint16(row[i:], d.page.order.Uint16(row[i:])+d.page.order.Uint16(row[i-2*step:]))
	}
}

// convert makes grey of the first n pixels of a row and puts them at (x, y).
func (d *tiffDecoder) convert(row []byte, x, y, n int) {
	if d.out16 != nil {
		d.convertDeep(d.out16.Pix[y*d.out16.Stride+2*x:][:2*n], row)
		return
	}
	out := d.out.Pix[y*d.out.Stride+x:][:n]
	switch {
	case d.photometric == tiffPalette:
		d.seen.of += int64(n)
		d.unpack(row, n, func(i int, v uint32) {
			e := d.palette[v]
			out[i] = e.level
			if e.coloured {
				d.seen.coloured++
			}
		})
		return
	case d.colours == 1 && d.bits < 8:
		white := uint32(1)<<d.bits - 1
		d.unpack(row, n, func(i int, v uint32) { out[i] = uint8(v * 255 / white) })
	case d.colours == 1 && d.samples == 1:
		copy(out, row)
	default:
		d.convertPixels(out, row)
		return
	}
	if d.photometric == tiffWhiteIsZero {
		for i, v := range out {
			out[i] = 255 - v
		}
	}
}

// stride is how many samples a pixel has in the rows that read gives, and alphaAt which of them is alpha, 0 for none.
func (d *tiffDecoder) stride() (samples, alphaAt int) {
	if d.separate {
		if d.alpha > 0 {
			return len(d.sources), d.colours
		}
		return len(d.sources), 0
	}
	return d.samples, d.alpha
}

func (d *tiffDecoder) convertPixels(out []uint8, row []byte) {
	step, alphaAt := d.stride()
	for i := range out {
		c := row[i*step:][:step]
		var r, g, b uint32
		switch d.colours {
		case 1:
			r = uint32(c[0])
			if d.photometric == tiffWhiteIsZero {
				r = 255 - r
			}
			g, b = r, r
		case 3:
			r, g, b = uint32(c[0]), uint32(c[1]), uint32(c[2])
		case 4:
			r, g, b = withoutInk(c[0], c[3]), withoutInk(c[1], c[3]), withoutInk(c[2], c[3])
		}
		alpha := uint32(255)
		if alphaAt > 0 {
			alpha = uint32(c[alphaAt])
		}
		if d.associated && alpha != 255 {
			// The colours are over black already.
			d.seen.transparent = true
			alpha = 255
		}
		out[i] = d.seen.over(r, g, b, alpha)
	}
}

// withoutInk is what is left of white light after an ink and black, as Pillow has it.
func withoutInk(ink, black byte) uint32 {
	left := 255 - uint32(black)
	taken := uint32(ink)*left + 128
	return left - (taken>>8+taken)>>8
}

// convertDeep takes samples of 9 to 16 bits as they are. They are scaled to the full range, and white told from black, when the
// picture is whole.
func (d *tiffDecoder) convertDeep(out []uint8, row []byte) {
	put := func(i int, v uint32) { out[2*i], out[2*i+1] = uint8(v>>8), uint8(v) }
	if d.bits < 16 {
		d.unpack(row, len(out)/2, put)
		return
	}
	step, alphaAt := d.stride()
	sample := func(i, s int) uint32 { return uint32(d.page.order.Uint16(row[2*(i*step+s):])) }
	for i := range len(out) / 2 {
		if d.colours == 1 && alphaAt == 0 {
			put(i, sample(i, 0))
			continue
		}
		alpha := d.deep.opaque
		if alphaAt > 0 {
			alpha = sample(i, alphaAt)
		}
		if d.associated && alpha != d.deep.opaque {
			d.seen.transparent = d.seen.transparent || alpha < d.deep.opaque
			alpha = max(alpha, d.deep.opaque)
		}
		r, g, b := sample(i, 0), sample(i, 0), sample(i, 0)
		if d.colours == 3 {
			g, b = sample(i, 1), sample(i, 2)
		}
		put(i, d.deep.over(&d.seen, r, g, b, alpha))
	}
}

// unpack gives n samples of so many bits, the highest bits first.
func (d *tiffDecoder) unpack(row []byte, n int, put func(i int, v uint32)) {
	var held uint32
	have, mask := 0, uint32(1)<<d.bits-1
	for i := range n {
		for have < d.bits {
			held, row = held<<8|uint32(row[0]), row[1:]
			have += 8
		}
		have -= d.bits
		put(i, held>>have&mask)
	}
}

// bitReverser reads bytes whose lowest bit comes first.
type bitReverser struct{ from io.Reader }

func (r bitReverser) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for i, b := range p[:n] {
		p[i] = bits.Reverse8(b)
	}
	return n, err
}

// packBits reads runs and literals of up to 128 bytes, as TIFF 6.0, section 9, has them.
type packBits struct {
	in       []byte
	reversed bool
	left     int // of a run or literal
	run      bool
}

func (r *packBits) next() byte {
	b := r.in[0]
	if r.reversed {
		b = bits.Reverse8(b)
	}
	return b
}

func (r *packBits) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.left == 0 {
			if len(r.in) < 2 {
				return n, io.EOF
			}
			code := int(int8(r.next()))
			r.in = r.in[1:]
			switch {
			case code >= 0:
				r.left, r.run = code+1, false
			case code != -128: // which says nothing
				r.left, r.run = 1-code, true
			}
			continue
		}
		if len(r.in) == 0 {
			return n, io.EOF
		}
		m := min(r.left, len(p)-n)
		if !r.run {
			m = min(m, len(r.in))
		}
		part := p[n : n+m]
		if r.run {
			for i := range part {
				part[i] = r.next()
			}
		} else {
			copy(part, r.in)
			if r.reversed {
				_, _ = bitReverser{bytes.NewReader(r.in)}.Read(part)
			}
			r.in = r.in[m:]
		}
		n, r.left = n+m, r.left-m
		if r.left == 0 && r.run {
			r.in = r.in[1:]
		}
	}
	return n, nil
}
