package radiograph

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

var bmpCodec = codec{name: "bmp", read: readBMP, decode: decodeBMP}

// BMP's kinds of compression. OS/2 means others by 3 and 4.
const (
	bmpRaw = iota
	bmpRLE8
	bmpRLE4
	bmpBitfields
	bmpJPEG
	bmpPNG
	bmpAlphaBitfields
)

// bmpFile is what a BMP's headers say.
type bmpFile struct {
	width, height int64
	topDown       bool
	bits          int
	compression   int
	palette       []grey     // for up to 8 bits
	channels      [3]channel // red, green and blue, for more than 8
	alpha         channel    // of mask 0 where no alpha is declared
	pixels        int64      // where the rows begin
}

// grey is a colour of a palette.
type grey struct {
	level    uint8
	coloured bool
}

// channel is one colour's place in a pixel of 16, 24 or 32 bits.
type channel struct {
	mask  uint32
	shift int
	max   uint32
}

func newChannel(mask uint32) channel {
	shift := bits.TrailingZeros32(mask) % 32
	return channel{mask, shift, mask >> shift}
}

// of is the channel's value in a pixel, of 255. Fewer bits are scaled as Pillow scales them, without rounding.
func (c channel) of(pixel uint32) uint32 {
	v := pixel & c.mask >> c.shift
	if c.max == 0 || c.max == 255 {
		return v
	}
	return uint32(uint64(v) * 255 / uint64(c.max))
}

func readBMP(data []byte, _ Limits) (header, error) {
	f, err := parseBMP(data)
	if err != nil {
		return header{}, err
	}
	if f.width > MaxSide || f.height > MaxSide {
		return header{}, fmt.Errorf("%w: %d x %d pixels, at most %d a side", ErrTooLarge, f.width, f.height, MaxSide)
	}
	h := header{width: int(f.width), height: int(f.height), leastBytes: f.pixels}
	h.memory = h.pixels()
	if f.compression != bmpRLE8 && f.compression != bmpRLE4 {
		// The last row may lack the bytes that fill it up to a multiple of four.
		h.leastBytes += f.rowBytes()*(f.height-1) + ceilDiv(f.width*int64(f.bits), 8)
	}
	return h, nil
}

func (f *bmpFile) rowBytes() int64 { return ceilDiv(f.width*int64(f.bits), 32) * 4 }

// parseBMP reads the headers of Windows (of 40, 52, 56, 108 and 124 bytes) and of OS/2 (of 12, and of 16 to 64), the masks
// and the palette. It allocates 256 colours at most.
func parseBMP(data []byte) (*bmpFile, error) {
	const fileHeader = 14
	if len(data) < fileHeader+12 {
		return nil, fmt.Errorf("%w: truncated in its headers", ErrNotPicture)
	}
	order := binary.LittleEndian
	size := int64(order.Uint32(data[fileHeader:]))
	windows := size == 40 || size == 52 || size == 56 || size == 108 || size == 124
	if !windows && size != 12 && (size < 16 || size > 64) {
		return nil, fmt.Errorf("%w: a header of %d bytes", ErrUnknownFormat, size)
	}
	if int64(len(data)) < fileHeader+size {
		return nil, fmt.Errorf("%w: truncated in its headers", ErrNotPicture)
	}
	// A field that a short header lacks is zero.
	var head [124]byte
	copy(head[:], data[fileHeader:fileHeader+size])
	f := &bmpFile{pixels: int64(order.Uint32(data[10:]))}
	used, entryBytes := int64(0), int64(4)
	if size == 12 {
		f.width, f.height, f.bits = int64(order.Uint16(head[4:])), int64(order.Uint16(head[6:])), int(order.Uint16(head[10:]))
		entryBytes = 3
	} else {
		f.width, f.height, f.bits = int64(int32(order.Uint32(head[4:]))), int64(int32(order.Uint32(head[8:]))), int(order.Uint16(head[14:]))
		f.compression, used = int(order.Uint32(head[16:])), int64(order.Uint32(head[32:]))
	}
	if f.height < 0 {
		f.height, f.topDown = -f.height, true
	}
	if f.width < 1 || f.height < 1 {
		return nil, fmt.Errorf("%w: %d x %d pixels", ErrNotPicture, f.width, f.height)
	}
	if err := f.checkCoding(windows); err != nil {
		return nil, err
	}

	after := fileHeader + size // where the masks or the palette begin
	if f.bits > 8 {
		masks := head[40:56]
		if size == 40 && f.compression != bmpRaw {
			n := int64(12)
			if f.compression == bmpAlphaBitfields {
				n = 16
			}
			if int64(len(data)) < after+n {
				return nil, fmt.Errorf("%w: truncated in its colour masks", ErrNotPicture)
			}
			masks = append(append([]byte{}, data[after:after+n]...), 0, 0, 0, 0)
			after += n
		}
		if err := f.setMasks(masks); err != nil {
			return nil, err
		}
	} else {
		colours := int64(1) << f.bits
		if used > 0 {
			colours = min(colours, used)
		}
		if f.pixels > after {
			colours = min(colours, (f.pixels-after)/entryBytes)
		}
		if int64(len(data)) < after+colours*entryBytes {
			return nil, fmt.Errorf("%w: truncated in its palette", ErrNotPicture)
		}
		f.setPalette(data[after:after+colours*entryBytes], int(entryBytes))
		after += colours * entryBytes
	}
	switch {
	case f.pixels == 0:
		f.pixels = after
	case f.pixels < fileHeader+size:
		return nil, fmt.Errorf("%w: by the file's header the pixels begin at byte %d, inside the headers", ErrNotPicture, f.pixels)
	}
	return f, nil
}

