// Package lumajpeg decodes JPEG files to grey, at their own size or smaller.
//
// It reads the Huffman-coded files of 8 bits of ITU-T T.81 that libjpeg reads:
// sequential and progressive, in one scan or many, with grey, YCbCr, RGB, CMYK or
// YCCK components and any sampling factors. There is one inverse transform for all
// of them, libjpeg's default, so that the same coefficients give the same samples
// however they were sent. Of YCbCr files the luma is the grey, as in libjpeg's own
// grey output, and chroma is read but not transformed.
//
// Damage that can be seen is never passed over: a file whose coefficients cannot be
// known is refused, and one of which all could be read but that holds more than it
// should is decoded with a word in Picture.Damage.
package lumajpeg

import (
	"errors"
	"fmt"
)

var (
	// ErrDamaged reports a file that is damaged or cut short.
	ErrDamaged = errors.New("damaged JPEG")
	// ErrUnsupported reports a file of a kind that is not decoded here.
	ErrUnsupported = errors.New("JPEG not supported")
	// ErrTooManyScans reports a file whose scans pass over the picture too often.
	ErrTooManyScans = errors.New("JPEG of too many scans")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// File is a JPEG file whose markers have been read, and none of its coefficients.
type File struct {
	// Width and Height are the picture's size in pixels.
	Width, Height int
	// EXIF is the body of the first APP1 segment that holds EXIF data, after its
	// prefix; nil if there is none.
	EXIF []byte
	// Generic may be set to have Decode use plain Go, without assembly. The samples are the same.
	Generic bool

	data        []byte
	progressive bool
	components  [4]component
	count       int // of components
	model       colourModel
	hMax, vMax  int // the largest sampling factors
	// An MCU is hMax x vMax blocks of pixels.
	mcusAcross, mcusDown int
	// buffered says that coefficients have to be kept until the last scan.
	buffered bool
	samples  int64

	jfif, adobe bool
	transform   byte // of the Adobe segment
}

// component is one component of the frame.
type component struct {
	id        byte
	h, v      int // sampling factors
	quantizer byte
	needed    bool // for the grey
	// width and height are the size in samples; across and down that in blocks,
	// and stride and rows that with the blocks that fill the last MCUs.
	width, height, across, down, stride, rows int
	// precision holds the lowest bit sent so far of each of the 64 coefficients, or
	// unsent.
	precision [64]byte
}

const unsent = 0xff

func (c *component) blocks() int64 { return int64(c.stride) * int64(c.rows) }

// Parse reads the markers from SOI to EOI. It checks that they make sense and that
// all coefficients are sent; maxSamples bounds the samples that the scans pass over
// in all. It takes time in proportion to the file's length and hardly any memory.
//
// Errors wrap ErrDamaged, ErrUnsupported or ErrTooManyScans.
func Parse(data []byte, maxSamples int64) (*File, error) {
	if len(data) < 2 || data[0] != 0xff || data[1] != markerSOI {
		return nil, damaged("no SOI marker")
	}
	f := &File{data: data}
	w := walker{data: data, at: 2}
	for {
		marker, body, _, err := w.next()
		if err != nil {
			return nil, err
		}
		if marker == markerEOI {
			break
		}
		if err := f.segment(marker, body); err != nil {
			return nil, err
		}
		if f.samples > maxSamples {
			return nil, fmt.Errorf("%w: they pass over more than %d samples", ErrTooManyScans, maxSamples)
		}
	}
	if f.count == 0 {
		return nil, damaged("no frame header")
	}
	for i := range f.components[:f.count] {
		for k, low := range f.components[i].precision {
			if low != 0 {
				return nil, damaged("incomplete: component %d lacks coefficient %d or its last bits", i, k)
			}
		}
	}
	return f, nil
}

// segment takes in what a marker segment says of the picture.
func (f *File) segment(marker byte, body []byte) error {
	switch {
	case marker == markerSOI:
		return damaged("two SOI markers")
	case marker >= markerSOF0 && marker <= markerSOF2:
		return f.frame(marker, body)
	case marker == markerSOF3:
		return unsupported("lossless coding")
	case marker >= markerSOF9 && marker <= markerSOF11:
		return unsupported("arithmetic coding")
	case marker == markerSOF55:
		return unsupported("JPEG-LS")
	case marker == markerDHP || marker == markerEXP || marker > markerSOF3 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG && marker != markerDAC:
		return unsupported("hierarchical, or differential lossless coding (marker %#x)", marker)
	case marker == markerJPG || marker >= markerJPG0 && marker < markerCOM:
		return unsupported("an extension of JPEG (marker %#x)", marker)
	case marker < markerSOF0:
		return damaged("marker %#x is none", marker)
	case marker == markerSOS:
		s, err := f.scanHeader(body)
		if err != nil {
			return err
		}
		f.account(&s)
	case marker == markerAPP0 && len(body) >= 14 && string(body[:5]) == "JFIF\x00":
		f.jfif = f.jfif || f.model == undecided
	case marker == markerAPP1 && f.EXIF == nil && len(body) > 6 && string(body[:6]) == "Exif\x00\x00":
		f.EXIF = body[6:]
	case marker == markerAPP14 && len(body) >= 12 && string(body[:5]) == "Adobe":
		if f.model == undecided {
			f.adobe, f.transform = true, body[11]
		}
	}
	return nil
}

// Luma tells whether the picture's grey is the first component as it is, which can be
// decoded at a fraction of its size.
func (f *File) Luma() bool {
	return f.model <= ycc && f.components[0].h == f.hMax && f.components[0].v == f.vMax
}

// Memory is the number of bytes that Decode takes at most, its result included.
func (f *File) Memory(reduce int) int64 {
	size := int64(8 / reduce)
	n := int64(decoderBytes)
	if f.Luma() {
		n += f.components[0].blocks() * size * size
	} else {
		n += int64(f.Width) * int64(f.Height)
	}
	for i := range f.components[:f.count] {
		c := &f.components[i]
		if c.needed && !f.Luma() {
			n += int64(1+8*c.v)*int64(c.stride)*8 + int64(f.hMax)*int64(c.stride)*8
		}
		if !f.buffered {
			continue
		}
		n += historyBytes * c.blocks()
		if c.needed {
			n += coefficientBytes * c.blocks()
		} else {
			n += meanBytes * c.blocks()
		}
	}
	return n
}

// Samples is how many samples all scans pass over, those that fill the last MCUs
// included: a measure of the time that Decode takes.
func (f *File) Samples() int64 { return f.samples }

// LeastBytes is a length below which no file can hold the coefficients.
func (f *File) LeastBytes() int64 {
	var blocks int64
	for i := range f.components[:f.count] {
		blocks += int64(f.components[i].across) * int64(f.components[i].down)
	}
	// A block takes at least a bit for its first coefficient, and one for the rest
	// unless runs of empty blocks are coded.
	if f.progressive {
		return blocks / 8
	}
	return blocks / 4
}
