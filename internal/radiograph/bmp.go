package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/image/bmp"
)

// x/image's BMP decoder reads uncompressed rows and nothing else, so once the
// file is known to be long enough there is little that can go wrong.
var bmpCodec = codec{name: "bmp", read: readBMP, decode: decodeBMP}

func decodeBMP(ctx context.Context, data []byte, h header) (decoded, error) {
	picture, err := bmp.Decode(interruptible(ctx, data))
	if err != nil {
		return decoded{}, bmpError(err)
	}
	return inGrey(picture, h)
}

func bmpError(err error) error {
	if errors.Is(err, bmp.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	}
	if err != nil {
		return fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	return nil
}

func readBMP(data []byte, _ Limits) (header, error) {
	config, err := bmp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, bmpError(err)
	}
	h := header{width: config.Width, height: config.Height}
	if h.width > MaxSide || h.height > MaxSide {
		// Left to the caller's check, which names the limit.
		return h, nil
	}
	// DecodeConfig has seen these bytes.
	pixels, bits := binary.LittleEndian.Uint32(data[10:]), binary.LittleEndian.Uint16(data[28:])
	rowBytes := ceilDiv(int64(h.width)*int64(bits), 32) * 4
	h.leastBytes = int64(pixels) + rowBytes*int64(h.height)
	if bits > 8 {
		h.memory = 5 * h.pixels()
	} else {
		h.memory = 2 * h.pixels()
	}
	return h, nil
}
