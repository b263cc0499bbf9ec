package model

import (
	"fmt"
	"image"
)

// Prepare turns a grey picture, *image.Gray or *image.Gray16, into the network's input: [Height][Width], 8 bits a pixel,
// as in training. The window of a [Preparation] is not applied yet: [Model.Gate] takes the picture without it, and
// [Model.Infer] applies it. Errors wrap ErrPicture.
func (m *Model) Prepare(img image.Image) ([]uint8, error) {
	size := img.Bounds().Size()
	return m.PrepareReduced(nil, img, float64(size.X), float64(size.Y))
}

// PrepareReduced is Prepare for a picture that was decoded at a fraction of its size. The picture covers width x height
// pixels of img, where the last column and row may be covered in part. The result is written to the memory of to if that
// is large enough.
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
