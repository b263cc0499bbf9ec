package lumajpeg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dct"
	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// decode decodes a file whose scans may pass over it as often as they like.
func decode(data []byte, reduce, visible int) (*Picture, error) {
	f, err := Parse(data, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	if !f.Luma() {
		reduce = 1
	}
	return f.Decode(context.Background(), reduce, visible)
}

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
			p, err := decode(c.File, reduce, 16)
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
			pixels.Release(p.Gray)
		}
	}
}

// TestGenericTransformsAllBlocks counts the blocks of the transforms that assembly may be among.
func TestGenericTransformsAllBlocks(t *testing.T) {
	was, beside, quick := quickTransforms, quickBeside, 0
	t.Cleanup(func() { quickTransforms, quickBeside = was, beside })
	if beside != nil {
		quickBeside = func(dst []byte, stride int, left, right *block, by *steps) bool {
			quick++
			return beside(dst, stride, left, right, by)
		}
	}
	for reduce, f := range was {
		if f != nil {
			quickTransforms[reduce] = func(dst []byte, stride int, b *block, by *steps) bool {
				quick++
				return f(dst, stride, b, by)
			}
		}
	}
	for _, c := range golden(t) {
		f, err := Parse(c.File, math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		for reduce := range c.Luma {
			var pictures [2]*Picture
			for i, generic := range []bool{false, true} {
				quick, f.Generic = 0, generic
				if pictures[i], err = f.Decode(t.Context(), reduce, 16); err != nil {
					t.Fatal(err)
				}
				if generic != (quick == 0) {
					t.Errorf("%s at 1/%d, plain Go %v: %d blocks by the quick transforms", c.Name, reduce, generic, quick)
				}
			}
			if digest(pictures[0]) != digest(pictures[1]) {
				t.Errorf("%s at 1/%d: plain Go gives other samples", c.Name, reduce)
			}
		}
	}
}

// ones are the steps of coefficients that are not quantised.
var ones = func() (by steps) {
	for i := range by {
		by[i] = 1
	}
	return by
}()

// TestReducedIsTheMean holds the reduced transforms against means of the exact
// inverse transform in floating point.
func TestReducedIsTheMean(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var b block
		b.coefficient[0] = int16(random.IntN(800) - 400)
		b.last = random.IntN(64)
		for k := 1; k <= b.last; k++ {
			b.coefficient[dct.Zigzag[k]] = int16(random.IntN(80) - 40)
		}
		exact := inverse(&b)
		for _, reduce := range []int{1, 2, 4, 8} {
			n := 8 / reduce
			got := make([]byte, 64)
			scaled := b
			quickTransforms[reduce](got, n, &scaled, &ones)
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
		p, err := decode(data, 1, 16)
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
	got, err := decode(encoded(t, p, 90), 2, 16)
	if err != nil {
		t.Fatal(err)
	}
	// 4:2:0, so 16 blocks of each chroma; a quarter of the picture is red, which is far
	// from grey in both.
	if got.Of != 32 || got.Coloured != 8 {
		t.Errorf("%d of %d blocks coloured", got.Coloured, got.Of)
	}
}

// TestRefuses names what is not decoded here, and what is damaged.
func TestRefuses(t *testing.T) {
	good := encoded(t, synthetic(40, 30), 80)
	if _, err := decode(good, 1, 16); err != nil {
		t.Fatal(err)
	}
	at := func(marker byte) int { return bytes.Index(good, []byte{0xff, marker}) }
	change := func(offset int, v byte) []byte {
		out := bytes.Clone(good)
		out[offset] = v
		return out
	}
	insert := func(offset int, v ...byte) []byte { return slices.Insert(bytes.Clone(good), offset, v...) }
	frame, end := at(markerSOF0), len(good)-2
	for name, data := range map[string][]byte{
		"arithmetic coding":                  change(frame+1, 0xc9),
		"arithmetic coding, progressive":     change(frame+1, 0xca),
		"lossless coding":                    change(frame+1, 0xc3),
		"hierarchical":                       change(frame+1, 0xc5),
		"hierarchical, DHP":                  insert(2, 0xff, 0xde, 0, 2),
		"JPEG-LS":                            change(frame+1, 0xf7),
		"12 bits":                            change(frame+4, 12),
		"the height follows":                 append(append(bytes.Clone(good[:frame+5]), 0, 0), good[frame+7:]...),
		"2 components":                       append(append(bytes.Clone(good[:frame]), 0xff, 0xc0, 0, 14, 8, 0, 30, 0, 40, 2, 1, 0x11, 0, 2, 0x11, 0), good[frame+13:]...),
		"component 0 sampled 2 x 1 of 3 x 1": sampled(good, 0x21, 0x31),
		"an extension":                       insert(2, 0xff, 0xf0, 0, 2),
	} {
		if _, err := decode(data, 1, 16); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), strings.Split(name, ",")[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	damage := map[string][]byte{
		"nothing":                nil,
		"no SOI":                 good[2:],
		"two SOI":                insert(0, 0xff, 0xd8),
		"two frames":             slices.Concat(good[:frame], good[frame:frame+13], good[frame:]),
		"no frame":               append(bytes.Clone(good[:frame]), 0xff, 0xd9),
		"no width":               append(append(bytes.Clone(good[:frame+7]), 0, 0), good[frame+9:]...),
		"sampled 5 times":        change(frame+11, 0x51),
		"no quantizer":           change(frame+12, 2),
		"quantizer 4":            change(frame+12, 4),
		"undefined table":        change(at(markerSOS)+6, 0x22),
		"table 4":                change(at(markerSOS)+6, 0x04),
		"another component":      change(at(markerSOS)+5, 9),
		"11 blocks in an MCU":    sampled(good, 0x44, 0x11),
		"restart interval":       insert(2, 0xff, 0xdd, 0, 3, 1),
		"restart markers due":    insert(2, 0xff, 0xdd, 0, 4, 0, 1),
		"no prefix code":         change(at(markerDHT)+5, 3),
		"no marker":              insert(2, 0xff, 0xbf, 0, 2),
		"no EOI":                 good[:end],
		"scan cut in half":       append(bytes.Clone(good[:(at(markerSOS)+end)/2]), 0xff, 0xd9),
		"marker within the scan": insert(end-40, 0xff, 0xd3),
		"two scans of the same":  slices.Concat(good[:end], good[at(markerSOS):]),
		"too large for its data": append(append(bytes.Clone(good[:frame+5]), 0xff, 0xff, 0xff, 0xff), good[frame+9:]...),
	}
	for n := 0; n < len(good); n += 3 {
		damage[fmt.Sprint("cut to ", n)] = good[:n]
	}
	for name, data := range damage {
		for _, reduce := range []int{1, 8} {
			if _, err := decode(data, reduce, 16); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s at 1/%d: %v", name, reduce, err)
			}
		}
	}
	f, err := Parse(good, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Decode(context.Background(), 3, 16); err == nil {
		t.Error("1/3 was decoded")
	}
}

// sampled is a grey file turned into one of three components, of which the scan still sends
// the first.
func sampled(file []byte, luma, chroma byte) []byte {
	at := bytes.Index(file, []byte{0xff, markerSOF0})
	frame := append(bytes.Clone(file[at:at+11]), luma, 0, 2, chroma, 0, 3, chroma, 0)
	frame[3], frame[9] = 17, 3
	from := bytes.Index(file, []byte{0xff, markerSOS})
	scan := []byte{0xff, markerSOS, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0}
	return slices.Concat(file[:at], frame, file[at+13:from], scan, file[from+10:])
}

func TestTablesAreNotMixedUp(t *testing.T) {
	// Decoders are reused and keep tables; files of other tables in between must not show.
	cases := golden(t)
	for range 3 {
		for _, c := range cases {
			p, err := decode(c.File, 1, 16)
			if err != nil {
				t.Fatal(err)
			}
			if worst, _ := apart(t, p.Gray, &image.Gray{Pix: c.Luma[1], Stride: c.Width, Rect: p.Gray.Rect}); worst > 0 {
				t.Fatalf("%s: differs by %d", c.Name, worst)
			}
		}
	}
}

func BenchmarkSynthetic(b *testing.B) {
	benchmark(b, encoded(b, synthetic(1500, 1200), 90))
}
