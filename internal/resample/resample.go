// Package resample resizes grey pictures exactly as Pillow does.
//
// The networks were trained on pictures that went through Pillow's
// Image.resize(size, Image.Resampling.BILINEAR), so the server has to prepare a
// picture in the same way: a triangle filter whose support grows with the
// reduction (antialiasing), one pass along the rows and one down the
// columns. For 8-bit pictures the result equals Pillow's bit for bit; all
// arithmetic that reaches a pixel is whole-number, so it is the same on every
// processor.
package resample

import (
	"errors"
	"fmt"
	"image"
	"sync"
)

// ErrSize reports a picture or a target without pixels, a target that does not
// match the slice it is to be written to, or a picture whose pixel slice is
// shorter than its bounds say.
var ErrSize = errors.New("resample: size")

// ErrType reports a picture that is neither *image.Gray nor *image.Gray16.
var ErrType = errors.New("resample: picture is neither *image.Gray nor *image.Gray16")

// maxSide bounds both sides of a picture and of the target. It keeps the sums of
// the passes within their 32 bits and is above what any decoder here delivers.
const maxSide = 1 << 20

// Resizer resizes pictures. The zero value is ready for use, by any number of goroutines at a time.
type Resizer struct {
	// Generic has the pixels made by plain Go, without assembly. They are the same.
	Generic bool
}

// Bilinear resizes src to dw x dh pixels and writes them to dst, row by row
// without gaps, so len(dst) must be dw*dh. The aspect is not kept.
//
// An *image.Gray gives what Pillow's resize((dw, dh), BILINEAR) gives for the
// same pixels in mode L, bit for bit (version 13; earlier ones always
// began with the rows, which differs by a level in pictures much taller than wide). An *image.Gray16 goes through the same
// filter, the rows rounded to 16 bits and the columns to the nearest of 256
// grey levels (65535 is 255). Sub-images are fine. Any other picture is ErrType.
//
// Bilinear allocates nothing once its scratch memory is warm. When it reduces the height, that memory is a few rows;
// otherwise it is at most the size of dst in pixels.
func (r Resizer) Bilinear(dst []uint8, dw, dh int, src image.Image) error {
	if src == nil {
		return fmt.Errorf("%w: none", ErrType)
	}
	return r.BilinearExtent(dst, dw, dh, src, float64(src.Bounds().Dx()), float64(src.Bounds().Dy()))
}

// BilinearExtent is Bilinear for a picture whose last column and row are only partly
// its own, as they are when a picture was reduced by a whole number that its size is
// no multiple of: it resizes the width x height pixels from its upper left corner.
// Both reach into the last column and row, or to their ends. It is Pillow's
// resize((dw, dh), BILINEAR, box=(0, 0, width, height)).
func (r Resizer) BilinearExtent(dst []uint8, dw, dh int, src image.Image, width, height float64) error {
	if dw < 1 || dh < 1 || dw > maxSide || dh > maxSide || len(dst)/dw != dh || len(dst)%dw != 0 {
		return fmt.Errorf("%w: target of %d x %d in %d bytes", ErrSize, dw, dh, len(dst))
	}
	var rows raster
	var err error
	switch picture := src.(type) {
	case *image.Gray:
		rows, err = newRaster(picture.Pix, picture.Stride, picture.Rect, 1)
	case *image.Gray16:
		rows, err = newRaster(picture.Pix, picture.Stride, picture.Rect, 2)
	default:
		return fmt.Errorf("%w: %T", ErrType, src)
	}
	if err != nil {
		return err
	}
	if !reaches(width, rows.width) || !reaches(height, rows.height) {
		return fmt.Errorf("%w: extent of %g x %g in a picture of %d x %d", ErrSize, width, height, rows.width, rows.height)
	}
	s := pool.Get().(*scratch)
	defer pool.Put(s)
	s.resize(r, dst, dw, dh, rows, width, height)
	return nil
}

// resize makes the picture, whose sizes were checked.
func (s *scratch) resize(r Resizer, dst []uint8, dw, dh int, rows raster, width, height float64) {
	s.assembly = hasTaps && !r.Generic
	s.take(dw, dh)
	s.across.compute(rows.width, dw, width, s.assembly)
	s.down.compute(rows.height, dh, height, false) // no line of it is taken through taps
	if rows.rowBytes == rows.width {
		s.resize8(dst, dw, rows)
	} else {
		s.resize16(dst, dw, rows)
	}
}

// reaches tells whether an extent ends in the last of n pixels. Not a number does not.
func reaches(extent float64, n int) bool { return extent > float64(n-1) && extent <= float64(n) }

// raster is a picture's pixels after its bounds were checked against them.
type raster struct {
	pix           []uint8
	stride        int
	rowBytes      int
	width, height int
}

func newRaster(pix []uint8, stride int, r image.Rectangle, pixelBytes int) (raster, error) {
	w, h := r.Dx(), r.Dy()
	if w < 1 || h < 1 || w > maxSide || h > maxSide {
		return raster{}, fmt.Errorf("%w: picture of %d x %d", ErrSize, w, h)
	}
	rowBytes := w * pixelBytes
	if stride < rowBytes || len(pix) < rowBytes || (len(pix)-rowBytes)/stride < h-1 {
		return raster{}, fmt.Errorf("%w: picture of %d x %d with stride %d in %d bytes", ErrSize, w, h, stride, len(pix))
	}
	return raster{pix: pix, stride: stride, rowBytes: rowBytes, width: w, height: h}, nil
}

func (r raster) row(y int) []uint8 { return r.pix[y*r.stride:][:r.rowBytes] }

var pool = sync.Pool{New: func() any { return new(scratch) }}

// scratch is what a call needs besides its picture and its target.
type scratch struct {
	assembly bool // may make pixels
	*axes
	kept  [2]axes  // of the last two sizes of targets: a picture is resized for the gate and for the network
	sums  []uint64 // running sums of a row of the target, when reducing the height
	sums2 []uint64
	bytes []uint8 // rows after the first pass
	words []uint16
	line  []uint16 // a row of the picture in the machine's own byte order
}

// axes are a target's.
type axes struct{ across, down axis }

// take makes ready the axes of a target, the last ones for its size or those of the size that was asked for before the last.
func (s *scratch) take(dw, dh int) {
	if s.axes != nil && s.across.m == dw && s.down.m == dh {
		return
	}
	if s.axes == &s.kept[0] {
		s.axes = &s.kept[1]
	} else {
		s.axes = &s.kept[0]
	}
}

// columnsFirst is Pillow's choice (version 13) of the pass to begin
// with. Both round to 8 bits, so the order can change a pixel by a level.
func (s *scratch) columnsFirst() bool {
	lost := s.down.n - s.down.m
	return lost > 0 && lost > 2*(s.across.n-s.across.m)
}

// sized returns a slice of n elements in the memory of s where that suffices.
// The elements are not cleared.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
