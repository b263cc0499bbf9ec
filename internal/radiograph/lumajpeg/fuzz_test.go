package lumajpeg

import (
	"context"
	"errors"
	"image"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph/pixels"
	"github.com/spikeray/spikeray/internal/testmodel"
)

const (
	fuzzPixels  = 1 << 16
	fuzzSamples = 16 * fuzzPixels
)

// fuzzFiles are files of all kinds, in one order.
func fuzzFiles(f *testing.F) (files [][]byte) {
	cases, _ := kinds(f)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		files = append(files, cases[name].File)
	}
	return files
}

// edited fuzzes files by short edits of them.
func edited(f *testing.F, files [][]byte, try func(*testing.T, []byte)) {
	tokens := []string{"\xff\xc0", "\xff\xc2", "\xff\xc4", "\xff\xd0", "\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xdb", "\xff\xdd", "\xff\x00", "\xff\xff"}
	for i := range files {
		f.Add(uint8(i), []byte{})
	}
	f.Add(uint8(0), []byte{2, 40, 1, 255, 1, 3, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		if len(edits) <= testmodel.MaxEdits {
			try(t, testmodel.Edited(files[int(which)%len(files)], edits, tokens))
		}
	})
}

// FuzzDecode holds what is promised of any bytes: an error of a known kind or a whole picture,
// the same verdict at every size, and no more memory than was said.
func FuzzDecode(f *testing.F) {
	files := fuzzFiles(f)
	for _, c := range golden(f) {
		files = append(files, c.File)
	}
	edited(f, files, func(t *testing.T, data []byte) {
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
			pixels.Release(p.Gray)
		}
	})
}

// FuzzLikePlainGo holds assembly against plain Go: the same samples, the same errors and damage.
func FuzzLikePlainGo(f *testing.F) {
	files := fuzzFiles(f)
	for _, c := range golden(f) {
		files = append(files, c.File)
	}
	edited(f, files, func(t *testing.T, data []byte) {
		file, err := Parse(data, fuzzSamples)
		if err != nil || file.Width*file.Height > fuzzPixels {
			return
		}
		for _, reduce := range []int{1, 2, 4, 8} {
			if reduce > 1 && !file.Luma() {
				break
			}
			file.Generic = false
			got, err := file.Decode(t.Context(), reduce, 16)
			file.Generic = true
			want, wantErr := file.Decode(t.Context(), reduce, 16)
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Fatalf("at 1/%d %v, in plain Go %v", reduce, err, wantErr)
			}
			if err != nil {
				continue
			}
			if got.Damage != want.Damage || digest(got) != digest(want) {
				t.Fatalf("at 1/%d other samples or damage (%q) than in plain Go (%q)", reduce, got.Damage, want.Damage)
			}
			pixels.Release(got.Gray)
			pixels.Release(want.Gray)
		}
	})
}

// FuzzLikeStandardLibrary compares sound files that both decode: the luma is the same but for
// the rounding of the inverse transform.
func FuzzLikeStandardLibrary(f *testing.F) {
	edited(f, fuzzFiles(f), func(t *testing.T, data []byte) {
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
