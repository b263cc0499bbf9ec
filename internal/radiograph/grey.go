package radiograph

import (
	"fmt"
	"image"
	"image/color"
)

// seen is what was noticed while a picture was made grey.
type seen struct {
	coloured    int64 // pixels, or chroma samples, that are visibly not grey
	of          int64 // of how many
	transparent bool
	depth       string // what was done about the samples' depth, as a warning
	damage      string // what was left over in the file, or is as in no sound one
	span        int    // levels of 256 between the darkest and the lightest pixel looked at
}

// visible is the difference between channels, of 255, from which a pixel counts as
// coloured. Grey pictures saved as colour JPEG stay well below.
const visible = 16

func (s *seen) rgb(r, g, b uint32) {
	s.of++
	if max(r, g, b)-min(r, g, b) > visible {
		s.coloured++
	}
}

// luma is ITU-R 601's weighted sum in the whole-number form that Pillow uses.
func luma(r, g, b uint32) uint8 { return uint8((r*19595 + g*38470 + b*7471 + 0x8000) >> 16) }

// over composites a grey pixel over black.
func over(v uint8, alpha uint32) uint8 { return uint8((uint32(v)*alpha + 127) / 255) }

// toGrey converts what the decoders return. Bounds of the result start at the origin. Samples of 16 bits stay on the scale
// that they came in.
func toGrey(picture image.Image, t told) (image.Image, seen, error) {
	var s seen
	switch p := picture.(type) {
	case *image.Gray:
		return &image.Gray{Pix: p.Pix, Stride: p.Stride, Rect: origin(p.Rect)}, s, nil
	case *image.Gray16:
		return &image.Gray16{Pix: p.Pix, Stride: p.Stride, Rect: origin(p.Rect)}, s, nil
	case *image.YCbCr:
		return s.luminance(p), s, nil
	case *image.NYCbCrA:
		grey := s.luminance(&p.YCbCr)
		for y := range p.Rect.Dy() {
			row, alpha := grey.Pix[y*grey.Stride:][:p.Rect.Dx()], p.A[y*p.AStride:][:p.Rect.Dx()]
			for x, a := range alpha {
				s.transparent = s.transparent || a != 255
				row[x] = over(row[x], uint32(a))
			}
		}
		return grey, s, nil
	case *image.Paletted:
		return s.paletted(p), s, nil
	case *image.RGBA:
		return s.rows(p.Rect, p.Pix, p.Stride, 4, func(c []byte) uint8 {
			s.rgb(uint32(c[0]), uint32(c[1]), uint32(c[2]))
			s.transparent = s.transparent || c[3] != 255
			return luma(uint32(c[0]), uint32(c[1]), uint32(c[2]))
		}), s, nil
	case *image.NRGBA:
		return s.rows(p.Rect, p.Pix, p.Stride, 4, s.straight), s, nil
	case *image.RGBA64:
		// Multiplied by its alpha, as it is to be over black.
		grey := s.deepRows(p.Rect, p.Pix, p.Stride, true, t)
		return grey, s, nil
	case *image.NRGBA64:
		grey := s.deepRows(p.Rect, p.Pix, p.Stride, false, t)
		return grey, s, nil
	case *image.CMYK:
		return s.rows(p.Rect, p.Pix, p.Stride, 4, func(c []byte) uint8 {
			r, g, b := color.CMYKToRGB(c[0], c[1], c[2], c[3])
			s.rgb(uint32(r), uint32(g), uint32(b))
			return luma(uint32(r), uint32(g), uint32(b))
		}), s, nil
	}
	return nil, s, fmt.Errorf("%w: pixels of type %T", ErrUnknownFormat, picture)
}

func origin(r image.Rectangle) image.Rectangle { return image.Rect(0, 0, r.Dx(), r.Dy()) }

// straight converts a pixel whose colour is not multiplied by its alpha yet.
func (s *seen) straight(c []byte) uint8 {
	return s.over(uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3]))
}

// over is the luma of a pixel of 8-bit samples over black.
func (s *seen) over(r, g, b, a uint32) uint8 {
	v := luma(r, g, b)
	if a != 255 {
		s.transparent = true
		v = over(v, a)
	}
	if a != 0 {
		s.rgb(r, g, b)
	}
	return v
}

func (s *seen) rows(r image.Rectangle, pix []byte, stride, pixelBytes int, convert func([]byte) uint8) *image.Gray {
	grey := image.NewGray(origin(r))
	for y := range r.Dy() {
		row := pix[y*stride:][:r.Dx()*pixelBytes]
		out := grey.Pix[y*grey.Stride:][:r.Dx()]
		for x := range out {
			out[x] = convert(row[x*pixelBytes:][:pixelBytes])
		}
	}
	return grey
}

// luminance takes a YCbCr picture's Y plane as it is. Pillow goes to RGB and back,
// which gives the same but for rounding, by a level, and for colours beyond RGB,
// which it clips; TestColourJPEGLikePillow says how far that goes.
func (s *seen) luminance(p *image.YCbCr) *image.Gray {
	size := p.Rect.Size()
	// The chroma planes hold a sample for several pixels, or for one.
	last := p.COffset(p.Rect.Max.X-1, p.Rect.Max.Y-1)
	width := p.COffset(p.Rect.Max.X-1, p.Rect.Min.Y) - p.COffset(p.Rect.Min.X, p.Rect.Min.Y) + 1
	for from := p.COffset(p.Rect.Min.X, p.Rect.Min.Y); from <= last; from += p.CStride {
		for i := from; i < from+width; i++ {
			s.of++
			if off(p.Cb[i]) > visible/2 || off(p.Cr[i]) > visible/2 {
				s.coloured++
			}
		}
	}
	return &image.Gray{Pix: p.Y[p.YOffset(p.Rect.Min.X, p.Rect.Min.Y):], Stride: p.YStride, Rect: image.Rect(0, 0, size.X, size.Y)}
}

// off is a chroma sample's distance from grey.
func off(chroma byte) int { return max(int(chroma)-128, 128-int(chroma)) }

func (s *seen) paletted(p *image.Paletted) *image.Gray {
	type entry struct {
		grey                  uint8
		coloured, transparent bool
	}
	var table [256]entry
	for i, c := range p.Palette[:min(len(p.Palette), len(table))] {
		one := seen{}
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		table[i].grey = one.straight([]byte{n.R, n.G, n.B, n.A})
		table[i].coloured, table[i].transparent = one.coloured > 0, one.transparent
	}
	return s.rows(p.Rect, p.Pix, p.Stride, 1, func(c []byte) uint8 {
		e := table[c[0]]
		s.of++
		if e.coloured {
			s.coloured++
		}
		s.transparent = s.transparent || e.transparent
		return e.grey
	})
}
