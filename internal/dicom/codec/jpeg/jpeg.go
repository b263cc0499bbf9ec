// Package jpeg decodes the JPEG streams of ITU-T T.81 that DICOM has: baseline and extended sequential of 8 and 12 bits
// (PS3.5, 8.2.1; transfer syntaxes .50 and .51), and lossless of 2 to 16 bits with all predictors (.57 and .70).
//
// Samples come as they are coded. There is no colour transform: the data set's PhotometricInterpretation says what the
// components are. The inverse cosine transform and the enlargement of subsampled components are those of libjpeg's
// defaults, so that samples equal those of dcmtk and gdcm.
//
// Damage that can be seen is an error: a code that no table has, values that no encoder makes, entropy-coded data that ends
// early or late. What is no damage is passed over: fill bytes, padding, bytes after EOI, and an EOI that is missing after
// the last sample.
package jpeg

import (
	"context"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// Inspect reads the headers of a stream up to its first scan; of one that tells its height only after that scan, it looks
// for the end of the scan. It costs next to no memory. A stream that is shorter than one of its picture can be is damaged.
// Errors wrap codec.ErrDamaged or codec.ErrUnsupported.
func Inspect(data []byte) (codec.Header, error) {
	d := decoder{data: data}
	if err := d.headers(); err != nil {
		return codec.Header{}, err
	}
	return d.frame.header(), nil
}

// Decode decodes a stream into to, which must have as many elements as Inspect says: [Height][Width][Components].
// Encoders that extend the sign of negative lossless samples beyond Header.Bits get it back, up to bit 15.
//
// It stops when ctx ends, with its cause. Other errors wrap codec.ErrDamaged or codec.ErrUnsupported, and to then holds
// nothing of use.
func Decode(ctx context.Context, data []byte, to []uint16) error {
	d := decoder{data: data}
	if err := d.headers(); err != nil {
		return err
	}
	if h := d.frame.header(); len(to) != h.Samples() {
		return fmt.Errorf("jpeg: %d samples to decode into; the picture has %d", len(to), h.Samples())
	}
	return d.decode(ctx, to)
}

// header says what a caller must know before it decodes.
func (f *frame) header() codec.Header {
	h := codec.Header{Width: f.width, Height: f.height, Components: len(f.components), Bits: f.bits}
	samples := int64(h.Samples())
	h.Memory = 4*2*tableBytes + 1<<12
	if f.lossless() {
		h.LeastBytes = samples / 8 // a bit a sample
		h.Work = 12 * samples
		return h
	}
	for i := range f.components {
		c := &f.components[i]
		// A bit for the mean of a block and a bit for its end.
		h.LeastBytes += int64((c.width+7)/8) * int64((c.height+7)/8) / 4
		if f.subsampled(c) {
			h.Memory += 2 * int64(c.width) * int64(c.height)
		}
	}
	h.Work = 15 * samples
	return h
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("jpeg: %w: %s", codec.ErrDamaged, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("jpeg: %w: %s", codec.ErrUnsupported, fmt.Sprintf(format, args...))
}
