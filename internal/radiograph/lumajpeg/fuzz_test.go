package lumajpeg

import (
	"context"
	"errors"
	"image"
	"runtime"
	"testing"
)

const (
	fuzzPixels  = 1 << 16
	fuzzSamples = 16 * fuzzPixels
)

// FuzzDecode holds what is promised of any bytes: an error of a known kind or a whole picture,
// the same verdict at every size, and no more memory than was said.
func FuzzDecode(f *testing.F) {
	cases, _ := kinds(f)
	for _, c := range cases {
		f.Add(c.File)
	}
	for _, c := range golden(f) {
		f.Add(c.File)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data, fuzzSamples)
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooManyScans) {
				t.Fatal(err)
			}
			return
		}
		if file.Width*file.Height > fuzzPixels || file.LeastBytes() > int64(len(data)) {
			return
		}
		var full error
		for _, reduce := range []int{1, 2, 4, 8} {
			if reduce > 1 && !file.Luma() {
				break
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := file.Decode(context.Background(), reduce, 16)
			runtime.ReadMemStats(&after)
			if taken, most := after.TotalAlloc-before.TotalAlloc, file.Memory(reduce)+64<<10; taken > uint64(most) {
				t.Fatalf("%d bytes taken at 1/%d, said were %d", taken, reduce, most)
			}
			if reduce == 1 {
				full = err
			}
			if (err == nil) != (full == nil) {
				t.Fatalf("at 1/%d %v, whole %v", reduce, err, full)
			}
			if err != nil {
				if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrUnsupported) {
					t.Fatal(err)
				}
				continue
			}
			if p.Gray.Rect != image.Rect(0, 0, ceilDiv(file.Width, reduce), ceilDiv(file.Height, reduce)) || p.Coloured > p.Of {
				t.Fatalf("%v of %d x %d at 1/%d, %d of %d coloured", p.Gray.Rect, file.Width, file.Height, reduce, p.Coloured, p.Of)
			}
			_ = p.Gray.Pix[(p.Gray.Rect.Dy()-1)*p.Gray.Stride+p.Gray.Rect.Dx()-1]
			Release(p.Gray)
		}
	})
}

// FuzzLikeStandardLibrary compares sound files that both decode: the luma is the same but for
// the rounding of the inverse transform.
func FuzzLikeStandardLibrary(f *testing.F) {
	cases, _ := kinds(f)
	for _, c := range cases {
		f.Add(c.File)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data, fuzzSamples)
		if err != nil || !file.Luma() || file.Width*file.Height > fuzzPixels {
			return
		}
		p, err := file.Decode(context.Background(), 1, 16)
		if err != nil || p.Damage != "" {
			return
		}
		want, err := standard(data)
		if err != nil {
			return // libjpeg reads more than image/jpeg
		}
		if worst, mean := apart(t, p.Gray, want); worst > 2 {
			t.Fatalf("differs by %d at worst, %.3f on average", worst, mean)
		}
	})
}
