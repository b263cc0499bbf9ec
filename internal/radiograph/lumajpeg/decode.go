// Package lumajpeg decodes the luma of ordinary JPEG files, at their own size or
// smaller.
//
// It is for the common case and does only that: Huffman-coded sequential files
// of 8 bits (baseline, ITU-T T.81) with one grey component or YCbCr, in one scan,
// without a byte out of place. Whatever else there is, good or bad, is
// ErrFallback, which leaves the file to image/jpeg and its verdict. So a file that
// this package decodes is one that image/jpeg decodes, and the two differ in the
// rounding of the inverse transform only; see FuzzLikeStandardLibrary.
package lumajpeg

import (
	"errors"
	"fmt"
	"image"
	"sync"
)

// ErrFallback reports a file that is not of the kind decoded here, or that is
// damaged. Whether it is a picture is for a complete decoder to say.
var ErrFallback = errors.New("lumajpeg: left to a complete decoder")

// Picture is the luma of a decoded file.
type Picture struct {
	// Gray holds the luma. Its bounds start at the origin; its stride may be wider.
	// When reduced, a pixel is the mean of a square of pixels, and the last of a row
	// or column may reach beyond the picture's edge.
	Gray *image.Gray
	// ChromaBlocks is how many 8 x 8 blocks of chroma the file has, and
	// ColouredBlocks how many of them are on average further from grey than the
	// distance given to Decode.
	ChromaBlocks, ColouredBlocks int64
}

// pixels are the memory of released pictures.
var pixels sync.Pool

// newGray is a picture with any content.
func newGray(width, height int) *image.Gray {
	n := width * height
	pix, _ := pixels.Get().(*[]uint8)
	if pix == nil || cap(*pix) < n {
		pix = new([]uint8)
		*pix = make([]uint8, n)
	}
	return &image.Gray{Pix: (*pix)[:n], Stride: width, Rect: image.Rect(0, 0, width, height)}
}

// Release gives a picture's memory to the next one. The picture must not be used afterwards, nor released again.
func Release(p *image.Gray) {
	pixels.Put(&p.Pix)
}

// Decode decodes the luma of a JPEG file. The result is reduced to 1/reduce of the
// picture's width and height, rounded up; reduce is 1, 2, 4 or 8. Chroma is
// skipped, except that blocks whose mean differs from grey by more than colour
// levels of 255 are counted.
//
// At reduce 1 the pixels are those of libjpeg's default, accurate integer
// transform. Memory is bounded by the length of the file, 256 bytes of picture for
// a byte of it; holding the size against limits is the caller's.
//
// All errors wrap ErrFallback.
func Decode(data []byte, reduce, colour int) (*Picture, error) {
	if reduce != 1 && reduce != 2 && reduce != 4 && reduce != 8 {
		return nil, fmt.Errorf("%w: cannot reduce to 1/%d", ErrFallback, reduce)
	}
	d := pool.Get().(*decoder)
	defer func() {
		d.data = nil
		pool.Put(d)
	}()
	d.reset(data)
	if err := d.headers(); err != nil {
		return nil, err
	}
	return d.scan(reduce, colour)
}

var pool = sync.Pool{New: func() any { return new(decoder) }}

// decoder is a file and the memory to decode it with.
type decoder struct {
	file
	dc, ac  [2]huffman
	targets [64]target // of the luma's coefficients in zigzag order

	// segment is the entropy-coded data up to the next marker, free of stuffed
	// bytes, and overrun zeros after its end.
	segment []byte
}

// file is what is known of a file.
type file struct {
	data []byte
	at   int // of the next byte to look at

	width, height int
	components    [3]component
	count         int // of components
	jfif, rgb     bool
	interval      int // MCUs between restart markers, 0 without them
	quantizers    [4]quantizer
}

// component is one component of the frame.
type component struct {
	id         byte
	h, v       int // sampling factors
	quantizer  byte
	dcTo, acTo byte // destinations of its Huffman tables
}

// quantizer is a quantisation table in zigzag order.
type quantizer struct {
	defined bool
	step    [64]int32
}

// reset forgets the last file but keeps memory and Huffman tables, which the
// next file is likely to define alike.
func (d *decoder) reset(data []byte) {
	d.file = file{data: data}
	for i := range d.dc {
		d.dc[i].defined, d.ac[i].defined = false, false
	}
}

func fallback(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFallback, fmt.Sprintf(format, args...))
}
