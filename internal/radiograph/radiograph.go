// Package radiograph turns the bytes of a picture file into an upright grey
// picture, or says why it cannot.
//
// Every byte may be hostile. The format is recognised by the content. Sizes are
// read from the headers and checked against limits before a decoder runs. A file
// whose headers promise more than its bytes can hold is refused before memory is
// allocated for it. A damaged or truncated file is an error, never half a
// picture.
package radiograph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"

	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/radiograph/lumajpeg"
	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// What can be wrong with a file, for errors.Is. The errors that Decode returns
// wrap one of these and say more.
var (
	// ErrNotPicture reports bytes that are no known format, or a file of a known
	// format that is damaged or truncated.
	ErrNotPicture = errors.New("radiograph: not a picture")
	// ErrTooLarge reports a picture beyond the limits. Its pixels were not decoded.
	ErrTooLarge = errors.New("radiograph: picture too large")
	// ErrUnknownFormat reports a file that was recognised but is of a format, or
	// uses a feature of one, that is not supported or is switched off.
	ErrUnknownFormat = errors.New("radiograph: format not supported")
	// ErrNotRadiograph reports a picture that was decoded but cannot be a
	// radiograph: smaller than MinSide a side, or all one grey.
	ErrNotRadiograph = errors.New("radiograph: cannot be a radiograph")
	// ErrDepth reports a picture of 16-bit samples that may have fewer significant bits, where
	// nobody says how many, and a picture that contradicts Limits.Bits.
	ErrDepth = errors.New("radiograph: significant bits")
)

const (
	// DefaultMaxPixels is the MaxPixels of zero Limits: 64 Mi pixels, four times
	// what the largest digital radiography detectors deliver.
	DefaultMaxPixels = 64 << 20
	// MaxSide is the longest side, in pixels, that is ever decoded: what a JPEG
	// can hold.
	MaxSide = 1<<16 - 1
	// MinSide is the shortest side, in pixels, of a picture that is accepted.
	MinSide = 16
)

// Limits bound what Decode takes on. The zero value is ready for use.
type Limits struct {
	// MaxPixels is the largest width times height; 0 or less is DefaultMaxPixels.
	// It bounds memory and time as well: decoding takes at most about eight bytes,
	// and passes over sixteen samples, for each pixel of the limit. A picture that
	// needs more because of how it is coded (a progressive JPEG, for one) is
	// ErrTooLarge at a smaller size.
	MaxPixels int
	// MaxMemory is the most bytes that decoding a picture and holding it in grey may take; 0 is what MaxPixels
	// implies. A picture that needs more is ErrTooLarge.
	MaxMemory int64
	// TIFF and WebP switch these formats on. Few need them, so they are off unless
	// asked for.
	TIFF, WebP bool
	// Target is the size that the picture will be resized to, where that is known and a
	// slightly different result is all right. A JPEG of grey or YCbCr is then decoded straight to
	// 1/2, 1/4 or 1/8 of its size as long as it stays twice the target's either way; see
	// Picture.Reduced. The zero Target decodes all pixels.
	Target image.Point
	// Bits is how many bits of a picture's samples are significant, from 8 to 16, in the low bits of
	// samples of 16. It is needed for pictures of 16 bits that have fewer and do not say so (ErrDepth).
	// A picture whose samples are not of that kind is ErrDepth. 0 leaves it to the file.
	Bits int
	// Generic has pictures decoded by plain Go, without assembly. They are the same.
	Generic bool
}

// Picture is a decoded picture.
type Picture struct {
	// Image is an *image.Gray16 where the file held samples of 16 bits that are not those of an
	// 8-bit picture, scaled to the full range, and an *image.Gray otherwise, upright: an orientation in the file's EXIF data has been
	// applied. Its bounds start at the origin.
	Image image.Image
	// Format is the file's format: "jpeg", "png", "bmp", "dicom", "tiff" or "webp".
	Format string
	// Width and Height are the size in pixels as stored, before orientation.
	Width, Height int
	// Reduced is 1, or the 2, 4 or 8 by which Image is smaller than the picture either
	// way. A pixel of Image is then the mean of a square of pixels, and the last column
	// and row, where the size is no multiple, are only partly the picture's: it takes
	// up Width/Reduced x Height/Reduced pixels of Image, which is what
	// resample.Resizer.BilinearExtent wants to know. A picture that has to be turned is not
	// reduced.
	Reduced int
	// Warnings say what was noticed about the picture or done to it, each a code,
	// a colon and a sentence: "alpha", "aspect", "colour", "contrast",
	// "damaged", "depth", "orientation", "pages", "small", and of DICOM files also "burned-in", "for-processing", "lossy",
	// "padding", "polarity", "window". "damaged" says that a file could be
	// read to its end but holds more than it should, so that the picture may not be the one
	// that was sent.
	Warnings []string
	// Shown is how a DICOM file's samples became greys, without its Image; nil for other formats.
	Shown *film.Shown
	// PixelAspect is the height of a pixel of Image divided by its width: 1, but for DICOM files that say otherwise.
	PixelAspect float64
}

