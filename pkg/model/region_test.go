package model_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// TestTheRegionIsWhereThePictureIs: what is bright at a place of the film is bright at that place of the region in the prepared picture.
func TestTheRegionIsWhereThePictureIs(t *testing.T) {
	m := testmodel.Steps(t, 4)
	p := m.Description().Preparation
	region := p.Region()
	for _, size := range []image.Point{{400, 400}, {900, 300}, {300, 900}} {
		for _, at := range [][2]float64{{0.1, 0.1}, {0.5, 0.3}, {0.9, 0.85}} { // shares of the film
			film := image.NewGray(image.Rectangle{Max: size})
			for y := range size.Y {
				for x := range size.X {
					u, v := (float64(x)+.5)/float64(size.X)-at[0], (float64(y)+.5)/float64(size.Y)-at[1]
					if math.Abs(u) < 0.08 && math.Abs(v) < 0.08 {
						film.SetGray(x, y, color.Gray{Y: 255})
					}
				}
			}
			prepared, err := m.Prepare(film)
			if err != nil {
				t.Fatal(err)
			}
			var sum, sx, sy float64
			for i, grey := range prepared {
				sum += float64(grey)
				sx += float64(grey) * (float64(i%p.Width) + .5) / float64(p.Width)
				sy += float64(grey) * (float64(i/p.Width) + .5) / float64(p.Height)
			}
			x, y := region.X+region.Width*sx/sum, region.Y+region.Height*sy/sum
			if math.Abs(x-at[0]) > 0.01 || math.Abs(y-at[1]) > 0.01 {
				t.Errorf("%v: what is at %v of the film is at %.3f, %.3f of the region", size, at, x, y)
			}
		}
	}
}
