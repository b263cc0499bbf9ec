package lumajpeg

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

type goldenCase struct {
	Name          string
	Width, Height int
	File          []byte
	Luma          map[int][]byte
}

func golden(t testing.TB) []goldenCase {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []goldenCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 10 {
		t.Fatalf("%d golden cases", len(file.Cases))
	}
	return file.Cases
}

// TestLikePillow expects libjpeg's own pixels at full size, and reduced its means of
// pixels but for rounding; nothing of a picture whose memory it takes over.
func TestLikePillow(t *testing.T) {
	for _, c := range golden(t) {
		for reduce, luma := range c.Luma {
			w, h := (c.Width+reduce-1)/reduce, (c.Height+reduce-1)/reduce
			p, err := Decode(c.File, reduce, 8)
			if err != nil {
				t.Errorf("%s at 1/%d: %v", c.Name, reduce, err)
				continue
			}
			want := &image.Gray{Pix: luma, Stride: w, Rect: image.Rect(0, 0, w, h)}
			worst, mean := apart(t, p.Gray, want)
			if reduce == 1 && worst > 0 || worst > 1 {
				t.Errorf("%s at 1/%d: differs by %d at worst, %.3f on average", c.Name, reduce, worst, mean)
			}
			for i := range p.Gray.Pix {
				p.Gray.Pix[i] = 0xaa
			}
			Release(p.Gray)
		}
	}
}

// TestReducedIsTheMean holds the reduced transforms against means of the exact
// inverse transform in floating point.
func TestReducedIsTheMean(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b block
		b.coefficient[0] = int16(random.IntN(800) - 400)
		b.last = random.IntN(64)
		for k := 1; k <= b.last; k++ {
			b.coefficient[zigzag[k]] = int16(random.IntN(80) - 40)
		}
		exact := inverse(&b)
		for _, reduce := range []int{1, 2, 4, 8} {
			n := 8 / reduce
			got := make([]byte, 64)
			transforms[reduce](got, n, &b)
			for i := range n * n {
				mean := 128.0
				for j := range reduce * reduce {
					mean += exact[(i/n*reduce+j/reduce)*8+i%n*reduce+j%reduce] / float64(reduce*reduce)
				}
				mean = min(max(mean, 0), 255)
				if d := math.Abs(float64(got[i]) - mean); d > 0.65 {
					t.Fatalf("at 1/%d sample %d is %d, exactly %.3f", reduce, i, got[i], mean)
				}
			}
		}
	}
}

// inverse is the definition of the inverse transform, ITU-T T.81 section A.3.3.
func inverse(b *block) (out [64]float64) {
	for i := range out {
		for k, c := range b.coefficient {
			u, v := k%8, k/8
			term := float64(c) / 4 * math.Cos(float64(2*(i%8)+1)*float64(u)*math.Pi/16) * math.Cos(float64(2*(i/8)+1)*float64(v)*math.Pi/16)
			for _, f := range []int{u, v} {
				if f == 0 {
					term /= math.Sqrt2
				}
			}
			out[i] += term
		}
	}
	return out
}

// synthetic draws something like a radiograph: smooth, with ribs and noise.
func synthetic(w, h int) *image.Gray {
	random := rand.New(rand.NewPCG(7, 9))
	p := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			u, v := float64(x)/float64(w)-0.5, float64(y)/float64(h)-0.5
			level := 200*math.Exp(-6*(u*u+v*v)) + 25*math.Sin(40*v+8*u*u) + 4*random.NormFloat64()
			p.SetGray(x, y, color.Gray{Y: uint8(min(max(level, 0), 255))})
		}
	}
	return p
}

func encoded(t testing.TB, p image.Image, quality int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLikeStandardLibrary(t *testing.T) {
	for _, quality := range []int{1, 20, 75, 95, 100} {
		data := encoded(t, synthetic(333, 217), quality)
		p, err := Decode(data, 1, 8)
		if err != nil {
			t.Fatal(err)
		}
		want, err := standard(data)
		if err != nil {
			t.Fatal(err)
		}
		if worst, mean := apart(t, p.Gray, want); worst > 1 || mean > 0.1 {
			t.Errorf("quality %d: differs by %d at worst, %.3f on average", quality, worst, mean)
		}
	}
}

func TestCountsColouredBlocks(t *testing.T) {
	p := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			c := color.RGBA{uint8(3*x + y), uint8(3*x + y), uint8(3*x + y), 255}
			if x < 16 {
				c = color.RGBA{200, 40, 40, 255}
			}
			p.SetRGBA(x, y, c)
		}
	}
	got, err := Decode(encoded(t, p, 90), 2, 8)
	if err != nil {
		t.Fatal(err)
	}
	// 4:2:0, so 16 blocks of each chroma; a quarter of the picture is red, which is far
	// from grey in both.
	if got.ChromaBlocks != 32 || got.ColouredBlocks != 8 {
		t.Errorf("%d of %d blocks coloured", got.ColouredBlocks, got.ChromaBlocks)
	}
}