// Release lets a later picture have the memory of this one. It may be called once, after the last use of Image, or not at
// all.
func (p *Picture) Release() {
	pixels.Release(p.Image)
	p.Image = nil
}

// codec is one supported format.
type codec struct {
	name string
	// read checks the file's structure as far as it can without decoding pixels, in a time that
	// grows with the file's length alone. MaxPixels of the limits is set; the caller checks the
	// size against it.
	read func(data []byte, limits Limits) (header, error)
	// decode decodes a file whose header has been checked. It looks at ctx every few
	// milliseconds and returns its cause when it has ended.
	decode func(ctx context.Context, data []byte, h header) (decoded, error)
}

// header is what is known of a picture before its pixels are decoded.
type header struct {
	width, height int
	memory        int64 // bytes that decoding it and holding the grey picture take at most
	work          int64 // time that decoding takes, in nanoseconds of an ordinary core; 0 for a usual amount
	leastBytes    int64 // no file shorter than this can hold such a picture
	orientation   int   // EXIF's 1 to 8, 0 if unknown
	pages         int   // how many pictures the file holds, where it may hold several
	target        image.Point
	bits          int            // of Limits
	storedBits    int            // bits of a sample where these are 9 to 15, else 0
	fileBits      int            // significant bits of 16-bit samples as the file states them, else 0
	jpeg          *lumajpeg.File // of JPEG files
	film          *film.Film     // of DICOM files
}

func (h header) told() told { return told{caller: h.bits, stored: h.storedBits, file: h.fileBits} }

func (h header) pixels() int64 { return int64(h.width) * int64(h.height) }

// decoded is a picture in grey as it is stored, not yet turned.
type decoded struct {
	grey    image.Image // *image.Gray or *image.Gray16, its bounds from the origin
	seen    seen
	reduced int // 2, 4 or 8 when grey is that much smaller than the picture, else 0
	// inverted says of 16-bit samples that 0 is white; their depth is settled first.
	inverted bool
	shown    *film.Shown // of DICOM files, whose greys are settled
}

// bytesPerPixel is the memory that decoding may take for each pixel of
// Limits.MaxPixels.
const bytesPerPixel = 8

// tables is what a decoder may take beside, whatever the picture's size.
const tables = 1 << 20

// Header is what a file's headers say of its picture.
type Header struct {
	// Format is as in Picture.
	Format string
	// Width and Height are the size in pixels as stored.
	Width, Height int
	// Memory is the most bytes that decoding and then holding the grey picture take, beside the
	// file's own.
	Memory int64
	// Work is about how long decoding will take, in nanoseconds of an ordinary core.
	Work int64
	// Film is what a DICOM file says of itself, nil for other formats.
	Film *film.Film

	codec  *codec
	header header
}

// Inspect reads the headers of a file, and nothing that costs memory or much time. Its errors
// are those of Decode that can be told so early, and a file that it accepts is within the
// limits.
func Inspect(data []byte, limits Limits) (Header, error) {
	if limits.MaxPixels <= 0 {
		limits.MaxPixels = DefaultMaxPixels
	}
	c, err := sniff(data, limits)
	if err != nil {
		return Header{}, err
	}
	h, err := c.read(data, limits)
	if err != nil {
		return Header{}, fmt.Errorf("%s: %w", c.name, err)
	}
	if err := h.check(int64(len(data)), limits); err != nil {
		return Header{}, fmt.Errorf("%s: %w", c.name, err)
	}
	h.target, h.bits = limits.Target, limits.Bits
	if h.work == 0 {
		h.work = usualWork*h.pixels() + int64(len(data))
	}
	return Header{Format: c.name, Width: h.width, Height: h.height, Memory: h.memory, Work: h.work, Film: h.film, codec: c, header: h}, nil
}

// usualWork is the nanoseconds that decoding a pixel takes where a codec knows no better.
const usualWork = 10

