package model

import (
	"fmt"
	"image"
)

// Prepare makes the network's picture of a grey one, *image.Gray or *image.Gray16: [Height][Width], 8 bits a pixel, as
// in training. The window of a [Preparation] is not in it yet: [Model.Gate] sees the picture as it is, and [Model.Infer]
// looks through the window by itself. Errors wrap ErrPicture.
func (m *Model) Prepare(img image.Image) ([]uint8, error) {
	size := img.Bounds().Size()
	return m.PrepareReduced(nil, img, float64(size.X), float64(size.Y))
}

// PrepareReduced is Prepare for a picture that was decoded at a fraction of its size: it takes up width x height pixels
// of img, the last column and row perhaps in part. The result is in the memory of to, if that is large enough.
func (m *Model) PrepareReduced(to []uint8, img image.Image, width, height float64) ([]uint8, error) {
	p := m.description.Preparation
	n := p.Width * p.Height
	if cap(to) < n {
		to = make([]uint8, n)
	}
	out := to[:n]
	if err := m.resizer.BilinearExtent(out, p.Width, p.Height, img, width, height); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	return out, nil
}
