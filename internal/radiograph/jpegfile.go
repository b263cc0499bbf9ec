package radiograph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"

	"github.com/spikeray/spikeray/internal/radiograph/lumajpeg"
)

var jpegCodec = codec{name: "jpeg", read: readJPEG, decode: decodeJPEG}

// enlargement is how many times the target's size a reduced picture must have. With
// twice, the pictures of TestReducedOriginals differ from those made of all pixels by a
// seventh of a level of 255 on average at 1/2, a sixth at 1/4 and a quarter at 1/8;
// with once it would be twice as much and more.
const enlargement = 2

// decodeJPEG decodes what lumajpeg takes, as small as the target allows; without a target, whole.
// The rest is for the standard library's decoder. It reports missing data, missing
// EOI and bad codes, skips what follows EOI, and knows baseline, extended and
// progressive Huffman coding of 8 bits with 1, 3 or 4 components.
func decodeJPEG(ctx context.Context, data []byte, h header) (decoded, error) {
	reduce := 1
	if h.orientation <= 1 && h.target.X > 0 && h.target.Y > 0 {
		for reduce < 8 && h.width/(2*reduce) >= enlargement*h.target.X && h.height/(2*reduce) >= enlargement*h.target.Y {
			reduce *= 2
		}
	}
	if p, err := lumajpeg.Decode(data, reduce, visible/2); err == nil {
		return decoded{grey: p.Gray, seen: seen{coloured: p.ColouredBlocks, of: p.ChromaBlocks}, reduced: reduce, pooled: true}, nil
	}
	picture, err := jpeg.Decode(interruptible(ctx, data))
	var unsupported jpeg.UnsupportedError
	if errors.As(err, &unsupported) {
		return decoded{}, fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	}
	if err != nil {
		return decoded{}, fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	return inGrey(picture, h)
}

// JPEG markers, ITU-T T.81 table B.1.
const (
	markerSOF0  = 0xc0
	markerSOF2  = 0xc2
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerSOF15 = 0xcf
	markerRST0  = 0xd0
	markerRST7  = 0xd7
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerAPP1  = 0xe1
	markerAPP14 = 0xee
	markerSOF55 = 0xf7
)

// scanBudget is how many samples, for each pixel of the limit, all scans of a
// JPEG may pass over. A progressive file can hold thousands of scans that cost a
// few bytes each to send and a pass over the picture each to decode; an ordinary
// one passes over 14 samples a pixel at the most.
const scanBudget = 16

// jpegFrame is what the markers of a JPEG say of its picture.
type jpegFrame struct {
	width, height int
	progressive   bool
	components    []jpegComponent
	adobe         bool // an Adobe segment says that there is no YCbCr transform
	samples       int64
	orientation   int
}

type jpegComponent struct {
	id   byte
	h, v int64
	// blocks is the number of 8 x 8 blocks, the padding of the last MCUs included.
	blocks int64
	// precision holds the lowest bit sent so far of each of the 64 coefficients, or
	// unsent.
	precision [64]byte
}

const unsent = 0xff

// readJPEG walks the markers from SOI to EOI without decoding. It finds what
// image/jpeg would not object to: components of which no scan, or only the
// coarse scans of a progressive file, are there (half a picture), scans sent
// twice, and so many scans that decoding would take minutes.
func readJPEG(data []byte, limits Limits) (header, error) {
	maxPixels := int64(limits.MaxPixels)
	frame := jpegFrame{}
	at := 2
	for {
		marker, next, ok := nextMarker(data, at)
		if !ok {
			return header{}, fmt.Errorf("%w: truncated: no EOI marker", ErrNotPicture)
		}
		if marker == markerEOI {
			break
		}
		if len(data)-next < 2 {
			return header{}, fmt.Errorf("%w: truncated in a marker segment", ErrNotPicture)
		}
		length := int(data[next])<<8 | int(data[next+1])
		if length < 2 || len(data)-next < length {
			return header{}, fmt.Errorf("%w: truncated in a marker segment", ErrNotPicture)
		}
		at = next + length
		if err := frame.segment(marker, data[next+2:at], maxPixels); err != nil {
			return header{}, err
		}
	}
	return frame.header()
}

// nextMarker finds the next marker at or after at, passing over what a decoder
// passes over between segments: stray and entropy-coded bytes, fill bytes, restart
// markers. next is the place after the marker.
func nextMarker(data []byte, at int) (marker byte, next int, ok bool) {
	for {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 {
			return 0, 0, false
		}
		at += i + 1
		for at < len(data) && data[at] == 0xff {
			at++
		}
		if at == len(data) {
			return 0, 0, false
		}
		marker = data[at]
		at++
		if marker != 0 && (marker < markerRST0 || marker > markerRST7) {
			return marker, at, true
		}
	}
}

func (f *jpegFrame) segment(marker byte, body []byte, maxPixels int64) error {
	switch {
	case marker >= markerSOF0 && marker <= markerSOF2:
		return f.start(marker, body)
	case marker == markerSOF55:
		return fmt.Errorf("%w: JPEG-LS", ErrUnknownFormat)
	case marker > markerSOF2 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG:
		return fmt.Errorf("%w: lossless, hierarchical or arithmetic coding (marker %#x)", ErrUnknownFormat, marker)
	case marker == markerSOS:
		return f.scan(body, maxPixels)
	case marker == markerAPP1 && bytes.HasPrefix(body, exifPrefix):
		if f.orientation == 0 {
			f.orientation = exifOrientation(body[len(exifPrefix):])
		}
	case marker == markerAPP14 && len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")):
		f.adobe = body[11] == 0
	}
	return nil
}

// start reads a frame header (SOF).
func (f *jpegFrame) start(marker byte, body []byte) error {
	if f.components != nil {
		return fmt.Errorf("%w: two frames", ErrNotPicture)
	}
	if len(body) < 6 || len(body) != 6+3*int(body[5]) || body[5] == 0 {
		return fmt.Errorf("%w: frame header of %d bytes", ErrNotPicture, len(body))
	}
	if body[0] != 8 {
		return fmt.Errorf("%w: %d bits a sample, only 8 are read", ErrUnknownFormat, body[0])
	}
	n := int(body[5])
	if n != 1 && n != 3 && n != 4 {
		return fmt.Errorf("%w: %d components", ErrUnknownFormat, n)
	}
	f.progressive = marker == markerSOF2
	f.height = int(body[1])<<8 | int(body[2])
	f.width = int(body[3])<<8 | int(body[4])
	f.components = make([]jpegComponent, n)
	maxH, maxV := int64(1), int64(1)
	for i := range f.components {
		c := &f.components[i]
		c.id = body[6+3*i]
		c.h, c.v = int64(body[7+3*i]>>4), int64(body[7+3*i]&15)
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 {
			return fmt.Errorf("%w: sampling factors %d x %d", ErrNotPicture, c.h, c.v)
		}
		if n == 1 {
			c.h, c.v = 1, 1
		}
		maxH, maxV = max(maxH, c.h), max(maxV, c.v)
		for k := range c.precision {
			c.precision[k] = unsent
		}
	}
	for i := range f.components {
		c := &f.components[i]
		c.blocks = ceilDiv(int64(f.width), 8*maxH) * ceilDiv(int64(f.height), 8*maxV) * c.h * c.v
	}
	return nil
}

// scan reads a scan header (SOS) and keeps account of what has been sent.
func (f *jpegFrame) scan(body []byte, maxPixels int64) error {
	if f.components == nil {
		return fmt.Errorf("%w: scan before the frame header", ErrNotPicture)
	}
	if len(body) < 4 || len(body) != 4+2*int(body[0]) {
		return fmt.Errorf("%w: scan header of %d bytes", ErrNotPicture, len(body))
	}
	n := int(body[0])
	from, to, low := int(body[1+2*n]), int(body[2+2*n]), body[3+2*n]&15
	if !f.progressive {
		from, to, low = 0, 63, 0
	}
	if from > to || to > 63 {
		return fmt.Errorf("%w: scan of coefficients %d to %d", ErrNotPicture, from, to)
	}
	for i := range n {
		c := f.component(body[1+2*i])
		if c == nil {
			return fmt.Errorf("%w: scan of a component that is not in the frame", ErrNotPicture)
		}
		if !f.progressive && c.precision[0] != unsent {
			return fmt.Errorf("%w: a component is sent twice", ErrNotPicture)
		}
		for k := from; k <= to; k++ {
			c.precision[k] = low
		}
		f.samples += 64 * c.blocks
	}
	if f.samples > scanBudget*maxPixels {
		return fmt.Errorf("%w: its scans pass over more than %d samples", ErrTooLarge, scanBudget*maxPixels)
	}
	return nil
}

func (f *jpegFrame) component(id byte) *jpegComponent {
	for i := range f.components {
		if f.components[i].id == id {
			return &f.components[i]
		}
	}
	return nil
}

// header checks at EOI that everything was sent, and sums up.
func (f *jpegFrame) header() (header, error) {
	if f.components == nil {
		return header{}, fmt.Errorf("%w: no frame header", ErrNotPicture)
	}
	var blocks int64
	for i, c := range f.components {
		for k, low := range c.precision {
			if low != 0 {
				return header{}, fmt.Errorf("%w: incomplete: component %d lacks coefficient %d or its last bits", ErrNotPicture, i, k)
			}
		}
		blocks += c.blocks
	}
	h := header{width: f.width, height: f.height, memory: 64 * blocks, orientation: f.orientation}
	// A block takes at least a bit for its first coefficient and, unless runs of empty
	// blocks are coded, one for the rest. Half of that, as padding may not be sent.
	h.leastBytes = blocks / 8
	if f.progressive {
		h.memory += 64 * blocks * 4
		h.leastBytes = blocks / 16
	}
	if len(f.components) == 4 || f.adobe {
		h.memory += 5 * h.pixels()
	}
	if f.orientation > 1 {
		h.memory += h.pixels()
	}
	return h, nil
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
