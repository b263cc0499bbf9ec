package film

import (
	"math"

	"github.com/spikeray/spikeray/internal/dicom"
)

// maxAspect is the largest ratio of a pixel's sides that is believed.
const maxAspect = 10

// Aspect is the height of a stored pixel divided by its width: 1 for square ones, and where the object does not say. A model
// that squashes its picture to a fixed size needs no correction, since the squashed picture is the same; drawings do.
func (f *Film) Aspect() float64 {
	for _, tag := range []dicom.Tag{dicom.PixelSpacing, dicom.ImagerPixelSpacing, dicom.PixelAspectRatio} {
		sides, ok := f.Dataset.Floats(tag) // the height first: the distance between rows (PS3.3, 10.7.1.3 and C.7.6.3.1.7)
		if !ok || len(sides) != 2 || sides[0] <= 0 || sides[1] <= 0 {
			continue
		}
		ratio := sides[0] / sides[1]
		if math.Abs(ratio-1) < 1e-3 || ratio > maxAspect || ratio < 1.0/maxAspect {
			return 1
		}
		return ratio
	}
	return 1
}
