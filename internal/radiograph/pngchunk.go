package radiograph

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// Colour types of PNG.
const (
	pngGrey      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGreyAlpha = 4
	pngRGBAlpha  = 6
)

// pngChannels are the samples of a pixel by colour type, and pngDepths the bits that a sample may have, one bit each.
var (
	pngChannels = map[byte]int{pngGrey: 1, pngRGB: 3, pngPalette: 1, pngGreyAlpha: 2, pngRGBAlpha: 4}
	pngDepths   = map[byte]uint32{pngGrey: 1<<1 | 1<<2 | 1<<4 | 1<<8 | 1<<16, pngRGB: 1<<8 | 1<<16, pngPalette: 1<<1 | 1<<2 | 1<<4 | 1<<8, pngGreyAlpha: 1<<8 | 1<<16, pngRGBAlpha: 1<<8 | 1<<16}
)

// pngFile is what a PNG file's chunks say of its picture.
type pngFile struct {
	width, height int
	depth, colour byte
	interlaced    bool
	palette       []byte // red, green and blue of each entry
	alpha         []byte // of the first entries
	keyed         bool
	key           [3]uint16 // the sample values that are transparent
	bits          int       // significant bits of the colour samples by sBIT, 0 where it says nothing
	exif          []byte
	idat          []byte // from the first IDAT chunk to the end of the file
	idatBytes     int64  // of data in the IDAT chunks that follow each other
}

// pngChunk is one chunk of a file.
type pngChunk struct {
	data []byte // the name's four bytes and the content
	sum  uint32 // what the file states as their CRC
}

func (c pngChunk) name() []byte    { return c.data[:4] }
func (c pngChunk) content() []byte { return c.data[4:] }
func (c pngChunk) whole() bool     { return crc32.ChecksumIEEE(c.data) == c.sum }

// nextPNGChunk splits the first chunk off.
func nextPNGChunk(data []byte) (c pngChunk, rest []byte, err error) {
	if len(data) < 12 {
		return c, nil, fmt.Errorf("%w: truncated: no IEND chunk", ErrNotPicture)
	}
	length := int64(binary.BigEndian.Uint32(data))
	for _, letter := range data[4:8] {
		if letter|0x20 < 'a' || letter|0x20 > 'z' {
			return c, nil, fmt.Errorf("%w: damaged: %q is not a valid chunk name", ErrNotPicture, data[4:8])
		}
	}
	if length > int64(len(data))-12 {
		return c, nil, fmt.Errorf("%w: truncated in a chunk %s of %d bytes", ErrNotPicture, data[4:8], length)
	}
	return pngChunk{data[4 : 8+length], binary.BigEndian.Uint32(data[8+length:])}, data[12+length:], nil
}

// readPNGChunks reads all chunks but what is in the IDAT chunks. A critical chunk that is damaged or unknown is an error. Any
// other that is damaged, or out of place, counts as absent, as for libpng; most are not looked at.
func readPNGChunks(data []byte) (*pngFile, error) {
	f := &pngFile{}
	c, rest, err := nextPNGChunk(data[len(pngMagic):])
	if err != nil {
		return nil, err
	}
	switch {
	case string(c.name()) == "CgBI":
		return nil, fmt.Errorf("%w: PNG as rewritten for iOS (CgBI)", ErrUnknownFormat)
	case string(c.name()) != "IHDR":
		return nil, fmt.Errorf("%w: damaged: the first chunk is %s, not IHDR", ErrNotPicture, c.name())
	case !c.whole():
		return nil, wrongSum(c)
	}
	if err := f.readIHDR(c.content()); err != nil {
		return nil, err
	}
	for ended := false; ; {
		from := rest
		if c, rest, err = nextPNGChunk(rest); err != nil {
			return nil, err
		}
		if string(c.name()) == "IDAT" {
			if f.idat == nil {
				f.idat = from
			}
			if !ended { // data after another chunk are not the picture's
				f.idatBytes += int64(len(c.content()))
			}
			continue
		}
		ended = f.idat != nil
		switch string(c.name()) {
		case "IEND":
			if !c.whole() {
				return nil, wrongSum(c)
			}
			return f, f.check()
		case "PLTE":
			if !c.whole() {
				return nil, wrongSum(c)
			}
			if err := f.readPLTE(c.content()); err != nil {
				return nil, err
			}
		case "IHDR":
			return nil, fmt.Errorf("%w: damaged: a second IHDR", ErrNotPicture)
		case "tRNS", "sBIT", "eXIf":
			if c.whole() {
				f.readAncillary(string(c.name()), c.content())
			}
		default:
			if c.name()[0]&0x20 == 0 {
				return nil, fmt.Errorf("%w: PNG with a critical chunk %s", ErrUnknownFormat, c.name())
			}
		}
	}
}

