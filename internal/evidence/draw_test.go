package evidence

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
)

// TestDrawingsShowTheSign: vermillion where a cell speaks for the positive label, blue where against, full where it is strongest.
func TestDrawingsShowTheSign(t *testing.T) {
	m := theDefault(t)
	grey := slices.Repeat([]uint8{100}, 128*128)
	e := &Evidence{Activation: &Activation{Sum: [][]float64{{2, -2}, {0, 1}}}}
	e.draw(m, grey, 0.5)
	if len(e.Pictures) != 3 {
		t.Fatalf("%d pictures", len(e.Pictures))
	}
	for name, want := range map[string][4]color.RGBA{ // top left, top right, bottom left, bottom right
		"prepared":           {{100, 100, 100, 255}, {100, 100, 100, 255}, {100, 100, 100, 255}, {100, 100, 100, 255}},
		"activation_overlay": {{157, 97, 50, 255}, {50, 107, 139, 255}, {100, 100, 100, 255}, {128, 99, 75, 255}},
		"activation_map":     {{213, 94, 0, 255}, {0, 114, 178, 255}, {240, 240, 240, 255}, {227, 167, 120, 255}},
	} {
		i := slices.IndexFunc(e.Pictures, func(p Picture) bool { return p.Name == name })
		img, err := png.Decode(bytes.NewReader(e.Pictures[i].PNG))
		if err != nil || img.Bounds().Dx() != 128 || img.Bounds().Dy() != 128 {
			t.Fatalf("%s: %v, %v", name, img.Bounds(), err)
		}
		for at, c := range want {
			x, y := at%2*127, at/2*127
			if got := color.RGBAModel.Convert(img.At(x, y)); got != c {
				t.Errorf("%s: %v at %d, %d, expected %v", name, got, x, y, c)
			}
		}
		if want := map[bool]float64{true: 0, false: 2}[name == "prepared"]; e.Pictures[i].Scale != want {
			t.Errorf("%s: scale %v", name, e.Pictures[i].Scale)
		}
	}
	flat := &Evidence{Activation: &Activation{Sum: [][]float64{{0}}}}
	flat.draw(m, grey, 0.5)
	if img, err := png.Decode(bytes.NewReader(flat.Pictures[2].PNG)); err != nil || color.RGBAModel.Convert(img.At(5, 5)) != (color.RGBA{240, 240, 240, 255}) {
		t.Errorf("a map of nothing: %v", err)
	}
}

// TestAMapLiesOverTheFilmWhereItsRegionIs, and outside it the film stays as it is.
func TestAMapLiesOverTheFilmWhereItsRegionIs(t *testing.T) {
	o := &Occlusion{units: 2, span: 1, Fills: []Drops{{FillMean, [][]float64{{9, 9}, {9, 9}}}, {FillBlur, [][]float64{{2, -2}, {0, 1}}}}}
	film := image.NewGray(image.Rect(0, 0, 80, 60))
	for i := range film.Pix {
		film.Pix[i] = 100
	}
	towards, against, plain, weak := color.RGBA{157, 97, 50, 255}, color.RGBA{50, 107, 139, 255}, color.RGBA{100, 100, 100, 255}, color.RGBA{128, 99, 75, 255}
	for name, c := range map[string]struct {
		region model.Region
		want   map[image.Point]color.RGBA
	}{
		"all of it": {model.Region{Width: 1, Height: 1}, map[image.Point]color.RGBA{
			{0, 0}: towards, {39, 29}: towards, {40, 0}: against, {79, 29}: against, {0, 30}: plain, {40, 30}: weak, {79, 59}: weak,
		}},
		"its right half": {model.Region{X: 0.5, Width: 0.5, Height: 1}, map[image.Point]color.RGBA{
			{0, 0}: plain, {39, 0}: plain, {40, 0}: towards, {59, 29}: towards, {60, 0}: against, {79, 0}: against, {79, 59}: weak,
		}},
		"its middle": {model.Region{X: 0.25, Y: 0.25, Width: 0.5, Height: 0.5}, map[image.Point]color.RGBA{
			{19, 15}: plain, {20, 14}: plain, {20, 15}: towards, {59, 15}: against, {60, 15}: plain, {59, 44}: weak, {59, 45}: plain,
		}},
	} {
		drawn, scale := o.Over(film, c.region, FillBlur, 0.5)
		if drawn.Rect != film.Rect || scale != 2 {
			t.Errorf("%s: %v, scale %v", name, drawn.Rect, scale)
		}
		for at, want := range c.want {
			if got := drawn.RGBAAt(at.X, at.Y); got != want {
				t.Errorf("%s: %v at %v, expected %v", name, got, at, want)
			}
		}
	}
	if drawn, scale := o.Over(film, model.Region{Width: 1, Height: 1}, "none", 0.5); scale != 0 || drawn.RGBAAt(5, 5) != plain {
		t.Errorf("a fill that is not there: scale %v, %v", scale, drawn.RGBAAt(5, 5))
	}
}

