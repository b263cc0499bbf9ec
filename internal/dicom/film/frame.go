package film

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// frame is the film's pixels as they are stored.
type frame struct {
	data    []byte // native pixels in little endian, or a compressed stream
	decoder *decoder
	header  codec.Header // of compressed streams
	joined  int64        // bytes that a stream of several fragments takes once more
	more    int64        // bytes behind the pixels that do not belong there
}

// openFrame finds the one frame and checks it against the image module.
func (f *Film) openFrame(e *dicom.Element) (frame, error) {
	var fr frame
	m := f.image
	if e == nil {
		return fr, fail(ErrDamaged, "there is no %v: the object holds no picture", dicom.PixelData)
	}
	if !dicom.Encapsulated(f.Syntax) {
		if e.Fragments != nil {
			return fr, fail(ErrDamaged, "pixels are encapsulated, which transfer syntax %s does not have", dicom.NamedUID(f.Syntax))
		}
		// An odd length is padded; some writers leave the padding out.
		if have := int64(len(e.Value)); have < m.bytes() {
			return fr, fail(ErrDamaged, "%v has %d bytes, and %d x %d pixels of %d bits take %d", dicom.PixelData, have, m.columns, m.rows, m.allocated, m.bytes())
		} else if have > m.bytes()+1 {
			fr.more = have - m.bytes()
		}
		fr.data = e.Value[:m.bytes()]
		return fr, nil
	}
	fr.decoder = decoders[f.Syntax]
	switch {
	case fr.decoder == nil:
		return fr, fail(ErrUnsupported, "transfer syntax %s", dicom.NamedUID(f.Syntax))
	case len(e.Fragments) < 2:
		return fr, fail(ErrDamaged, "%v is not encapsulated, as transfer syntax %s has it", dicom.PixelData, dicom.NamedUID(f.Syntax))
	}
	// All fragments are of the one frame, whatever the offset table says.
	if fr.data = e.Fragments[1]; len(e.Fragments) > 2 {
		fr.data = bytes.Join(e.Fragments[1:], nil)
		fr.joined = int64(len(fr.data))
	}
	var err error
	if fr.header, err = fr.decoder.inspect(fr.data, m); err != nil {
		return fr, codecError(err)
	}
	return fr, fr.check(m)
}

// inflate finds the frame of a deflated film. It takes the memory that Memory tells.
func (f *Film) inflate() (frame, error) {
	file, err := dicom.Parse(f.deflated, dicom.Limits{Elements: maxElements, Inflated: f.inflatedBytes()})
	if err != nil {
		return frame{}, fail(ErrDamaged, "%v", err)
	}
	return f.openFrame(file.Dataset.Get(dicom.PixelData))
}

// inflatedBytes is how long the data set of a deflated film may be.
func (f *Film) inflatedBytes() int64 { return f.image.bytes() + 2*maxHead }

// check holds a compressed frame against the image module. Fewer or more bits than BitsStored says are tolerated as long as
// they fit the cell: the sample is then cut out of it as out of a native one.
func (fr *frame) check(m imageModule) error {
	h := fr.header
	switch {
	case h.Width != m.columns || h.Height != m.rows:
		return fail(ErrDamaged, "the compressed frame has %d x %d pixels, the object says %d x %d", h.Width, h.Height, m.columns, m.rows)
	case h.Components != 1:
		return fail(ErrDamaged, "the compressed frame has %d components, the object says 1", h.Components)
	case h.Bits > m.allocated:
		return fail(ErrDamaged, "the compressed frame has samples of %d bits, the object allocates %d", h.Bits, m.allocated)
	case int64(len(fr.data)) < h.LeastBytes:
		return fail(ErrDamaged, "%d bytes cannot hold a compressed frame of %d x %d pixels", len(fr.data), h.Width, h.Height)
	}
	return nil
}

// samples gives the cells of a frame, the first of each row's first.
func (fr *frame) samples(ctx context.Context, m imageModule) (cells, error) {
	c := cells{image: m, native: fr.data, shift: m.high + 1 - m.stored, mask: uint16(m.values() - 1)}
	if fr.decoder == nil {
		return c, nil
	}
	c.decoded = make([]uint16, m.pixels())
	if err := fr.decoder.decode(ctx, fr.data, fr.header, c.decoded); err != nil {
		if ctx.Err() != nil {
			return c, context.Cause(ctx)
		}
		return c, codecError(err)
	}
	return c, nil
}

func codecError(err error) error {
	if errors.Is(err, codec.ErrUnsupported) {
		return fail(ErrUnsupported, "%v", err)
	}
	return fail(ErrDamaged, "%v", err)
}

// cells are a picture's samples in the cells that they are stored in.
type cells struct {
	image   imageModule
	native  []byte
	decoded []uint16 // nil for native ones
	shift   int
	mask    uint16
}

// row gives the bits of each sample of a row.
func (c *cells) row(y int, to []uint16) {
	n := c.image.columns
	to = to[:n]
	shift, mask := c.shift&15, c.mask
	switch {
	case c.decoded != nil:
		for x, v := range c.decoded[y*n:][:n] {
			to[x] = v >> shift & mask
		}
	case c.image.allocated == 8:
		for x, v := range c.native[y*n:][:n] {
			to[x] = uint16(v) >> shift & mask
		}
	default:
		row := c.native[2*y*n:][:2*n]
		for x := range to {
			to[x] = binary.LittleEndian.Uint16(row) >> shift & mask
			row = row[2:]
		}
	}
}
