package radiograph

import (
	"context"
	"errors"
	"fmt"
	"image"

	"github.com/spikeray/spikeray/internal/radiograph/lumajpeg"
)

var jpegCodec = codec{name: "jpeg", read: readJPEG, decode: decodeJPEG}

const (
	// enlargement is how many times the target's size a reduced picture must have. With
	// twice, the pictures of TestReducedOriginals differ from those made of all pixels by a
	// seventh of a level of 255 on average at 1/2, a sixth at 1/4 and a quarter at 1/8;
	// with once it would be twice as much and more.
	enlargement = 2

	// scanBudget is how many samples, for each pixel of the limit, all scans of a
	// JPEG may pass over. A progressive file can hold hundreds of scans that cost a
	// few bytes each to send and a pass over the picture each to decode; an ordinary
	// one passes over 14 samples a pixel at the most.
	scanBudget = 16

	// What decoding takes, in nanoseconds: for each byte of the file, and for each
	// sample that a scan passes over.
	byteWork, sampleWork = 16, 1
)

// readJPEG walks the markers from SOI to EOI without decoding. It refuses files of which
// no scan, or only the coarse scans of a progressive file, are there for a component
// (half a picture), and those with so many scans that decoding would take minutes.
func readJPEG(data []byte, limits Limits) (header, error) {
	file, err := lumajpeg.Parse(data, scanBudget*int64(limits.MaxPixels))
	if err != nil {
		return header{}, jpegError(err)
	}
	file.Generic = limits.Generic
	h := header{width: file.Width, height: file.Height, leastBytes: file.LeastBytes(), orientation: exifOrientation(file.EXIF), jpeg: file}
	h.work = byteWork*int64(len(data)) + sampleWork*file.Samples()
	h.memory = file.Memory(jpegReduction(h, limits.Target))
	if h.orientation > 1 {
		h.memory += h.pixels()
	}
	return h, nil
}

// jpegReduction is how far a file is reduced for a target: not at all without one.
func jpegReduction(h header, target image.Point) int {
	reduce := 1
	if h.orientation <= 1 && target.X > 0 && target.Y > 0 && h.jpeg.Luma() {
		for reduce < 8 && h.width/(2*reduce) >= enlargement*target.X && h.height/(2*reduce) >= enlargement*target.Y {
			reduce *= 2
		}
	}
	return reduce
}

func decodeJPEG(ctx context.Context, _ []byte, h header) (decoded, error) {
	reduce := jpegReduction(h, h.target)
	p, err := h.jpeg.Decode(ctx, reduce, visible)
	if err != nil {
		return decoded{}, jpegError(err)
	}
	return decoded{grey: p.Gray, seen: seen{coloured: p.Coloured, of: p.Of, damage: p.Damage}, reduced: reduce}, nil
}

// jpegError says in this package's terms what is wrong with a file.
func jpegError(err error) error {
	switch {
	case errors.Is(err, lumajpeg.ErrUnsupported):
		return fmt.Errorf("%w: %w", ErrUnknownFormat, err)
	case errors.Is(err, lumajpeg.ErrTooManyScans):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, lumajpeg.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrNotPicture, err)
	}
	return err
}
