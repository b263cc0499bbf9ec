package model

import (
	"fmt"
	"image"

	"github.com/spikeray/spikeray/internal/resample"
)

// Prepare makes the network's picture of a grey one, *image.Gray or *image.Gray16: [Height][Width], 8 bits a pixel, as
// in training. Errors wrap ErrPicture.
func (m *Model) Prepare(img image.Image) ([]uint8, error) {
	p := m.description.Preparation
	out := make([]uint8, p.Width*p.Height)
	if err := resample.Bilinear(out, p.Width, p.Height, img); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	return out, nil
}
