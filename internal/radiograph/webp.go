package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
	"golang.org/x/image/webp"
)

// webpCodec reads still WebP pictures. Off unless Limits.WebP is set. The decoder of lossy ones has read the whole file before
// its first pixel, so that a context that ends stops it only afterwards; Header.Work counts that time.
var webpCodec = codec{name: "webp", read: readWebP, decode: decodeWebP}

func decodeWebP(ctx context.Context, data []byte, h header) (d decoded, err error) {
	defer recoverDecoder(&err)
	picture, err := webp.Decode(interruptible(ctx, data))
	if err != nil {
		return decoded{}, fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	if size := picture.Bounds().Size(); size != image.Pt(h.width, h.height) {
		return decoded{}, fmt.Errorf("%w: %d x %d pixels where the header says %d x %d", ErrNotPicture, size.X, size.Y, h.width, h.height)
	}
	grey := pixels.Gray(h.width, h.height)
	for y := range h.height {
		if y%16 == 0 && ctx.Err() != nil {
			return decoded{}, context.Cause(ctx)
		}
		row := grey.Pix[y*grey.Stride:][:h.width]
		switch p := picture.(type) {
		case *image.YCbCr:
			vp8Row(row, nil, p, y, &d.seen)
		case *image.NYCbCrA:
			vp8Row(row, p.A[y*p.AStride:][:h.width], &p.YCbCr, y, &d.seen)
		case *image.NRGBA:
			for x := range row {
				c := p.Pix[y*p.Stride+4*x:][:4]
				row[x] = d.seen.over(uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3]))
			}
		default:
			return decoded{}, fmt.Errorf("%w: pixels of type %T", ErrUnknownFormat, picture)
		}
	}
	d.grey = grey
	return d, nil
}

const (
	// vp8lNodeBytes is the most that the tables of codes take for each byte of a lossless picture: a symbol costs half a
	// bit where it repeats the one before, and takes two nodes of 12 bytes.
	vp8lNodeBytes = 400
	// vp8lTables is the most that they take in all: 2,600 groups of five codes of the largest alphabets.
	vp8lTables = 2600 * (5*560 + 2*12*(3*256+24+2048+256+40))
)

func readWebP(data []byte, _ Limits) (h header, err error) {
	defer recoverDecoder(&err)
	const flagAnimated = 1 << 1
	if len(data) < 12 || string(data[:4]) != "RIFF" {
		return header{}, fmt.Errorf("%w: no RIFF file", ErrNotPicture)
	}
	// The decoder sets memory aside for chunks as long as they say they are, so
	// none may be longer than the file.
	chunks := data[12:]
	if size := int64(binary.LittleEndian.Uint32(data[4:])); size+8 > int64(len(data)) {
		return header{}, fmt.Errorf("%w: truncated: %d bytes of %d", ErrNotPicture, len(data), size+8)
	}
	orientation := 0
	lossless, lossy := int64(-1), int64(-1) // bytes
	for len(chunks) >= 8 {
		length := int64(binary.LittleEndian.Uint32(chunks[4:]))
		if length > int64(len(chunks))-8 {
			return header{}, fmt.Errorf("%w: truncated in a chunk", ErrNotPicture)
		}
		body := chunks[8 : 8+length]
		switch string(chunks[:4]) {
		case "VP8X":
			if length > 0 && body[0]&flagAnimated != 0 {
				return header{}, fmt.Errorf("%w: animated WebP", ErrUnknownFormat)
			}
		case "ANIM", "ANMF":
			return header{}, fmt.Errorf("%w: animated WebP", ErrUnknownFormat)
		case "EXIF":
			orientation = exifOrientation(body)
		case "VP8 ":
			lossy = max(lossy, length)
		case "VP8L", "ALPH":
			lossless = max(lossless, length)
		}
		chunks = chunks[min(8+length+length&1, int64(len(chunks))):]
	}
	config, err := webp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	h = header{width: config.Width, height: config.Height, orientation: orientation}
	if h.width > MaxSide || h.height > MaxSide {
		return h, nil
	}
	h.memory = h.pixels()
	if lossy >= 0 {
		// Macroblocks of 16 x 16 pixels with their chroma, and the chunk again.
		h.memory += ceilDiv(int64(h.width), 16)*ceilDiv(int64(h.height), 16)*(384+64) + lossy
		h.work += 30 * h.pixels()
	}
	if lossless >= 0 {
		// Four channels twice, as indices and as colours, and alpha on its own.
		h.memory += 9*h.pixels() + min(vp8lTables, vp8lNodeBytes*lossless)
		h.work += 40*h.pixels() + 20*lossless
	}
	if h.orientation > 1 {
		h.memory += h.pixels()
	}
	return h, nil
}

// recoverDecoder turns a panic of a decoder into an error. It is for WebP's alone, which
// has had panics that a file could trigger, and is safe for it: it runs in the caller's
// goroutine, holds no locks and shares no state with anything, so what a panic leaves
// behind is garbage and no more. The other decoders are left to panic, as a bug there
// should be seen.
func recoverDecoder(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: the decoder gave up: %v", ErrNotPicture, r)
	}
}
