package radiograph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/color"

	"golang.org/x/image/tiff"
)

// tiffCodec reads the first page of a TIFF file. Off unless Limits.TIFF is set.
var tiffCodec = codec{name: "tiff", read: readTIFF, decode: decodeTIFF}

func decodeTIFF(ctx context.Context, data []byte, h header) (d decoded, err error) {
	defer recoverDecoder(&err)
	picture, err := tiff.Decode(interruptible(ctx, data))
	if err != nil {
		return decoded{}, tiffError(err)
	}
	return inGrey(picture, h)
}

func tiffError(err error) error {
	var unsupported tiff.UnsupportedError
	if errors.As(err, &unsupported) {
		return fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	}
	if err != nil {
		return fmt.Errorf("%w: damaged or truncated: %w", ErrNotPicture, err)
	}
	return nil
}

func readTIFF(data []byte, _ Limits) (h header, err error) {
	defer recoverDecoder(&err)
	config, err := tiff.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, tiffError(err)
	}
	h = header{width: config.Width, height: config.Height, orientation: exifOrientation(data)}
	if h.width > MaxSide || h.height > MaxSide {
		return h, nil
	}
	// A strip or tile is unpacked beside the picture and may be as large.
	perPixel := int64(2*4 + 1)
	switch config.ColorModel {
	case color.GrayModel:
		perPixel = 2
	case color.Gray16Model:
		perPixel = 4
	case color.RGBA64Model, color.NRGBA64Model:
		perPixel = 2*8 + 2
	}
	if h.orientation > 1 {
		perPixel += 2
	}
	h.memory = perPixel * h.pixels()
	return h, nil
}

// recoverDecoder turns a panic of a decoder into an error. It is for the decoders
// of TIFF and WebP alone, which have had panics that a file could trigger, and is
// safe for them: they run in the caller's goroutine, hold no locks and share no
// state with anything, so what a panic leaves behind is garbage and no more. The
// other decoders are left to panic, as a bug there should be seen.
func recoverDecoder(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: the decoder gave up: %v", ErrNotPicture, r)
	}
}