// TestLeavesTheRest names what is not decoded here, good or bad.
func TestLeavesTheRest(t *testing.T) {
	good := encoded(t, synthetic(40, 30), 80)
	if _, err := Decode(good, 1, 8); err != nil {
		t.Fatal(err)
	}
	at := func(marker byte) int { return bytes.Index(good, []byte{0xff, marker}) }
	change := func(offset int, v byte) []byte {
		out := bytes.Clone(good)
		out[offset] = v
		return out
	}
	end := len(good) - 2
	cases := map[string][]byte{
		"nothing":                nil,
		"no SOI":                 good[2:],
		"progressive":            change(at(markerSOF0)+1, 0xc2),
		"arithmetic":             change(at(markerSOF0)+1, 0xc9),
		"12 bits":                change(at(markerSOF0)+4, 12),
		"no height":              append(append(bytes.Clone(good[:at(markerSOF0)+5]), 0, 0), good[at(markerSOF0)+7:]...),
		"16-bit quantizers":      change(at(markerDQT)+4, 0x10),
		"scan of a few":          change(at(markerSOS)+8, 5),
		"undefined table":        change(at(markerSOS)+6, 0x11),
		"no EOI":                 good[:end],
		"bytes before EOI":       append(append(bytes.Clone(good[:end]), 0), good[end:]...),
		"scan cut in half":       append(bytes.Clone(good[:(at(markerSOS)+end)/2]), 0xff, 0xd9),
		"marker within the scan": append(append(bytes.Clone(good[:end-40]), 0xff, 0xd3), good[end-40:]...),
		"too large for its data": append(append(bytes.Clone(good[:at(markerSOF0)+5]), 0xff, 0xff, 0xff, 0xff), good[at(markerSOF0)+9:]...),
	}
	for n := 0; n < len(good); n += 3 {
		cases["cut off"] = good[:n]
		for name, data := range cases {
			for _, reduce := range []int{1, 8} {
				if _, err := Decode(data, reduce, 8); !errors.Is(err, ErrFallback) {
					t.Fatalf("%s at 1/%d: %v", name, reduce, err)
				}
			}
			if name != "cut off" {
				delete(cases, name)
			}
		}
	}
	if _, err := Decode(good, 3, 8); !errors.Is(err, ErrFallback) {
		t.Errorf("1/3: %v", err)
	}
}

func TestTablesAreNotMixedUp(t *testing.T) {
	// Decoders are reused and keep tables; files of other tables in between must not show.
	cases := golden(t)
	for range 3 {
		for _, c := range cases {
			p, err := Decode(c.File, 1, 8)
			if err != nil {
				t.Fatal(err)
			}
			if worst, _ := apart(t, p.Gray, &image.Gray{Pix: c.Luma[1], Stride: c.Width, Rect: p.Gray.Rect}); worst > 0 {
				t.Fatalf("%s: differs by %d", c.Name, worst)
			}
		}
	}
}

// FuzzLikeStandardLibrary holds the promise of the package: what it decodes,
// image/jpeg decodes, to the same pixels but for rounding.
func FuzzLikeStandardLibrary(f *testing.F) {
	for _, c := range golden(f) {
		f.Add(c.File)
	}
	f.Add(encoded(f, synthetic(40, 30), 80))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, reduce := range []int{1, 2, 4, 8} {
			p, err := Decode(data, reduce, 8)
			if err != nil {
				if !errors.Is(err, ErrFallback) {
					t.Fatal(err)
				}
				continue
			}
			want, err := standard(data)
			if err != nil {
				t.Fatalf("image/jpeg refuses: %v", err)
			}
			r := want.Bounds()
			if p.Gray.Rect != image.Rect(0, 0, (r.Dx()+reduce-1)/reduce, (r.Dy()+reduce-1)/reduce) {
				t.Fatalf("bounds %v of %v at 1/%d", p.Gray.Rect, r, reduce)
			}
			if reduce > 1 {
				continue
			}
			if worst, mean := apart(t, p.Gray, want); worst > 2 {
				t.Fatalf("differs by %d at worst, %.3f on average", worst, mean)
			}
		}
	})
}

func BenchmarkSynthetic(b *testing.B) {
	benchmark(b, encoded(b, synthetic(1500, 1200), 90))
}
