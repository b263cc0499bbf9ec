package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"

	"golang.org/x/image/webp"
)

// webpCodec reads still WebP pictures. Off unless Limits.WebP is set.
var webpCodec = codec{name: "webp", read: readWebP, decode: decodeWebP}

func decodeWebP(ctx context.Context, data []byte, h header) (d decoded, err error) {
	defer recoverDecoder(&err)
	picture, err := webp.Decode(interruptible(ctx, data))
	if err != nil {
		return decoded{}, fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	// VP8 holds luma from 16 (black) to 235 (white); JPEG, and image.YCbCr with
	// it, from 0 to 255.
	switch p := picture.(type) {
	case *image.YCbCr:
		fullRange(p.Y)
	case *image.NYCbCrA:
		fullRange(p.Y)
	}
	return inGrey(picture, h)
}

func fullRange(luma []byte) {
	var table [256]byte
	for v := range table {
		table[v] = byte((max(min(v, 235)-16, 0)*255 + 219/2) / 219)
	}
	for i, v := range luma {
		luma[i] = table[v]
	}
}

func readWebP(data []byte, _ Limits) (h header, err error) {
	defer recoverDecoder(&err)
	const flagAnimated = 1 << 1
	// The decoder sets memory aside for chunks as long as they say they are, so
	// none may be longer than the file.
	chunks := data[12:]
	if size := int64(binary.LittleEndian.Uint32(data[4:])); size+8 > int64(len(data)) {
		return header{}, fmt.Errorf("%w: truncated: %d bytes of %d", ErrNotPicture, len(data), size+8)
	}
	orientation := 0
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
		case "EXIF":
			orientation = exifOrientation(bytes.TrimPrefix(body, exifPrefix))
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
	// Alpha is decoded as a picture of four channels of its own.
	h.memory = 8 * h.pixels()
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
