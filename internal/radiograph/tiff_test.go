package radiograph

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"math/rand/v2"
	"strings"
	"testing"
)

// aTIFF is a file of one page, in one strip unless tags say otherwise: the usual tags of 8-bit grey, and those given, which
// take their place.
func aTIFF(data []byte, tags ...tiffTag) []byte {
	f := tiffWriter{order: binary.LittleEndian, file: append([]byte("II*\x00\x00\x00\x00\x00"), data...)}
	all := tags
	for _, usual := range []tiffTag{{tagWidth, false, []int{testWidth}}, {tagHeight, false, []int{testHeight}}, {tagBits, false, []int{8}}, {tagPhotometric, false, []int{1}},
		{tagStripOffsets, true, []int{8}}, {tagStripBytes, true, []int{len(data)}}} {
		given := false
		for _, t := range tags {
			given = given || t.tag == usual.tag
		}
		if !given {
			all = append(all, usual)
		}
	}
	f.link(4, all)
	return f.file
}

func tag(tag int, values ...int) tiffTag { return tiffTag{tag, false, values} }

func TestTIFFRefusesByName(t *testing.T) {
	pixels := make([]byte, 4*testWidth*testHeight)
	for i := range pixels {
		pixels[i] = byte(i)
	}
	for _, c := range []struct {
		tags []tiffTag
		kind error
		want string
	}{
		{[]tiffTag{tag(tagSampleFormat, 2), tag(tagBits, 16)}, ErrUnknownFormat, "signed"}, {[]tiffTag{tag(tagSampleFormat, 3), tag(tagBits, 32)}, ErrUnknownFormat, "floating-point"},
		{[]tiffTag{tag(tagBits, 32)}, ErrUnknownFormat, "32 bits"}, {[]tiffTag{tag(tagBits, 8, 16), tag(tagSamples, 2)}, ErrUnknownFormat, "of 8 and of 16 bits"},
		{[]tiffTag{tag(tagCompression, 7)}, ErrUnknownFormat, "JPEG"}, {[]tiffTag{tag(tagCompression, 50000)}, ErrUnknownFormat, "zstd"}, {[]tiffTag{tag(tagCompression, 34712)}, ErrUnknownFormat, "JPEG 2000"},
		{[]tiffTag{tag(tagCompression, 999)}, ErrUnknownFormat, "compression 999"}, {[]tiffTag{tag(tagCompression, 2)}, ErrUnknownFormat, "Huffman"},
		{[]tiffTag{tag(tagPhotometric, 6), tag(tagSamples, 3)}, ErrUnknownFormat, "YCbCr"}, {[]tiffTag{tag(tagPhotometric, 32803)}, ErrUnknownFormat, "colour filter"},
		{[]tiffTag{tag(tagPhotometric, 5), tag(tagSamples, 4), tag(tagInkSet, 2)}, ErrUnknownFormat, "inks"},
		{[]tiffTag{tag(tagPhotometric, 0), tag(tagSamples, 2), tag(tagExtraSamples, 2)}, ErrUnknownFormat, "white is zero"},
		{[]tiffTag{tag(tagCompression, 5), tag(tagPredictor, 3)}, ErrUnknownFormat, "predictor 3"}, {[]tiffTag{tag(tagDNGVersion, 1)}, ErrUnknownFormat, "DNG"},
		{[]tiffTag{tag(tagPhotometric, 2)}, ErrNotPicture, "1 samples a pixel where 3"}, {[]tiffTag{tag(tagPhotometric, 3)}, ErrNotPicture, "palette"},
		{[]tiffTag{tag(tagRowsPerStrip, 5)}, ErrNotPicture, "1 strips"}, {[]tiffTag{tag(tagPlanar, 3)}, ErrNotPicture, "planar"}, {[]tiffTag{tag(tagFillOrder, 3)}, ErrNotPicture, "fill order"},
		{[]tiffTag{tag(tagTileWidth, 65535), tag(tagTileHeight, 65535)}, ErrNotPicture, "truncated"}, {[]tiffTag{tag(tagWidth, 0)}, ErrNotPicture, "0 x"},
	} {
		if _, err := Decode(context.Background(), aTIFF(pixels, c.tags...), everything); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	old := append([]byte{0, 1}, pixels...)
	if _, err := Decode(context.Background(), aTIFF(old, tag(tagCompression, tiffLZW)), everything); !errors.Is(err, ErrUnknownFormat) {
		t.Errorf("old LZW: %v", err)
	}
}

func TestTIFFCountsItsPages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	grey := greyRamp()
	f := tiffWriter{tiffWay: tiffWay{bits: 8, colours: 1, photometric: 1, compression: tiffRaw, height: 50}, order: binary.LittleEndian, file: []byte("II*\x00\x00\x00\x00\x00")}
	at := f.link(4, f.page(r, grey, nil))
	one, err := Decode(context.Background(), f.file, everything)
	if err != nil || warned(one, "pages") {
		t.Errorf("one page: %v", err)
	}
	at = f.link(at, f.page(r, image.NewGray(testBounds), nil))
	two, err := Decode(context.Background(), f.file, everything)
	if err != nil || !warned(two, "pages") || two.Image.(*image.Gray).GrayAt(100, 80).Y != 180 {
		t.Errorf("two pages: %v", err)
	}
	// A chain that comes back to its first page.
	binary.LittleEndian.PutUint32(f.file[at:], binary.LittleEndian.Uint32(f.file[4:]))
	if _, err := Decode(context.Background(), f.file, everything); err != nil {
		t.Errorf("a loop after the picture: %v", err)
	}
}

