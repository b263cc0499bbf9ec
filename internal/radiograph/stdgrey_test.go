package radiograph

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
)

// toGrey converts what the standard library's decoders return, for readers of our own to be held against. Bounds of the result start at the origin. Samples of 16 bits stay on the scale
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

// straight converts a pixel whose colour is not multiplied by its alpha yet.
func (s *seen) straight(c []byte) uint8 {
	return s.over(uint32(c[0]), uint32(c[1]), uint32(c[2]), uint32(c[3]))
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

// off is a chroma sample's distance from grey.
func off(chroma byte) int { return max(int(chroma)-128, 128-int(chroma)) }

// deepRows converts pixels of red, green, blue and alpha, 16 bits each.
func (s *seen) deepRows(r image.Rectangle, pix []byte, stride int, premultiplied bool, t told) *image.Gray16 {
	grey := image.NewGray16(origin(r))
	for d := newDeepSamples(t); ; d = d.widen() {
		*s = seen{}
		for y := range r.Dy() {
			row, out := pix[y*stride:][:8*r.Dx()], grey.Pix[y*grey.Stride:][:2*r.Dx()]
			for len(out) > 0 {
				alpha := uint32(binary.BigEndian.Uint16(row[6:]))
				if premultiplied {
					// What is left is to tell that there was some.
					s.transparent = s.transparent || alpha < d.opaque
					alpha = max(alpha, d.opaque)
				}
				v := d.over(s, uint32(binary.BigEndian.Uint16(row)), uint32(binary.BigEndian.Uint16(row[2:])), uint32(binary.BigEndian.Uint16(row[4:])), alpha)
				binary.BigEndian.PutUint16(out, uint16(v))
				row, out = row[8:], out[2:]
			}
		}
		if d.err() == nil {
			return grey
		}
	}
}
