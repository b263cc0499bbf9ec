package radiograph

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/image/tiff"
)

// chestLike is an 8-bit picture that spans most greys, as an X-ray does.
func chestLike() *image.Gray {
	random := rand.New(rand.NewPCG(3, 4))
	p := image.NewGray(testBounds)
	for y := range testHeight {
		for x := range testWidth {
			p.SetGray(x, y, color.Gray{Y: uint8(115 + 90*math.Sin(float64(x)/19)*math.Cos(float64(y)/23) + 20*random.Float64())})
		}
	}
	return p
}

// inBits is a picture of samples of 16 bits whose values are made of 8-bit levels.
func inBits(p *image.Gray, sample func(level int) int) *image.Gray16 {
	out := image.NewGray16(p.Rect)
	for i, v := range p.Pix {
		s := sample(int(v))
		out.Pix[2*i], out.Pix[2*i+1] = uint8(s>>8), uint8(s)
	}
	return out
}

func sameAs(t *testing.T, what string, p *Picture, err error, want *image.Gray) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if got, ok := p.Image.(*image.Gray); !ok || !bytes.Equal(got.Pix, want.Pix) {
		t.Errorf("%s: not the 8-bit picture, %T", what, p.Image)
	}
}

// TestEightBitPictureAtEveryDepth scales one picture to all depths as exporters do: it stays itself, whoever says the depth.
func TestEightBitPictureAtEveryDepth(t *testing.T) {
	grey := chestLike()
	for bits := 9; bits < 16; bits++ {
		white := 1<<bits - 1
		for name, sample := range map[string]func(int) int{
			"rounded": func(v int) int { return (v*white + 127) / 255 }, "cut off": func(v int) int { return v * white / 255 },
			"repeated": func(v int) int { return v<<(bits-8) | v>>(16-bits) }, "shifted": func(v int) int { return v << (bits - 8) },
		} {
			what := fmt.Sprintf("%s to %d bits", name, bits)
			p16 := inBits(grey, sample)
			p, err := Decode(t.Context(), asPNG(t, p16), Limits{Bits: bits})
			if sameAs(t, what+", told", p, err, grey); err == nil && len(p.Warnings) > 0 {
				t.Errorf("%s, told: %q", what, p.Warnings)
			}
			p, err = Decode(t.Context(), asTIFF(t, p16, tiff.Deflate), Limits{Bits: bits, TIFF: true})
			sameAs(t, what+", TIFF", p, err, grey)
			p, err = Decode(t.Context(), withPNGChunk(t, p16, "sBIT", []byte{byte(bits)}), Limits{})
			if sameAs(t, what+", sBIT", p, err, grey); err == nil && !warned(p, "depth") {
				t.Errorf("%s, sBIT: %q", what, p.Warnings)
			}
			high := inBits(grey, func(v int) int { return sample(v) << (16 - bits) })
			p, err = Decode(t.Context(), withPNGChunk(t, high, "sBIT", []byte{byte(bits)}), Limits{})
			if sameAs(t, what+", in the high bits with sBIT", p, err, grey); err == nil && len(p.Warnings) > 0 {
				t.Errorf("%s, in the high bits with sBIT: %q", what, p.Warnings)
			}
			if p, err = Decode(t.Context(), asPNG(t, p16), Limits{}); bits == 9 {
				if !errors.Is(err, ErrDepth) {
					t.Errorf("%s, untold: %v", what, err)
				}
			} else if sameAs(t, what+", untold", p, err, grey); err == nil && !warned(p, "depth") {
				t.Errorf("%s, untold: %q", what, p.Warnings)
			}
			rgba := image.NewNRGBA64(testBounds)
			for i := range grey.Pix {
				for c := range 3 {
					copy(rgba.Pix[8*i+2*c:], p16.Pix[2*i:][:2])
				}
				rgba.Pix[8*i+6], rgba.Pix[8*i+7] = 255, 255
			}
			p, err = Decode(t.Context(), asPNG(t, rgba), Limits{Bits: bits})
			sameAs(t, what+", rgb", p, err, grey)
			for i := range grey.Pix {
				rgba.Pix[8*i+6], rgba.Pix[8*i+7] = uint8(white>>8), uint8(white)
			}
			p, err = Decode(t.Context(), asPNG(t, rgba), Limits{Bits: bits})
			sameAs(t, what+", rgb with alpha", p, err, grey)
		}
	}
}

// realDepth is a picture that uses all values of its bits, and nearly reaches white.
func realDepth(bits int) *image.Gray16 {
	p := image.NewGray16(testBounds)
	white := 1<<bits - 1
	random := rand.New(rand.NewPCG(5, 6))
	for i := 0; i < len(p.Pix); i += 2 {
		v := int((0.5 + 0.45*math.Sin(float64(i)/300)) * float64(white) * (0.9 + 0.1*random.Float64()))
		p.Pix[i], p.Pix[i+1] = uint8(v>>8), uint8(v)
	}
	return p
}