func TestTIFFDepth(t *testing.T) {
	grey := greyRamp()
	deep := func(of func(v int) int) []byte {
		var out []byte
		for _, v := range grey.Pix {
			out = binary.LittleEndian.AppendUint16(out, uint16(of(int(v))))
		}
		return out
	}
	twelve := func(v int) int { return v*16 + v%16 }
	for _, c := range []struct {
		name string
		data []byte
		bits int
		want func(v int) int
	}{
		{"largest sample told", aTIFF(deep(twelve), tag(tagBits, 16), tag(tagMaxSample, 4095)), 0, func(v int) int { return (twelve(v)*65535 + 2047) / 4095 }},
		{"bits told", aTIFF(deep(twelve), tag(tagBits, 16)), 12, func(v int) int { return (twelve(v)*65535 + 2047) / 4095 }},
		{"white is zero, bits told", aTIFF(deep(func(v int) int { return 4095 - twelve(v) }), tag(tagBits, 16), tag(tagPhotometric, 0)), 12,
			func(v int) int { return 65535 - ((4095-twelve(v))*65535+2047)/4095 }},
	} {
		limits := everything
		limits.Bits = c.bits
		p, err := Decode(context.Background(), c.data, limits)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := p.Image.(*image.Gray16)
		for i, v := range grey.Pix {
			if have := int(got.Pix[2*i])<<8 | int(got.Pix[2*i+1]); have != c.want(int(v)) {
				t.Errorf("%s: level %d became %d, want %d", c.name, v, have, c.want(int(v)))
				break
			}
		}
	}
	if _, err := Decode(context.Background(), aTIFF(deep(twelve), tag(tagBits, 16)), everything); !errors.Is(err, ErrDepth) {
		t.Errorf("twelve bits, not told: %v", err)
	}
	if _, err := Decode(context.Background(), aTIFF(deep(func(v int) int { return 4095 - twelve(v) }), tag(tagBits, 16), tag(tagPhotometric, 0)), everything); !errors.Is(err, ErrDepth) {
		t.Errorf("twelve bits where white is zero, not told: %v", err)
	}
}

func TestTIFFPaletteOfBytes(t *testing.T) {
	colours := make([]int, 768)
	for i := range colours {
		colours[i] = i % 256 // of 8 bits where 16 are due
	}
	p, err := Decode(context.Background(), aTIFF(greyRamp().Pix, tag(tagPhotometric, 3), tag(tagColourMap, colours...)), everything)
	if err != nil || p.Image.(*image.Gray).GrayAt(100, 80).Y != 180 {
		t.Errorf("%v", err)
	}
}

func TestTIFFOrientationOfEitherType(t *testing.T) {
	for _, long := range []bool{false, true} {
		p, err := Decode(context.Background(), aTIFF(greyRamp().Pix, tiffTag{tagOrientation, long, []int{6}}), everything)
		if err != nil || p.Image.Bounds() != image.Rect(0, 0, testHeight, testWidth) || !warned(p, "orientation") {
			t.Errorf("long %v: %v", long, err)
		}
	}
}