// TestTheMapOverAFilmIsTheOneOverThePreparedPicture, for windows side by side and at half steps.
func TestTheMapOverAFilmIsTheOneOverThePreparedPicture(t *testing.T) {
	m := theDefault(t)
	p := m.Description().Preparation
	for _, positions := range []int{64, 225} {
		pixels := picture(m, 3)
		e := explain(t, m, pixels, Options{Positions: positions, Fill: FillBlur, Opacity: 0.5})
		i := slices.IndexFunc(e.Pictures, func(p Picture) bool { return p.Name == "occlusion_blur_overlay" })
		want, err := png.Decode(bytes.NewReader(e.Pictures[i].PNG))
		if err != nil {
			t.Fatal(err)
		}
		film := &image.Gray{Pix: pixels, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
		drawn, scale := e.Occlusion.Over(film, e.Region, FillBlur, 0.5)
		if scale != e.Pictures[i].Scale {
			t.Errorf("%d: scale %v, expected %v", positions, scale, e.Pictures[i].Scale)
		}
		for y := range p.Height {
			for x := range p.Width {
				if got, want := drawn.RGBAAt(x, y), color.RGBAModel.Convert(want.At(x, y)); got != want {
					t.Fatalf("%d: %v at %d, %d, expected %v", positions, got, x, y, want)
				}
			}
		}
	}
}

// TestWindowsThatOverlapAreAveraged where they do.
func TestWindowsThatOverlapAreAveraged(t *testing.T) {
	got := spread([][]float64{{1, 3}, {5, 7}}, 3, 3, 3, 3, 2)
	if want := []float64{1, 2, 3, 3, 4, 5, 5, 6, 7}; !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
}

func TestFillings(t *testing.T) {
	flat := slices.Repeat([]uint8{7}, 32*16)
	if got := blur(flat, 32, 16, 2, 1); !slices.Equal(got, flat) {
		t.Errorf("a flat picture is blurred to %v", got)
	}
	point := make([]uint8, 33*17)
	point[8*33+16] = 255
	got := blur(point, 33, 17, 1, 1)
	// Three means over 3 by 3 make a kernel of (1, 3, 6, 7, 6, 3, 1)/27 each way.
	kernel := [7]float64{1, 3, 6, 7, 6, 3, 1}
	for y := range 17 {
		for x := range 33 {
			want := 0.0
			if dy, dx := y-8+3, x-16+3; dy >= 0 && dy < 7 && dx >= 0 && dx < 7 {
				want = 255 * kernel[dy] * kernel[dx] / 729
			}
			if got[y*33+x] != uint8(want+0.5) {
				t.Errorf("%d, %d: %d, expected %.2f", x, y, got[y*33+x], want)
			}
		}
	}
	if got := filling(FillMean, []uint8{1, 2, 2, 2}, 2, 2); !slices.Equal(got, []uint8{2, 2, 2, 2}) {
		t.Errorf("mean: %v", got)
	}
	if got := filling(FillBlur, point, 33, 17); slices.Equal(got, filling(FillMean, point, 33, 17)) || got[8*33+16] == 0 {
		t.Error("the blurred copy is not one")
	}
}
