package radiograph

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

var pngCodec = codec{name: "png", read: readPNG, decode: decodePNG}

// maxDeflateRatio is the most bytes that one byte of deflated data can become.
const maxDeflateRatio = 1032

func decodePNG(ctx context.Context, data []byte, h header) (decoded, error) {
	picture, err := png.Decode(interruptible(ctx, data))
	var unsupported png.UnsupportedError
	if errors.As(err, &unsupported) {
		return decoded{}, fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	}
	if err != nil {
		return decoded{}, fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	return inGrey(picture, h)
}

// readPNG reads the IHDR chunk, which must come first, and looks through the others
// for transparency and EXIF data.
func readPNG(data []byte, _ Limits) (header, error) {
	const headerEnd = len(pngMagic) + 8 + 13 + 4
	if len(data) < headerEnd || string(data[12:16]) != "IHDR" {
		return header{}, fmt.Errorf("%w: truncated: no IHDR chunk", ErrNotPicture)
	}
	width, height := binary.BigEndian.Uint32(data[16:]), binary.BigEndian.Uint32(data[20:])
	if width > MaxSide || height > MaxSide {
		return header{}, fmt.Errorf("%w: %d x %d pixels, at most %d a side", ErrTooLarge, width, height, MaxSide)
	}
	depth, colour, interlaced := int64(data[24]), data[25], data[28] != 0
	channels, ok := map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
	if !ok || depth > 16 {
		return header{}, fmt.Errorf("%w: colour type %d of %d bits", ErrNotPicture, colour, depth)
	}

	h := header{width: int(width), height: int(height)}
	transparent := false
	for rest := data[len(pngMagic):]; len(rest) >= 12; {
		length := int64(binary.BigEndian.Uint32(rest))
		if length > int64(len(rest))-12 {
			break
		}
		switch string(rest[4:8]) {
		case "tRNS":
			transparent = true
		case "eXIf":
			h.orientation = exifOrientation(rest[8 : 8+length])
		}
		rest = rest[12+length:]
	}

	sampleBytes := max(depth/8, 1)
	pixelBytes := sampleBytes
	if colour != 0 && colour != 3 || transparent && colour != 3 {
		pixelBytes = 4 * sampleBytes
	}
	h.memory = h.pixels() * pixelBytes
	if interlaced {
		// Each pass is decoded into a picture of its own; the last is half of the whole.
		h.memory += h.memory / 2
	}
	if colour != 0 || transparent {
		h.memory += h.pixels()
	}
	if h.orientation > 1 {
		h.memory += h.pixels() * sampleBytes
	}
	h.leastBytes = ceilDiv(int64(width)*depth*channels, 8) * int64(height) / maxDeflateRatio
	return h, nil
}
