package radiograph

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom/film"
)

var dicomCodec = codec{name: "dicom", read: readDICOM, decode: decodeDICOM}

// readDICOM reads a film's data set. The samples' depth is always known: the object says it.
func readDICOM(data []byte, limits Limits) (header, error) {
	if limits.Bits > 0 {
		return header{}, fmt.Errorf("%w: bits=%d, but a DICOM object says itself how many bits its samples have", ErrDepth, limits.Bits)
	}
	f, err := film.Open(data)
	if err != nil {
		return header{}, filmError(err)
	}
	h := header{memory: f.Memory(), work: f.Work() + int64(len(data)), orientation: f.Orientation(), film: f}
	h.width, h.height = f.Size()
	if h.orientation > 1 {
		h.memory += 2 * h.pixels()
	}
	return h, nil
}

func decodeDICOM(ctx context.Context, _ []byte, h header) (decoded, error) {
	shown, err := h.film.Decode(ctx)
	if err != nil {
		return decoded{}, filmError(err)
	}
	return decoded{grey: shown.Image, shown: shown}, nil
}

var filmErrors = map[error]error{
	film.ErrDamaged: ErrNotPicture, film.ErrUnsupported: ErrUnknownFormat, film.ErrNotRadiograph: ErrNotRadiograph,
}

// filmError says in this package's terms what is wrong with an object.
func filmError(err error) error {
	if e := (*film.Error)(nil); errors.As(err, &e) {
		return fmt.Errorf("%w: %s", filmErrors[e.Kind], e.Reason)
	}
	return err
}
