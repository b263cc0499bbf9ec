package resample

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

var resizer Resizer

// draw is the generator of testdata/golden.py.
func draw(count int, seed uint32) []uint16 {
	out := make([]uint16, count)
	state := seed
	for i := range out {
		state = state*1664525 + 1013904223
		value := uint16(state >> 16)
		if (i>>5)%3 == 1 {
			if value&0x300 != 0 {
				value = 0xffff
			} else {
				value = 0
			}
		}
		out[i] = value
	}
	return out
}

// within puts values in the middle of a larger picture of other values, so that
// strides and origins matter.
func within(t *testing.T, values []uint16, w, h int) (*image.Gray, *image.Gray16) {
	t.Helper()
	outer := image.Rect(-3, 2, w+4, h+7)
	inner := image.Rect(0, 4, w, h+4)
	eight, sixteen := image.NewGray(outer), image.NewGray16(outer)
	for i := range eight.Pix {
		eight.Pix[i] = 99
	}
	for i := range sixteen.Pix {
		sixteen.Pix[i] = 99
	}
	for i, v := range values {
		x, y := i%w, i/w+4
		eight.SetGray(x, y, color.Gray{Y: uint8(v >> 8)})
		sixteen.SetGray16(x, y, color.Gray16{Y: v})
	}
	return eight.SubImage(inner).(*image.Gray), sixteen.SubImage(inner).(*image.Gray16)
}

func TestEqualsPillow(t *testing.T) {
	file, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			From, To [2]int
			Extent   [2]float64
			Seed     uint32
			Gray8    []byte
			Gray16   []byte `json:"gray16_little_endian"`
		}
	}
	if err := json.Unmarshal(file, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 20 {
		t.Fatalf("%d golden cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		w, h, dw, dh := c.From[0], c.From[1], c.To[0], c.To[1]
		eight, sixteen := within(t, draw(w*h, c.Seed), w, h)
		got := make([]uint8, dw*dh)
		if err := resizer.BilinearExtent(got, dw, dh, eight, c.Extent[0], c.Extent[1]); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, c.Gray8) {
			t.Errorf("%dx%d to %dx%d: 8-bit result differs from Pillow's", w, h, dw, dh)
		}
		if err := resizer.BilinearExtent(got, dw, dh, sixteen, c.Extent[0], c.Extent[1]); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			// Pillow rounds to 16 bits once more and works in floating point: allow 2 of
			// 65535 beyond half a grey level.
			want := int(binary.LittleEndian.Uint16(c.Gray16[2*i:]))
			if d := int(v)*257 - want; d < -130 || d > 130 {
				t.Errorf("%dx%d to %dx%d, pixel %d: level %d for Pillow's 16-bit %d", w, h, dw, dh, i, v, want)
				break
			}
		}
	}
}

// TestReducingUsesEveryWeight holds the runs of two overlapping windows against
// the windows computed one by one, over many pairs of sizes.
func TestReducingUsesEveryWeight(t *testing.T) {
	var a axis
	for n := 1; n < 400; n += 1 + n/40 {
		for m := 1; m <= n; m++ {
			a.compute(n, m, float64(n), hasTaps)
			if a.start[0] != 0 || a.start[m] != n {
				t.Fatalf("%d to %d: runs from %d to %d", n, m, a.start[0], a.start[m])
			}
			totals := make([]uint64, m)
			for j := range m {
				for x := a.start[j]; x < a.start[j+1]; x++ {
					totals[j] += a.weight[x] >> 32
					if lo := a.weight[x] & 0xffffffff; j > 0 {
						totals[j-1] += lo
					} else if lo != 0 {
						t.Fatalf("%d to %d: pixel %d reaches target -1", n, m, x)
					}
				}
			}
			for j, total := range totals {
				if off := int(total) - 1<<fractionBits; off < -n || off > n {
					t.Fatalf("%d to %d: weights of target %d sum to %d", n, m, j, total)
				}
			}
		}
	}
}

func TestKeepsAFlatPicture(t *testing.T) {
	for _, v := range []uint8{0, 1, 127, 254, 255} {
		for _, size := range [][4]int{{40000, 1, 1, 1}, {1, 40000, 1, 1}, {640, 480, 100, 100}, {50, 70, 100, 100}} {
			eight := image.NewGray(image.Rect(0, 0, size[0], size[1]))
			sixteen := image.NewGray16(eight.Rect)
			for i := range eight.Pix {
				eight.Pix[i], sixteen.Pix[2*i], sixteen.Pix[2*i+1] = v, v, v
			}
			for _, picture := range []image.Image{eight, sixteen} {
				got := make([]uint8, size[2]*size[3])
				if err := resizer.Bilinear(got, size[2], size[3], picture); err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if got[i] != v {
						t.Fatalf("%v of %T: pixel %d is %d, want %d", size, picture, i, got[i], v)
					}
				}
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 4, 4))
	short := &image.Gray{Pix: make([]uint8, 15), Stride: 4, Rect: gray.Rect}
	narrow := &image.Gray16{Pix: make([]uint8, 64), Stride: 7, Rect: gray.Rect}
	var nothing image.Gray
	for name, c := range map[string]struct {
		length, dw, dh int
		src            image.Image
		want           error
	}{
		"colour":           {4, 2, 2, image.NewRGBA(gray.Rect), ErrType},
		"no picture":       {4, 2, 2, nil, ErrType},
		"empty picture":    {4, 2, 2, &nothing, ErrSize},
		"no width":         {0, 0, 2, gray, ErrSize},
		"negative height":  {4, 2, -2, gray, ErrSize},
		"short target":     {3, 2, 2, gray, ErrSize},
		"long target":      {6, 2, 2, gray, ErrSize},
		"short pixels":     {4, 2, 2, short, ErrSize},
		"overlapping rows": {4, 2, 2, narrow, ErrSize},
		"huge target":      {4, 1 << 30, 1 << 30, gray, ErrSize},
	} {
		if err := resizer.Bilinear(make([]uint8, c.length), c.dw, c.dh, c.src); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestExtentEndsInTheLastPixel(t *testing.T) {
	gray := image.NewGray(image.Rect(0, 0, 4, 4))
	for _, extent := range [][2]float64{{3, 4}, {4, 3}, {4.01, 4}, {-1, 4}, {math.NaN(), 4}, {4, math.Inf(1)}} {
		if err := resizer.BilinearExtent(make([]uint8, 4), 2, 2, gray, extent[0], extent[1]); !errors.Is(err, ErrSize) {
			t.Errorf("%v: %v", extent, err)
		}
	}
}

func TestAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	src := image.NewGray(image.Rect(0, 0, 300, 200))
	dst := make([]uint8, 100*100)
	if n := testing.AllocsPerRun(50, func() { _ = resizer.Bilinear(dst, 100, 100, src) }); n >= 1 {
		t.Errorf("%v allocations a call", n)
	}
}

func FuzzBilinear(f *testing.F) {
	f.Add(uint8(7), uint8(9), uint8(3), uint8(200), uint64(1))
	f.Fuzz(func(t *testing.T, w, h, dw, dh uint8, seed uint64) {
		if w == 0 || h == 0 || dw == 0 || dh == 0 {
			t.Skip()
		}
		random := rand.New(rand.NewPCG(seed, 0))
		values := make([]uint16, int(w)*int(h))
		low, high := uint8(255), uint8(0)
		for i := range values {
			v := uint8(random.UintN(256))
			values[i] = uint16(v) * 257
			low, high = min(low, v), max(high, v)
		}
		eight, sixteen := within(t, values, int(w), int(h))
		a, b := make([]uint8, int(dw)*int(dh)), make([]uint8, int(dw)*int(dh))
		if err := errors.Join(resizer.Bilinear(a, int(dw), int(dh), eight), resizer.Bilinear(b, int(dw), int(dh), sixteen)); err != nil {
			t.Fatal(err)
		}
		for i := range a {
			if a[i] < low || a[i] > high {
				t.Fatalf("pixel %d is %d, outside the picture's %d to %d", i, a[i], low, high)
			}
			// The 8-bit passes round twice, so the two differ by a level at most.
			if d := int(a[i]) - int(b[i]); d < -1 || d > 1 {
				t.Fatalf("pixel %d: %d from 8 bits, %d from 16", i, a[i], b[i])
			}
		}
	})
}

func BenchmarkBilinear(b *testing.B) {
	dst := make([]uint8, 100*100)
	bounds := image.Rect(0, 0, 1500, 1200)
	for name, src := range map[string]image.Image{"gray8": image.NewGray(bounds), "gray16": image.NewGray16(bounds)} {
		b.Run(name+"/1500x1200-100x100", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := resizer.Bilinear(dst, 100, 100, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
