package radiograph

import (
	"errors"
)

// deepSamples makes grey of pixels of 16-bit samples whose depth is not settled yet, on the scale that they came in.
type deepSamples struct {
	white  uint32 // the sample that is white, as far as is known
	opaque uint32 // the alpha that is opaque
	above  uint32 // bits of colour samples beyond white, if any are
	beyond uint32 // and of alpha beyond opaque
}

// errAboveWhite says that samples or their alpha go beyond what was taken for white or opaque; see deepSamples.widen.
var errAboveWhite = errors.New("radiograph: samples above white")

// newDeepSamples begins with what is told of the depth. Pixels may prove it wrong: then err tells, and widen gives the scale
// to read the picture on again.
func newDeepSamples(t told) deepSamples {
	white := uint32(sampleValues - 1)
	if n := t.bits(); n > 0 {
		white = 1<<n - 1
	}
	return deepSamples{white: white, opaque: white}
}

func (d *deepSamples) err() error {
	if d.above|d.beyond != 0 {
		return errAboveWhite
	}
	return nil
}

func (d deepSamples) widen() deepSamples {
	wide := deepSamples{white: d.white, opaque: d.opaque}
	if d.above != 0 {
		wide.white = sampleValues - 1
	}
	if d.beyond != 0 {
		wide.opaque = sampleValues - 1
	}
	return wide
}

// over is a pixel's luma over black. Where all samples are levels of 8 bits times 257, it is that of these levels, so that an
// 8-bit picture stays what it is in 16 bits.
func (d *deepSamples) over(s *seen, r, g, b, alpha uint32) uint32 {
	highest := max(r, g, b)
	if highest > d.white {
		d.above |= highest
	}
	if alpha > d.opaque {
		d.beyond |= alpha
	}
	if r == g && g == b && alpha == d.opaque {
		s.of++
		return r // its own luma
	}
	if alpha != 0 {
		s.of++
		if (highest-min(r, g, b))*255 > visible*d.white {
			s.coloured++
		}
	}
	if alpha != d.opaque {
		s.transparent = true
		if alpha == 0 {
			return 0
		}
	}
	if opaque := alpha == d.opaque; isLevel(r) && isLevel(g) && isLevel(b) && (opaque || d.opaque == sampleValues-1 && isLevel(alpha)) {
		v := luma(r&255, g&255, b&255)
		if !opaque {
			v = over(v, alpha&255)
		}
		return uint32(v) * 257
	}
	v := uint32((uint64(r)*19595 + uint64(g)*38470 + uint64(b)*7471 + 0x8000) >> 16)
	if alpha != d.opaque {
		v = uint32((uint64(v)*uint64(alpha) + uint64(d.opaque)/2) / uint64(d.opaque))
	}
	return v
}

func isLevel(sample uint32) bool { return sample>>8 == sample&255 }
