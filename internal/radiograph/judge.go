package radiograph

import (
	"fmt"
	"image"
)

const (
	// flat is the span of grey levels, of 255, up to which a picture is all one grey.
	// Coding and scanning one grey moves it by a level or two; the faintest
	// radiograph spans dozens.
	flat = 3
	// faint is the span below which a picture is warned about: fewer bits than its
	// format has room for were used, or it was washed out.
	faint = 64

	smallSide     = 100
	extremeAspect = 3
)

// checkContrast measures how many grey levels a picture spans, and stops as soon as
// that is enough. In 16 bits a span of one 8-bit level can be a whole 8-bit picture,
// so there only a picture of very nearly one value is all one grey.
func checkContrast(grey image.Image, s *seen) error {
	var darkest, lightest, levels int
	switch p := grey.(type) {
	case *image.Gray:
		darkest, lightest = span(p.Rect, p.Pix, p.Stride, 1, faint)
		levels = lightest - darkest
		s.span = levels
	case *image.Gray16:
		darkest, lightest = span(p.Rect, p.Pix, p.Stride, 2, faint*257)
		levels = lightest - darkest
		s.span = levels / 257
	}
	if levels <= flat {
		return fmt.Errorf("%w: all one grey", ErrNotRadiograph)
	}
	return nil
}

func span(r image.Rectangle, pix []byte, stride, pixelBytes, enough int) (darkest, lightest int) {
	darkest, lightest = 1<<16, -1
	for y := range r.Dy() {
		row := pix[y*stride:][:r.Dx()*pixelBytes]
		for x := 0; x < len(row); x += pixelBytes {
			v := int(row[x])
			if pixelBytes == 2 {
				v = v<<8 | int(row[x+1])
			}
			darkest, lightest = min(darkest, v), max(lightest, v)
		}
		if lightest-darkest >= enough {
			break
		}
	}
	return darkest, lightest
}

// warnings lists what a person should know about how the picture was read.
func (h header) warnings(s seen) []string {
	var list []string
	warn := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if s.damage != "" {
		warn("damaged: %s; the picture may not be the one that was sent", s.damage)
	}
	if h.orientation > 1 && h.film == nil {
		warn("orientation: EXIF orientation %d applied, which is unusual: radiographs do not come from cameras", h.orientation)
	}
	// A stray sample is noise; a label drawn in colour is not.
	if s.coloured*1000 > s.of {
		warn("colour: %.1f%% of the picture is coloured; luma was used", 100*float64(s.coloured)/float64(s.of))
	}
	if h.pages > 1 {
		warn("pages: the file holds %d pages; the first was read", h.pages)
	}
	if s.transparent {
		warn("alpha: transparent pixels composited over black")
	}
	if s.depth != "" {
		list = append(list, s.depth)
	}
	if s.span < faint {
		warn("contrast: grey levels span only %d of 255", s.span)
	}
	if h.width < smallSide || h.height < smallSide {
		warn("small: %d x %d pixels hold little detail", h.width, h.height)
	}
	if h.width > extremeAspect*h.height || h.height > extremeAspect*h.width {
		warn("aspect: %d x %d pixels is an unusual shape for a radiograph", h.width, h.height)
	}
	return list
}
