package radiograph

import (
	"context"
	"encoding/json"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestGreyLikePillow holds the grey of files that Pillow wrote against Pillow's own
// grey of them. They are equal but for lossy WebP, and for JPEGs of YCbCr, whose luma Pillow
// takes on the way over RGB.
func TestGreyLikePillow(t *testing.T) {
	var golden struct {
		Width, Height int
		Grey          map[string][]byte
	}
	if err := json.Unmarshal(fixture(t, "golden.json"), &golden); err != nil {
		t.Fatal(err)
	}
	tolerance := map[string]int{
		"grey.jpg": 0, "grey_progressive.jpg": 0,
		"colour_444.jpg": 2, "colour_422.jpg": 2, "colour_420.jpg": 2, "colour_progressive.jpg": 2, "restart.jpg": 2,
		"cmyk.jpg": 0, "rgb.jpg": 0,
		"lossless.webp": 0, "lossy.webp": 3, "alpha.webp": 3,
	}
	if len(golden.Grey) != len(tolerance) {
		t.Fatalf("%d fixtures, %d tolerances", len(golden.Grey), len(tolerance))
	}
	for name, want := range golden.Grey {
		t.Run(name, func(t *testing.T) {
			p, err := Decode(context.Background(), fixture(t, name), Limits{WebP: true})
			if err != nil {
				t.Fatal(err)
			}
			grey := p.Image.(*image.Gray)
			if grey.Rect != image.Rect(0, 0, golden.Width, golden.Height) {
				t.Fatalf("bounds %v", grey.Rect)
			}
			worst, sum := 0, 0
			for i, w := range want {
				got := int(grey.GrayAt(i%golden.Width, i/golden.Width).Y)
				d := max(got-int(w), int(w)-got)
				worst, sum = max(worst, d), sum+d
			}
			t.Logf("worst %d, mean %.3f", worst, float64(sum)/float64(len(want)))
			if worst > tolerance[name] {
				t.Errorf("differs from Pillow by %d levels, at most %d", worst, tolerance[name])
			}
			// Only the pictures of gentle colours carry a colour warning.
			if coloured := !strings.HasPrefix(name, "grey"); coloured != warned(p, "colour") {
				t.Errorf("warnings %q", p.Warnings)
			}
			if warned(p, "alpha") != strings.HasPrefix(name, "alpha") {
				t.Errorf("warnings %q", p.Warnings)
			}
		})
	}
}

func warned(p *Picture, code string) bool {
	for _, w := range p.Warnings {
		if strings.HasPrefix(w, code+": ") {
			return true
		}
	}
	return false
}
