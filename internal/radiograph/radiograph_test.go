package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

const testWidth, testHeight = 120, 104

// ramp draws a picture whose grey tells where it is.
func ramp(at func(x, y int, v uint8)) {
	for y := range testHeight {
		for x := range testWidth {
			at(x, y, uint8(x+y))
		}
	}
}

var testBounds = image.Rect(0, 0, testWidth, testHeight)

func greyRamp() *image.Gray {
	p := image.NewGray(testBounds)
	ramp(func(x, y int, v uint8) { p.SetGray(x, y, color.Gray{Y: v}) })
	return p
}

func encode(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, p image.Image) []byte {
	return encode(t, func(w io.Writer) error { return png.Encode(w, p) })
}

func asJPEG(t testing.TB, p image.Image) []byte {
	return encode(t, func(w io.Writer) error { return jpeg.Encode(w, p, &jpeg.Options{Quality: 95}) })
}

func asBMP(t testing.TB, p image.Image) []byte {
	return encode(t, func(w io.Writer) error { return bmp.Encode(w, p) })
}

func asTIFF(t testing.TB, p image.Image, c tiff.CompressionType) []byte {
	return encode(t, func(w io.Writer) error { return tiff.Encode(w, p, &tiff.Options{Compression: c}) })
}

func TestDecodesEveryKindOfPixel(t *testing.T) {
	grey := greyRamp()
	grey16 := image.NewGray16(testBounds)
	rgba, rgba64 := image.NewRGBA(testBounds), image.NewRGBA64(testBounds)
	red, clear := image.NewRGBA(testBounds), image.NewNRGBA(testBounds)
	clear64 := image.NewNRGBA64(testBounds)
	var reds color.Palette
	for i := range 256 {
		reds = append(reds, color.RGBA{uint8(i), 0, 0, 255})
	}
	paletted := image.NewPaletted(testBounds, reds)
	ramp(func(x, y int, v uint8) {
		grey16.SetGray16(x, y, color.Gray16{Y: uint16(v)<<8 | uint16(x)})
		rgba.SetRGBA(x, y, color.RGBA{v, v, v, 255})
		rgba64.SetRGBA64(x, y, color.RGBA64{uint16(v) << 8, uint16(v) << 8, uint16(v) << 8, 65535})
		red.SetRGBA(x, y, color.RGBA{v, 0, 0, 255})
		clear.SetNRGBA(x, y, color.NRGBA{v, v, v, 128})
		clear64.SetNRGBA64(x, y, color.NRGBA64{uint16(v) * 257, uint16(v) * 257, uint16(v) * 257, 0x8080})
		paletted.SetColorIndex(x, y, v)
	})
	same := func(v uint8) uint8 { return v }
	ofRed := func(v uint8) uint8 { return uint8((uint32(v)*19595 + 0x8000) >> 16) }
	halved := func(v uint8) uint8 { return uint8((uint32(v)*128 + 127) / 255) }
	cases := []struct {
		name   string
		data   []byte
		format string
		want   func(uint8) uint8
		within int
		warn   string
	}{
		{"grey png", asPNG(t, grey), "png", same, 0, ""},
		{"rgb png", asPNG(t, rgba), "png", same, 0, ""},
		{"16-bit rgb png", asPNG(t, rgba64), "png", same, 0, ""},
		{"red png", asPNG(t, red), "png", ofRed, 0, "colour"},
		{"palette png", asPNG(t, paletted), "png", ofRed, 0, "colour"},
		{"alpha png", asPNG(t, clear), "png", halved, 0, "alpha"},
		{"16-bit alpha png", asPNG(t, clear64), "png", halved, 0, "alpha"},
		{"grey jpeg", asJPEG(t, grey), "jpeg", same, 3, ""},
		{"colour jpeg of grey", asJPEG(t, rgba), "jpeg", same, 3, ""},
		{"red jpeg", asJPEG(t, red), "jpeg", ofRed, 3, "colour"},
		{"grey bmp", asBMP(t, grey), "bmp", same, 0, ""},
		{"rgb bmp", asBMP(t, red), "bmp", ofRed, 0, "colour"},
		// The fourth byte of a plain 32-bit BMP is no alpha.
		{"32-bit bmp", asBMP(t, clear), "bmp", same, 0, ""},
		{"grey tiff", asTIFF(t, grey, tiff.Uncompressed), "tiff", same, 0, ""},
		{"deflated rgb tiff", asTIFF(t, red, tiff.Deflate), "tiff", ofRed, 0, "colour"},
		{"palette tiff", asTIFF(t, paletted, tiff.Uncompressed), "tiff", ofRed, 0, "colour"},
		{"alpha tiff", asTIFF(t, clear, tiff.Uncompressed), "tiff", halved, 1, "alpha"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := Decode(context.Background(), c.data, Limits{TIFF: true})
			if err != nil {
				t.Fatal(err)
			}
			if p.Format != c.format || p.Width != testWidth || p.Height != testHeight {
				t.Errorf("%s of %d x %d", p.Format, p.Width, p.Height)
			}
			got, ok := p.Image.(*image.Gray)
			if !ok || got.Rect != testBounds {
				t.Fatalf("%T with bounds %v", p.Image, p.Image.Bounds())
			}
			ramp(func(x, y int, v uint8) {
				if d := int(got.GrayAt(x, y).Y) - int(c.want(v)); d < -c.within || d > c.within {
					t.Fatalf("grey %d at %d, %d: got %d, want %d", v, x, y, got.GrayAt(x, y).Y, c.want(v))
				}
			})
			if c.warn == "" && len(p.Warnings) > 0 || c.warn != "" && (len(p.Warnings) != 1 || !warned(p, c.warn)) {
				t.Errorf("warnings %q, want %q", p.Warnings, c.warn)
			}
		})
	}
	for name, data := range map[string][]byte{"png": asPNG(t, grey16), "tiff": asTIFF(t, grey16, tiff.Uncompressed)} {
		p, err := Decode(context.Background(), data, Limits{TIFF: true})
		if err != nil {
			t.Fatal(err)
		}
		got, ok := p.Image.(*image.Gray16)
		if !ok || !bytes.Equal(got.Pix, grey16.Pix) {
			t.Errorf("16-bit grey %s became another %T", name, p.Image)
		}
	}
}