// checkCoding refuses by name what is not decoded.
func (f *bmpFile) checkCoding(windows bool) error {
	no := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrUnknownFormat}, args...)...)
	}
	c := f.compression
	switch {
	case !windows && c == 3:
		return no("Huffman coding, of OS/2")
	case !windows && c == 4:
		return no("run lengths of 24 bits, of OS/2")
	case c == bmpJPEG:
		return no("a JPEG inside a BMP; send the JPEG itself")
	case c == bmpPNG:
		return no("a PNG inside a BMP; send the PNG itself")
	case c < 0 || c > bmpAlphaBitfields:
		return no("compression %d", c)
	case c == bmpRLE8 && f.bits != 8, c == bmpRLE4 && f.bits != 4, c >= bmpBitfields && f.bits != 16 && f.bits != 24 && f.bits != 32:
		return no("compression %d of %d bits a pixel", c, f.bits)
	}
	switch f.bits {
	case 1, 2, 4, 8, 16, 24, 32:
		return nil
	}
	return no("%d bits a pixel", f.bits)
}

// setMasks takes the masks of red, green, blue and alpha where the coding says that they count, and else the usual ones.
// Alpha counts with them alone: the fourth byte of a plain 32-bit pixel is padding, whatever it holds.
func (f *bmpFile) setMasks(masks []byte) error {
	all := [4]uint32{0xff0000, 0xff00, 0xff, 0}
	if f.bits == 16 {
		all = [4]uint32{0x7c00, 0x3e0, 0x1f, 0}
	}
	if f.compression != bmpRaw {
		for i := range all {
			all[i] = binary.LittleEndian.Uint32(masks[4*i:])
		}
	}
	for i, mask := range all {
		c := newChannel(mask)
		if c.max&(c.max+1) != 0 {
			return fmt.Errorf("%w: a colour mask with a gap, %#x", ErrNotPicture, mask)
		}
		if i == 3 {
			f.alpha = c
		} else {
			f.channels[i] = c
		}
	}
	if all[0]|all[1]|all[2] == 0 {
		return fmt.Errorf("%w: its colour masks are empty", ErrNotPicture)
	}
	return nil
}

func (f *bmpFile) setPalette(entries []byte, entryBytes int) {
	f.palette = make([]grey, 256) // what the file does not hold is black
	for i := range len(entries) / entryBytes {
		e := entries[i*entryBytes:]
		var s seen
		s.rgb(uint32(e[2]), uint32(e[1]), uint32(e[0]))
		f.palette[i] = grey{luma(uint32(e[2]), uint32(e[1]), uint32(e[0])), s.coloured > 0}
	}
}

func decodeBMP(ctx context.Context, data []byte, h header) (decoded, error) {
	f, err := parseBMP(data)
	if err != nil {
		return decoded{}, err
	}
	if f.pixels > int64(len(data)) {
		return decoded{}, fmt.Errorf("%w: truncated before its pixels", ErrNotPicture)
	}
	d := bmpDecoder{bmpFile: f, out: pixels.Gray(h.width, h.height)}
	if f.compression == bmpRLE8 || f.compression == bmpRLE4 {
		clear(d.out.Pix) // runs may leave pixels out
		err = d.runs(ctx, data[f.pixels:])
	} else {
		err = d.rows(ctx, data[f.pixels:])
	}
	return decoded{grey: d.out, seen: d.seen}, err
}