func TestRealDepthsAreScaledWhenToldAndRefusedOtherwise(t *testing.T) {
	for bits := 8; bits <= 16; bits++ {
		p16 := realDepth(bits)
		white := 1<<bits - 1
		p, err := Decode(t.Context(), asPNG(t, p16), Limits{Bits: bits})
		if err != nil {
			t.Fatalf("%d bits: %v", bits, err)
		}
		got := asDeep(p.Image)
		for i := 0; i < len(got); i += 2 {
			v := int(p16.Pix[i])<<8 | int(p16.Pix[i+1])
			if s := int(got[i])<<8 | int(got[i+1]); s != (2*v*65535+white)/(2*white) {
				t.Fatalf("%d bits: %d became %d", bits, v, s)
			}
		}
		if _, ok := p.Image.(*image.Gray); ok != (bits == 8) {
			t.Errorf("%d bits: %T", bits, p.Image)
		}
		for name, data := range map[string][]byte{"png": asPNG(t, p16), "tiff": asTIFF(t, p16, tiff.Uncompressed)} {
			switch _, err := Decode(t.Context(), data, Limits{TIFF: true}); {
			case bits == 16 && err != nil, bits < 16 && !errors.Is(err, ErrDepth):
				t.Errorf("%s of %d bits, untold: %v", name, bits, err)
			case bits < 16 && !strings.Contains(err.Error(), fmt.Sprintf("bits=%d,", bits)):
				t.Errorf("%s of %d bits: %v does not say what to do", name, bits, err)
			}
		}
		// Dark, if the caller says so.
		if p, err := Decode(t.Context(), asPNG(t, p16), Limits{Bits: 16}); err != nil || warned(p, "contrast") != (bits <= 14) {
			t.Errorf("%d bits as 16: %v", bits, err)
		}
		if _, err := Decode(t.Context(), asPNG(t, p16), Limits{Bits: bits - 1}); bits > 8 && !errors.Is(err, ErrDepth) {
			t.Errorf("%d bits as one less: %v", bits, err)
		}
	}
}

