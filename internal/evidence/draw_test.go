package evidence

import (
	"bytes"
	"image/color"
	"image/png"
	"slices"
	"testing"
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
