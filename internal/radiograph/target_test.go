package radiograph

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/resample"
)

func TestTargetSaysHowFarToReduce(t *testing.T) {
	for _, c := range []struct {
		name    string
		data    []byte
		target  image.Point
		reduced int
		size    image.Point
	}{
		{"no target", asJPEG(t, greyRamp()), image.Point{}, 1, image.Pt(120, 104)},
		{"no height", asJPEG(t, greyRamp()), image.Pt(10, 0), 1, image.Pt(120, 104)},
		{"too large a target", asJPEG(t, greyRamp()), image.Pt(31, 20), 1, image.Pt(120, 104)},
		{"half", asJPEG(t, greyRamp()), image.Pt(30, 26), 2, image.Pt(60, 52)},
		{"the height decides", asJPEG(t, greyRamp()), image.Pt(2, 14), 2, image.Pt(60, 52)},
		{"quarter", asJPEG(t, greyRamp()), image.Pt(15, 13), 4, image.Pt(30, 26)},
		{"eighth", asJPEG(t, greyRamp()), image.Pt(1, 1), 8, image.Pt(15, 13)},
		{"odd size", fixture(t, "grey.jpg"), image.Pt(5, 4), 4, image.Pt(12, 10)},
		{"colour", fixture(t, "colour_420.jpg"), image.Pt(5, 4), 4, image.Pt(12, 10)},
		{"progressive", fixture(t, "grey_progressive.jpg"), image.Pt(5, 4), 4, image.Pt(12, 10)},
		{"cmyk", fixture(t, "cmyk.jpg"), image.Pt(5, 4), 1, image.Pt(45, 37)},
		{"png", asPNG(t, greyRamp()), image.Pt(5, 4), 1, image.Pt(120, 104)},
		{"turned", withJPEGSegment(t, greyRamp(), 0xe1, append([]byte("Exif\x00\x00"), orientationTIFF(binary.BigEndian, 6)...)), image.Pt(5, 4), 1, image.Pt(104, 120)},
	} {
		full, err := Decode(context.Background(), c.data, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		p, err := Decode(context.Background(), c.data, Limits{Target: c.target})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if p.Reduced != c.reduced || p.Image.Bounds() != (image.Rectangle{Max: c.size}) {
			t.Errorf("%s: 1/%d with bounds %v, want 1/%d with %v", c.name, p.Reduced, p.Image.Bounds(), c.reduced, c.size)
		}
		if p.Width != full.Width || p.Height != full.Height || len(p.Warnings) != len(full.Warnings) {
			t.Errorf("%s: %d x %d with %q, want %d x %d with %q", c.name, p.Width, p.Height, p.Warnings, full.Width, full.Height, full.Warnings)
		}
		// These are all detail; real pictures are closer, see TestReducedOriginals.
		if worst, mean := resizedApart(t, p, full, image.Pt(8, 7)); worst > 5 || mean > 1.5 {
			t.Errorf("%s: resized they differ by %d at worst, %.2f on average", c.name, worst, mean)
		}
	}
}

// resizedApart is how far two pictures are apart once resized, in grey levels.
func resizedApart(t testing.TB, a, b *Picture, size image.Point) (worst int, mean float64) {
	t.Helper()
	resize := func(p *Picture) []uint8 {
		out := make([]uint8, size.X*size.Y)
		w, h := float64(p.Width)/float64(p.Reduced), float64(p.Height)/float64(p.Reduced)
		if p.Reduced == 1 {
			w, h = float64(p.Image.Bounds().Dx()), float64(p.Image.Bounds().Dy())
		}
		if err := (resample.Resizer{}).BilinearExtent(out, size.X, size.Y, p.Image, w, h); err != nil {
			t.Fatal(err)
		}
		return out
	}
	p, q := resize(a), resize(b)
	sum := 0
	for i := range p {
		d := max(int(p[i])-int(q[i]), int(q[i])-int(p[i]))
		worst, sum = max(worst, d), sum+d
	}
	return worst, float64(sum) / float64(len(p))
}

// TestGenericReachesTheDecoder: no other format has assembly.
func TestGenericReachesTheDecoder(t *testing.T) {
	for _, generic := range []bool{false, true} {
		h, err := Inspect(fixture(t, "colour_420.jpg"), Limits{Generic: generic})
		if err != nil || h.header.jpeg.Generic != generic {
			t.Errorf("%v: %v, %v", generic, h.header.jpeg.Generic, err)
		}
	}
}

func TestTargetRefusesTheSame(t *testing.T) {
	for _, name := range []string{"grey.jpg", "colour_420.jpg", "restart.jpg"} {
		file := fixture(t, name)
		for n := range file {
			if _, err := Decode(context.Background(), file[:n], Limits{Target: image.Pt(8, 8)}); !errors.Is(err, ErrNotPicture) {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, n, len(file), err)
			}
		}
	}
}

// TestReducedOriginals says what decoding at a fraction of the size does to the picture
// that a network of 100 x 100 sees.
func TestReducedOriginals(t *testing.T) {
	target := image.Pt(100, 100)
	counts, means, worsts := map[int]int{}, map[int]float64{}, map[int]int{}
	list := files(t, filepath.Join(shared(t, "originals"), "*", "*.jpeg"))
	for i := 0; i < len(list); i += stride {
		path := list[i]
		data := read(t, path)
		full, err := Decode(context.Background(), data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(context.Background(), data, Limits{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		worst, mean := resizedApart(t, p, full, target)
		counts[p.Reduced]++
		means[p.Reduced] += mean
		worsts[p.Reduced] = max(worsts[p.Reduced], worst)
		if mean > 0.5 {
			t.Errorf("%s at 1/%d: mean difference %.3f", filepath.Base(path), p.Reduced, mean)
		}
	}
	for reduced, n := range counts {
		t.Logf("1/%d: %d pictures, mean difference %.3f of 255, worst pixel %d", reduced, n, means[reduced]/float64(n), worsts[reduced])
	}
}
