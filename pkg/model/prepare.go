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

// Region is a rectangle of an upright film, in shares of its width and height from the top left corner.
type Region struct {
	X      float64 `json:"x"`
	Y      float64 `json:"y"`
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// Region is what of a film [Model.Prepare] takes: all of it, as it stretches a picture to the network's size and cuts nothing off.
func (p Preparation) Region() Region { return Region{Width: 1, Height: 1} }
