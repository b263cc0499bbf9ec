package lumajpeg

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// originals lists the real pictures that lie beside a checkout, and are never part
// of it.
func originals(t testing.TB) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "data", "originals", "*", "*.jpeg"))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Skip("no real pictures here: ../shared/data/originals is absent")
	}
	return list
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// standard is the luma that image/jpeg decodes.
func standard(data []byte) (*image.Gray, error) {
	p, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch p := p.(type) {
	case *image.Gray:
		return p, nil
	case *image.YCbCr:
		return &image.Gray{Pix: p.Y, Stride: p.YStride, Rect: p.Rect}, nil
	}
	return nil, fmt.Errorf("%T has no luma", p)
}

// apart returns the largest and the mean difference of two pictures of one size.
func apart(t testing.TB, a, b *image.Gray) (worst int, mean float64) {
	t.Helper()
	if a.Rect != b.Rect {
		t.Fatalf("bounds %v and %v", a.Rect, b.Rect)
	}
	sum := 0
	for y := range a.Rect.Dy() {
		p, q := a.Pix[y*a.Stride:][:a.Rect.Dx()], b.Pix[y*b.Stride:][:b.Rect.Dx()]
		for x := range p {
			d := max(int(p[x])-int(q[x]), int(q[x])-int(p[x]))
			worst, sum = max(worst, d), sum+d
		}
	}
	return worst, float64(sum) / float64(a.Rect.Dx()*a.Rect.Dy())
}

func TestOriginalsLikeStandardLibrary(t *testing.T) {
	list := originals(t)
	for i := 0; i < len(list); i += stride {
		path := list[i]
		data := read(t, path)
		p, err := decode(data, 1, 16)
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(path), err)
		}
		want, err := standard(data)
		if err != nil {
			t.Fatal(err)
		}
		if p.Damage != "" {
			t.Errorf("%s: %s", filepath.Base(path), p.Damage)
		}
		if worst, mean := apart(t, p.Gray, want); worst > 1 || mean > 0.1 {
			t.Errorf("%s: differs by %d at worst and %.3f on average", filepath.Base(path), worst, mean)
		}
	}
}

func BenchmarkOriginal(b *testing.B) {
	var data []byte
	for _, path := range originals(b) {
		d := read(b, path)
		c, err := jpeg.DecodeConfig(bytes.NewReader(d))
		if err != nil {
			b.Fatal(err)
		}
		if data == nil && c.Width > 1400 && c.Width < 1700 {
			data = d
			b.Logf("%d x %d, %d bytes", c.Width, c.Height, len(d))
		}
	}
	benchmark(b, data)
}

// BenchmarkProgressive decodes the progressive one of the originals.
func BenchmarkProgressive(b *testing.B) {
	for _, path := range originals(b) {
		data := read(b, path)
		if f, err := Parse(data, math.MaxInt64); err == nil && f.progressive {
			b.Logf("%d x %d, %d bytes", f.Width, f.Height, len(data))
			benchmark(b, data)
			return
		}
	}
	b.Skip("none of the originals is progressive")
}

func benchmark(b *testing.B, data []byte) {
	for _, reduce := range []int{1, 2, 4, 8} {
		b.Run(fmt.Sprintf("reduce=%d", reduce), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := decode(data, reduce, 16); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("image/jpeg", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