// TestAMarkerDoesNotMakeFewBitsSixteen burns a letter into a picture of 12 bits, and pads another.
func TestAMarkerDoesNotMakeFewBitsSixteen(t *testing.T) {
	letter, padded := realDepth(12), realDepth(12)
	for i := range 60 {
		letter.SetGray16(10+i%6, 10+i/6, color.Gray16{Y: uint16(65535 - i*300)})
	}
	for y := range testHeight {
		for x := range testWidth / 3 {
			padded.SetGray16(x, y, color.Gray16{Y: 65535})
		}
	}
	for name, p := range map[string]*image.Gray16{"letter": letter, "padding": padded} {
		if _, err := Decode(t.Context(), asPNG(t, p), Limits{}); !errors.Is(err, ErrDepth) || !strings.Contains(err.Error(), "bits=12,") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNumbersMovedUpAreNotTakenForBrightPictures has pictures of 10 to 15 bits, signed or inverted, in the upper half of the
// range, one of them with black around it.
func TestNumbersMovedUpAreNotTakenForBrightPictures(t *testing.T) {
	for bits := 10; bits < 16; bits++ {
		for name, up := range map[string]func(v int) int{
			"moved up": func(v int) int { return 1<<15 + v }, "inverted": func(v int) int { return 1<<16 - 1 - v },
		} {
			p16 := realDepth(bits)
			for i := 0; i < len(p16.Pix); i += 2 {
				v := up(int(p16.Pix[i])<<8 | int(p16.Pix[i+1]))
				p16.Pix[i], p16.Pix[i+1] = uint8(v>>8), uint8(v)
			}
			for x := range testWidth {
				p16.SetGray16(x, 0, color.Gray16{})
			}
			for format, data := range map[string][]byte{"png": asPNG(t, p16), "tiff": asTIFF(t, p16, tiff.Uncompressed)} {
				if _, err := Decode(t.Context(), data, everything); !errors.Is(err, ErrDepth) || !strings.Contains(err.Error(), "bits=16") {
					t.Errorf("%s of %d bits, %s: %v", format, bits, name, err)
				}
			}
		}
	}
}

// TestNumbersInTheHighBitsAreWhatTheyWereInTheLow moves pictures of 9 to 15 bits up until they fill the range.
func TestNumbersInTheHighBitsAreWhatTheyWereInTheLow(t *testing.T) {
	for bits := 9; bits < 16; bits++ {
		low := realDepth(bits)
		high := image.NewGray16(low.Rect)
		for i := 0; i < len(low.Pix); i += 2 {
			v := (int(low.Pix[i])<<8 | int(low.Pix[i+1])) << (16 - bits)
			high.Pix[i], high.Pix[i+1] = uint8(v>>8), uint8(v)
		}
		want, err := Decode(t.Context(), asPNG(t, low), Limits{Bits: bits})
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(t.Context(), asPNG(t, high), Limits{})
		if err != nil || !bytes.Equal(asDeep(got.Image), asDeep(want.Image)) || len(got.Warnings) > 0 {
			t.Errorf("%d bits: %v, %+v", bits, err, got)
		}
		levels := inBits(chestLike(), func(v int) int { return (v*(1<<bits-1) + 127) / 255 << (16 - bits) })
		p, err := Decode(t.Context(), asPNG(t, levels), Limits{})
		sameAs(t, fmt.Sprintf("levels in the high of %d bits", bits), p, err, chestLike())
	}
}

func TestDarkPicturesOfEightBitsStayWhatTheyAre(t *testing.T) {
	dark := chestLike()
	for i := range dark.Pix {
		dark.Pix[i] /= 3
	}
	p, err := Decode(t.Context(), asPNG(t, inBits(dark, func(v int) int { return v * 257 })), Limits{})
	sameAs(t, "dark", p, err, dark)
}

// TestPackedSamplesAreOfTheBitsTheyHave has a TIFF of 12 bits a sample without gaps, of which the lower ten are used: dark.
func TestPackedSamplesAreOfTheBitsTheyHave(t *testing.T) {
	deep := realDepth(10)
	var packed []byte
	for i := 0; i < len(deep.Pix); i += 4 {
		packed = append(packed, deep.Pix[i]<<4|deep.Pix[i+1]>>4, deep.Pix[i+1]<<4|deep.Pix[i+2], deep.Pix[i+3])
	}
	data := aTIFF(packed, tiffTag{tagBits, false, []int{12}})
	limits := everything
	p, err := Decode(t.Context(), data, limits)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(deep.Pix) / 2 {
		x, y := i%testWidth, i/testWidth
		if got, want := int(p.Image.(*image.Gray16).Gray16At(x, y).Y), (int(deep.Gray16At(x, y).Y)*65535+2047)/4095; got != want {
			t.Fatalf("%d at %d, %d, want %d", got, x, y, want)
		}
	}
	if warned(p, "depth") {
		t.Errorf("%q", p.Warnings)
	}
	for bits, want := range map[int]error{10: nil, 12: nil, 13: ErrDepth, 9: ErrDepth, 16: ErrDepth} {
		limits.Bits = bits
		if _, err := Decode(t.Context(), data, limits); !errors.Is(err, want) {
			t.Errorf("bits=%d: %v", bits, err)
		}
	}
}

// TestAFileThatSaysTooFewBitsIsNotBelieved has samples of 12 bits and a chunk that says 10 or 8.
func TestAFileThatSaysTooFewBitsIsNotBelieved(t *testing.T) {
	for _, said := range []byte{5, 8, 10, 11, 16} {
		if _, err := Decode(t.Context(), withPNGChunk(t, realDepth(12), "sBIT", []byte{said}), Limits{}); !errors.Is(err, ErrDepth) {
			t.Errorf("sBIT %d: %v", said, err)
		}
		if p, err := Decode(t.Context(), withPNGChunk(t, realDepth(16), "sBIT", []byte{said}), Limits{}); err != nil || len(p.Warnings) > 0 {
			t.Errorf("16 bits, sBIT %d: %v", said, err)
		}
	}
}

func TestBitsMustFitThePicture(t *testing.T) {
	for name, data := range map[string][]byte{"png": asPNG(t, greyRamp()), "jpeg": asJPEG(t, greyRamp()), "bmp": asBMP(t, greyRamp())} {
		if _, err := Decode(t.Context(), data, Limits{Bits: 8}); err != nil {
			t.Errorf("%s of 8 bits: %v", name, err)
		}
		if _, err := Decode(t.Context(), data, Limits{Bits: 12}); !errors.Is(err, ErrDepth) {
			t.Errorf("%s of 8 bits as 12: %v", name, err)
		}
	}
}

func BenchmarkSettleDepth(b *testing.B) {
	p := image.NewGray16(image.Rect(0, 0, 2000, 2000))
	for i := range p.Pix {
		p.Pix[i] = uint8(i >> 9)
	}
	work := image.NewGray16(p.Rect)
	b.SetBytes(int64(len(p.Pix)))
	for b.Loop() {
		copy(work.Pix, p.Pix)
		if _, _, err := settleDepth(b.Context(), work, told{}); err != nil {
			b.Fatal(err)
		}
	}
}
