package radiograph

import (
	"image"
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

func origin(r image.Rectangle) image.Rectangle { return image.Rect(0, 0, r.Dx(), r.Dy()) }

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