func TestLumaIsPillows(t *testing.T) {
	// From Image.new("RGB", (1, 1), rgb).convert("L").
	for rgb, want := range map[[3]uint32]uint8{
		{255, 0, 0}: 76, {0, 255, 0}: 150, {0, 0, 255}: 29, {255, 255, 255}: 255, {1, 2, 3}: 2, {200, 100, 50}: 124, {17, 250, 131}: 167,
	} {
		if got := luma(rgb[0], rgb[1], rgb[2]); got != want {
			t.Errorf("luma of %v is %d, want %d", rgb, got, want)
		}
	}
}

// chunk makes a PNG chunk.
func chunk(kind string, body []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	out = append(append(out, kind...), body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// orientationTIFF is EXIF data that holds an orientation and nothing else.
func orientationTIFF(order binary.AppendByteOrder, v uint16) []byte {
	out := []byte("II*\x00")
	if order.String() == binary.BigEndian.String() {
		out = []byte("MM\x00*")
	}
	out = order.AppendUint32(out, 8)
	for _, field := range []uint16{1, 0x0112, 3} {
		out = order.AppendUint16(out, field)
	}
	out = order.AppendUint32(out, 1)
	return order.AppendUint32(order.AppendUint16(order.AppendUint16(out, v), 0), 0)
}

func withPNGChunk(t testing.TB, p image.Image, kind string, body []byte) []byte {
	file := asPNG(t, p)
	const afterHeader = 8 + 25
	return append(append(append([]byte{}, file[:afterHeader]...), chunk(kind, body)...), file[afterHeader:]...)
}

func withJPEGSegment(t testing.TB, p image.Image, marker byte, body []byte) []byte {
	file := asJPEG(t, p)
	segment := binary.BigEndian.AppendUint16([]byte{0xff, marker}, uint16(len(body)+2))
	return append(append(append([]byte{}, file[:2]...), append(segment, body...)...), file[2:]...)
}

func TestTurnsUpright(t *testing.T) {
	// Where EXIF 2.32, section 4.6.4, puts the first pixel of the stored picture, its
	// right neighbour and the pixel below it, in a picture upright.
	const r, b = testWidth - 1, testHeight - 1
	want := map[uint16][3]image.Point{
		1: {{0, 0}, {1, 0}, {0, 1}}, 2: {{r, 0}, {r - 1, 0}, {r, 1}}, 3: {{r, b}, {r - 1, b}, {r, b - 1}}, 4: {{0, b}, {1, b}, {0, b - 1}},
		5: {{0, 0}, {0, 1}, {1, 0}}, 6: {{b, 0}, {b, 1}, {b - 1, 0}}, 7: {{b, r}, {b, r - 1}, {b - 1, r}}, 8: {{0, r}, {0, r - 1}, {1, r}},
	}
	grey, grey16 := greyRamp(), image.NewGray16(testBounds)
	for _, mark := range []struct {
		x, y int
		v    uint8
	}{{0, 0, 250}, {1, 0, 230}, {0, 1, 240}} {
		grey.SetGray(mark.x, mark.y, color.Gray{Y: mark.v})
	}
	for i, v := range grey.Pix {
		grey16.Pix[2*i], grey16.Pix[2*i+1] = v, v
	}
	for orientation, places := range want {
		little, big := orientationTIFF(binary.LittleEndian, orientation), orientationTIFF(binary.BigEndian, orientation)
		jpegExif := append([]byte("Exif\x00\x00"), big...)
		for name, data := range map[string][]byte{
			"png":             withPNGChunk(t, grey, "eXIf", little),
			"png, as in JPEG": withPNGChunk(t, grey, "eXIf", append([]byte("Exif\x00\x00"), big...)),
			"16-bit png":      withPNGChunk(t, grey16, "eXIf", big),
			"jpeg":            withJPEGSegment(t, grey, 0xe1, jpegExif),
		} {
			p, err := Decode(context.Background(), data, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != testWidth || p.Height != testHeight {
				t.Errorf("%s: the size as stored is %d x %d", name, p.Width, p.Height)
			}
			for i, v := range []int{250, 230, 240} {
				y, _, _, _ := p.Image.At(places[i].X, places[i].Y).RGBA()
				if d := int(y>>8) - v; d < -12 || d > 12 {
					t.Errorf("%s, orientation %d: %d at %v, want %d", name, orientation, y>>8, places[i], v)
				}
			}
			if warned(p, "orientation") != (orientation > 1) {
				t.Errorf("%s, orientation %d: warnings %q", name, orientation, p.Warnings)
			}
		}
	}
}

func TestNamesWhatItDoesNotDecode(t *testing.T) {
	sof := func(marker byte) []byte {
		file := asJPEG(t, greyRamp())
		file[bytes.Index(file, []byte{0xff, 0xc0})+1] = marker
		return file
	}
	twelveBits := asJPEG(t, greyRamp())
	twelveBits[bytes.Index(twelveBits, []byte{0xff, 0xc0})+4] = 12
	animated := fixture(t, "alpha.webp")
	animated[bytes.Index(animated, []byte("VP8X"))+8] |= 2
	for want, data := range map[string][]byte{
		"GIF": []byte("GIF89a\x10\x00\x10\x00"), "PDF": []byte("%PDF-1.7\n"),
		"JPEG 2000": []byte("\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00"), "HEIC": []byte("\x00\x00\x00\x18ftypheic\x00\x00"),
		"AVIF": []byte("\x00\x00\x00\x18ftypavif"), "TIFF is switched off": asTIFF(t, greyRamp(), tiff.Uncompressed),
		"WebP is switched off": fixture(t, "lossy.webp"), "arithmetic": sof(0xc9), "lossless": sof(0xc3), "JPEG-LS": sof(0xf7), "12 bits": twelveBits,
	} {
		_, err := Decode(context.Background(), data, Limits{})
		if !errors.Is(err, ErrUnknownFormat) || !bytes.Contains([]byte(err.Error()), bytes.TrimSpace([]byte(want))) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := Decode(context.Background(), animated, Limits{WebP: true}); !errors.Is(err, ErrUnknownFormat) {
		t.Errorf("animated WebP: %v", err)
	}
}

func TestRefusesWhatCannotBeARadiograph(t *testing.T) {
	size := func(w, h int) *image.Gray {
		p := image.NewGray(image.Rect(0, 0, w, h))
		for i := range p.Pix {
			p.Pix[i] = uint8(i * 7)
		}
		return p
	}
	flat8, flat16 := image.NewGray(testBounds), image.NewGray16(testBounds)
	for i := range flat8.Pix {
		flat8.Pix[i] = 100 + uint8(i%3)
		flat16.Pix[2*i] = 100
	}
	for name, data := range map[string][]byte{
		"one pixel": asPNG(t, size(1, 1)), "15 wide": asPNG(t, size(15, 300)), "15 high": asJPEG(t, size(300, 15)),
		"nearly flat png": asPNG(t, flat8), "flat jpeg": asJPEG(t, image.NewGray(testBounds)), "flat 16-bit": asPNG(t, flat16),
		"transparent": asPNG(t, image.NewNRGBA(testBounds)),
	} {
		if _, err := Decode(context.Background(), data, Limits{}); !errors.Is(err, ErrNotRadiograph) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := Decode(context.Background(), asPNG(t, size(16, 90)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !warned(p, "small") || !warned(p, "aspect") {
		t.Errorf("warnings %q", p.Warnings)
	}
}
