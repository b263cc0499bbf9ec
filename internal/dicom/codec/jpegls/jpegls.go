// Package jpegls decodes JPEG-LS, ITU-T T.87 (ISO/IEC 14495-1), lossless and near-lossless: the frames of the DICOM transfer
// syntaxes 1.2.840.10008.1.2.4.80 and .81. It has all of the standard's baseline that pictures of samples use: 2 to 16 bits,
// one to four components in every interleaving, preset parameters, restart intervals and pictures whose size stands in an
// LSE segment. Mapping tables, subsampled components, the point transform and HP's colour transforms are refused by name.
//
// MAXVAL is taken as the standard says. CharLS, and with it most of DICOM's software, writes the parameter and codes as if it
// were the largest number of the frame's bits. In practice it always is. Where it is not, such a stream is refused as damaged.
//
// Streams of more than 12 bits that JAI-ImageIO wrote use other thresholds than the standard's without saying so. They
// decode to noise that does not end where the stream ends, so they are refused as damaged; T.87 has no way to tell them.
package jpegls

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// Inspect reads the headers of a JPEG-LS stream up to its first scan. Samples are never signed: JPEG-LS does not know, and
// DICOM's PixelRepresentation says it. Errors wrap codec.ErrDamaged or codec.ErrUnsupported.
func Inspect(data []byte) (codec.Header, error) {
	p := parser{data: data}
	s, err := p.scanHeader()
	if err != nil {
		return codec.Header{}, err
	}
	f := &p.frame
	h := codec.Header{Width: f.width, Height: f.height, Components: f.count, Bits: f.bits}
	h.LeastBytes = int64(p.at) + f.leastBits(&s)/8
	h.Memory = decoderBytes + int64(f.count)*2*2*int64(f.width+2)
	// A sample outside a run takes a bit at least, and all of the time; a run is filled at the speed of memory.
	samples := int64(h.Samples())
	h.Work = samples + min(samples, 8*int64(len(data)-p.at))*nanoseconds
	return h, nil
}

// nanoseconds is about what a sample outside a run takes.
const nanoseconds = 30

// Decode decodes a JPEG-LS stream into to, which has the Samples of the header that Inspect returns. What follows the last
// scan is not looked at; the end-of-image marker may be missing. Errors wrap codec.ErrDamaged or codec.ErrUnsupported, or
// are the cause of ctx's end.
func Decode(ctx context.Context, data []byte, to []uint16) error {
	p := parser{data: data}
	s, err := p.scanHeader()
	if err != nil {
		return err
	}
	f := &p.frame
	if want := f.width * f.height * f.count; len(to) != want {
		return fmt.Errorf("jpegls: room for %d samples, want %d", len(to), want)
	}
	d := pool.Get().(*decoder)
	defer d.release()
	d.allocate(f)
	for decoded := 0; ; {
		if err := d.scan(ctx, &p, &s, to); err != nil {
			if errors.Is(err, codec.ErrDamaged) && f.bits > 12 && f.presets == (presets{}) {
				return fmt.Errorf("%w (or JAI-ImageIO wrote it, with other thresholds than the standard's)", err)
			}
			return err
		}
		if decoded += s.count; decoded == f.count {
			return nil
		}
		if s, err = p.scanHeader(); err != nil {
			return err
		}
	}
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("JPEG-LS: %w: %s", codec.ErrDamaged, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("JPEG-LS: %w: %s", codec.ErrUnsupported, fmt.Sprintf(format, args...))
}