func wrongSum(c pngChunk) error {
	return fmt.Errorf("%w: damaged: wrong check sum in %s", ErrNotPicture, c.name())
}

func (f *pngFile) readIHDR(b []byte) error {
	if len(b) != 13 {
		return fmt.Errorf("%w: damaged: an IHDR of %d bytes", ErrNotPicture, len(b))
	}
	width, height := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	if width > MaxSide || height > MaxSide {
		return fmt.Errorf("%w: %d x %d pixels, at most %d a side", ErrTooLarge, width, height, MaxSide)
	}
	f.width, f.height, f.depth, f.colour, f.interlaced = int(width), int(height), b[8], b[9], b[12] == 1
	if f.depth > 16 || pngDepths[f.colour]>>f.depth&1 == 0 {
		return fmt.Errorf("%w: colour type %d of %d bits", ErrNotPicture, f.colour, f.depth)
	}
	if b[10] != 0 || b[11] != 0 || b[12] > 1 {
		return fmt.Errorf("%w: compression %d, filter %d, interlacing %d", ErrUnknownFormat, b[10], b[11], b[12])
	}
	return nil
}

func (f *pngFile) readPLTE(b []byte) error {
	switch {
	case f.colour != pngPalette || f.idat != nil:
		return nil // a suggestion for screens of few colours, or too late
	case f.palette != nil:
		return fmt.Errorf("%w: damaged: a second PLTE", ErrNotPicture)
	case len(b) == 0 || len(b)%3 != 0 || len(b) > 3*256:
		return fmt.Errorf("%w: damaged: a PLTE of %d bytes", ErrNotPicture, len(b))
	}
	f.palette = b[:min(len(b), 3<<f.depth)]
	return nil
}

// readAncillary takes what is in its place and of its length, once.
func (f *pngFile) readAncillary(kind string, b []byte) {
	channels := pngChannels[f.colour]
	switch {
	case kind == "eXIf" && f.exif == nil:
		f.exif = b
	case f.idat != nil:
	case kind == "sBIT" && f.depth == 16 && f.bits == 0 && len(b) == channels:
		for _, n := range b[:(channels-1)|1] { // not the alpha's
			f.bits = max(f.bits, int(n))
		}
	case kind == "tRNS" && f.colour == pngPalette && f.alpha == nil && len(b) <= len(f.palette)/3:
		f.alpha = b
	case kind == "tRNS" && !f.keyed && (f.colour == pngGrey || f.colour == pngRGB) && len(b) == 2*channels:
		for i := range channels {
			f.key[i] = binary.BigEndian.Uint16(b[2*i:]) & (1<<f.depth - 1)
		}
		f.keyed = true
	}
}

func (f *pngFile) check() error {
	switch {
	case f.idat == nil:
		return fmt.Errorf("%w: truncated: no IDAT chunk", ErrNotPicture)
	case f.colour == pngPalette && f.palette == nil:
		return fmt.Errorf("%w: damaged: no PLTE before the picture", ErrNotPicture)
	}
	return nil
}

// maxDeflateRatio is the most bytes that one byte of deflated data can become.
const maxDeflateRatio = 1032

// pixelBits is a pixel's size in a row.
func (f *pngFile) pixelBits() int { return int(f.depth) * pngChannels[f.colour] }

func (f *pngFile) rowBytes(width int) int { return (width*f.pixelBits() + 7) / 8 }

// pngPass is the part of a picture that is sent in one go.
type pngPass struct{ x, y, dx, dy int }

var (
	pngWholePass = []pngPass{{0, 0, 1, 1}}
	adam7        = []pngPass{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}
)

func (f *pngFile) passes() []pngPass {
	if f.interlaced {
		return adam7
	}
	return pngWholePass
}

// size is the pass's own, 0 either way where none of its pixels is in the picture.
func (p pngPass) size(width, height int) (w, h int) {
	w, h = (width-p.x+p.dx-1)/p.dx, (height-p.y+p.dy-1)/p.dy
	if w <= 0 || h <= 0 {
		return 0, 0
	}
	return w, h
}

// rawBytes is the length of the rows, inflated.
func (f *pngFile) rawBytes() int64 {
	n := int64(0)
	for _, p := range f.passes() {
		w, h := p.size(f.width, f.height)
		if w > 0 {
			n += int64(1+f.rowBytes(w)) * int64(h)
		}
	}
	return n
}