// Decode decodes a picture of grey or colour and returns it in grey. Colour becomes
// ITU-R 601 luma as in Pillow's convert("L"); transparency is composited over black,
// the colour of air in a radiograph. Errors wrap ErrNotPicture, ErrTooLarge,
// ErrUnknownFormat, ErrNotRadiograph or ErrDepth, or are the context's cause: decoding stops within
// milliseconds when ctx ends, but for that of a lossy WebP picture, which goes on to its last pixel, for
// about as long as Header.Work says.
func Decode(ctx context.Context, data []byte, limits Limits) (*Picture, error) {
	h, err := Inspect(data, limits)
	if err != nil {
		return nil, err
	}
	return h.Decode(ctx, data)
}

// Decode is the function of that name, for the file that was inspected.
func (h Header) Decode(ctx context.Context, data []byte) (*Picture, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	d, err := h.codec.decode(ctx, data, h.header)
	if ctx.Err() != nil {
		// A decoder that was stopped may have called the file damaged.
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Format, err)
	}
	if d.shown == nil {
		if err := d.settle(ctx, h.header.told()); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Format, err)
		}
	}
	if err := checkContrast(d.grey, &d.seen); err != nil {
		return nil, fmt.Errorf("%s: %w", h.Format, err)
	}
	turned := upright(d.grey, h.header.orientation)
	if turned != d.grey {
		pixels.Release(d.grey)
	}
	p := &Picture{
		Image:  turned,
		Format: h.Format, Width: h.Width, Height: h.Height,
		Reduced:  max(d.reduced, 1),
		Warnings: h.header.warnings(d.seen),

		PixelAspect: 1,
	}
	if d.shown != nil {
		p.Shown = d.shown
		p.Shown.Image = nil
		if p.PixelAspect = h.Film.Aspect(); swapsAxes(h.header.orientation) {
			p.PixelAspect = 1 / p.PixelAspect
		}
		p.Warnings = slices.Concat(h.Film.Warnings(), d.shown.Warnings, p.Warnings)
	}
	return p, nil
}

// interruptible is a reader of data that fails when ctx has ended, for decoders that know
// nothing of contexts.
func interruptible(ctx context.Context, data []byte) io.Reader {
	return &contextReader{ctx, bytes.NewReader(data)}
}

type contextReader struct {
	ctx  context.Context
	data *bytes.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.data.Read(p)
}

// settle brings 16-bit samples to the full range; see settleDepth.
func (d *decoded) settle(ctx context.Context, t told) (err error) {
	deep, ok := d.grey.(*image.Gray16)
	switch {
	case ok:
		d.grey, d.seen.depth, err = settleDepth(ctx, deep, t)
		if err == nil && d.inverted {
			invert(d.grey)
		}
		return err
	case t.caller > 8:
		return fmt.Errorf("%w: bits=%d, but the file's samples have no more than 8", ErrDepth, t.caller)
	}
	return nil
}

// invert makes white of black, in place.
func invert(picture image.Image) {
	var pix []uint8
	switch p := picture.(type) {
	case *image.Gray:
		pix = p.Pix
	case *image.Gray16:
		pix = p.Pix
	}
	for i, v := range pix {
		pix[i] = ^v
	}
}

// check holds a picture's header against the limits and the file's own length.
func (h header) check(fileBytes int64, limits Limits) error {
	maxPixels := int64(limits.MaxPixels)
	maxMemory := bytesPerPixel*maxPixels + tables
	if limits.MaxMemory > 0 {
		maxMemory = min(maxMemory, limits.MaxMemory)
	}
	switch {
	case h.width < 1 || h.height < 1:
		return fmt.Errorf("%w: %d x %d pixels", ErrNotPicture, h.width, h.height)
	case h.width > MaxSide || h.height > MaxSide:
		return fmt.Errorf("%w: %d x %d pixels, at most %d a side", ErrTooLarge, h.width, h.height, MaxSide)
	case h.pixels() > maxPixels:
		return fmt.Errorf("%w: %d x %d pixels, at most %d in all", ErrTooLarge, h.width, h.height, maxPixels)
	case h.memory > maxMemory:
		return fmt.Errorf("%w: %d x %d pixels as coded take %d bytes to decode, at most %d", ErrTooLarge, h.width, h.height, h.memory, maxMemory)
	case fileBytes < h.leastBytes:
		return fmt.Errorf("%w: %d bytes cannot hold %d x %d pixels", ErrNotPicture, fileBytes, h.width, h.height)
	case h.width < MinSide || h.height < MinSide:
		return fmt.Errorf("%w: %d x %d pixels, at least %d a side", ErrNotRadiograph, h.width, h.height, MinSide)
	}
	return nil
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }
