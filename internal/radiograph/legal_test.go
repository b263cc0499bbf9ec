package radiograph

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// A legal encoder writes a grey picture without loss in one of the ways that its format allows, drawn by chance, and says
// which it took.
type legal func(r *rand.Rand, p *image.Gray) (data []byte, way string)

var legals = map[string]legal{"bmp": legalBMP, "png": legalPNG, "tiff": legalTIFF, "webp": legalWebP}

// legalPicture draws a picture of a few or of many grey levels, with runs, edges and noise.
func legalPicture(r *rand.Rand) *image.Gray {
	p := image.NewGray(image.Rect(0, 0, MinSide+r.IntN(50), MinSide+r.IntN(50)))
	bits := []int{1, 2, 4, 8, 8, 8}[r.IntN(6)]
	scale := 255 / (1<<bits - 1)
	for i := range p.Pix {
		x, y := i%p.Stride, i/p.Stride
		level := (x + y) >> (8 - bits) // a ramp, which most picture kinds share
		switch {
		case x > p.Stride/2 && y > p.Rect.Dy()/3:
			level = r.IntN(1 << bits)
		case x < p.Stride/4:
			level = y / 5
		}
		p.Pix[i] = uint8(level % (1 << bits) * scale)
	}
	// No picture is all one grey, and each of eight bits has its darkest and its lightest level.
	p.Pix[0], p.Pix[1] = 0, 255
	return p
}

// grain is the fewest bits, of 1, 2, 4 and 8, that hold the picture's levels, scaled to 255.
func grain(p *image.Gray) int {
	for _, bits := range []int{1, 2, 4} {
		scale, fits := byte(255/(1<<bits-1)), true
		for _, v := range p.Pix {
			fits = fits && v%scale == 0
		}
		if fits {
			return bits
		}
	}
	return 8
}

// packed puts indices of so many bits into bytes, the first in the highest bits.
func packed(levels []byte, bits int) []byte {
	out := make([]byte, (len(levels)*bits+7)/8)
	for i, v := range levels {
		out[i*bits/8] |= v << (8 - bits - i*bits%8)
	}
	return out
}

// one asks for one answer, and no word about it, whatever the picture came in.
func one(t *testing.T, seed uint64) {
	for name, encode := range legals {
		r := rand.New(rand.NewPCG(seed, 1))
		p := legalPicture(r)
		data, way := encode(r, p)
		if err := isPicture(data, p); err != nil {
			if dir := os.Getenv("LEGAL_DUMP"); dir != "" {
				_ = os.WriteFile(fmt.Sprintf("%s/%d.%s", dir, seed, name), data, 0o600)
			}
			t.Errorf("seed %d: %s, %d x %d, %s: %v", seed, name, p.Rect.Dx(), p.Rect.Dy(), way, err)
		}
	}
	oneJPEG(t, seed)
}

// isPicture says how the decoded file differs from the picture.
func isPicture(data []byte, want *image.Gray) error {
	p, err := Decode(context.Background(), data, everything)
	if err != nil {
		return err
	}
	for _, w := range p.Warnings {
		if !strings.HasPrefix(w, "small: ") && !strings.HasPrefix(w, "aspect: ") && !strings.HasPrefix(w, "orientation: ") {
			return fmt.Errorf("warning %q", w)
		}
	}
	got, ok := p.Image.(*image.Gray)
	if !ok {
		return fmt.Errorf("%T", p.Image)
	}
	if got.Rect != want.Rect {
		return fmt.Errorf("bounds %v, want %v", got.Rect, want.Rect)
	}
	for y := range want.Rect.Dy() {
		a, b := got.Pix[y*got.Stride:][:want.Rect.Dx()], want.Pix[y*want.Stride:][:want.Rect.Dx()]
		if !bytes.Equal(a, b) {
			for x := range a {
				if a[x] != b[x] {
					return fmt.Errorf("%d at %d, %d, want %d", a[x], x, y, b[x])
				}
			}
		}
	}
	return nil
}

func TestOneAnswerHoweverEncoded(t *testing.T) {
	for seed := range uint64(250) {
		one(t, seed)
		if t.Failed() {
			break
		}
	}
}

func FuzzOneAnswerHoweverEncoded(f *testing.F) {
	for seed := range uint64(16) {
		f.Add(seed * 0x9e3779b97f4a7c15)
	}
	f.Fuzz(one)
}
