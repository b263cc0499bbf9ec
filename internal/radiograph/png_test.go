package radiograph

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"
)

// pngGolden are files that testdata/png.py wrote, and what OpenCV or Pillow makes of them in grey: nothing where both refuse, or
// libpng alone does for damage.
func pngGolden(t testing.TB) (bounds image.Rectangle, files map[string]pngGoldenFile) {
	var golden struct {
		Width, Height int
		Files         map[string]pngGoldenFile
	}
	if err := json.Unmarshal(fixture(t, "png.json"), &golden); err != nil {
		t.Fatal(err)
	}
	return image.Rect(0, 0, golden.Width, golden.Height), golden.Files
}

type pngGoldenFile struct {
	File, Grey []byte
	Deep       bool // Grey is of 16-bit samples
}

// asDeep is a grey picture's pixels in 16 bits, big-endian.
func asDeep(p image.Image) []byte {
	switch p := p.(type) {
	case *image.Gray:
		out := make([]byte, 0, 2*len(p.Pix))
		for _, v := range p.Pix {
			out = append(out, v, v)
		}
		return out
	case *image.Gray16:
		return p.Pix
	}
	return nil
}

func TestReadsPNGAsOthersDo(t *testing.T) {
	bounds, files := pngGolden(t)
	for name, c := range files {
		t.Run(name, func(t *testing.T) {
			p, err := Decode(t.Context(), c.File, Limits{})
			if c.Grey == nil {
				if !errors.Is(err, ErrNotPicture) && !errors.Is(err, ErrUnknownFormat) {
					t.Fatalf("%v, and others refuse it", err)
				}
				t.Log(err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.Image.Bounds() != bounds {
				t.Fatalf("bounds %v", p.Image.Bounds())
			}
			want := c.Grey
			if !c.Deep {
				want = asDeep(&image.Gray{Pix: want})
			}
			if got := asDeep(p.Image); !bytes.Equal(got, want) {
				t.Errorf("pixels differ, the first at byte %d", firstDifference(got, want))
			}
		})
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// rawPNG is a file of the given IHDR values whose rows, with their filters, are raw.
func rawPNG(t testing.TB, width, height int, depth, colour byte, raw []byte, before ...[]byte) []byte {
	file := append([]byte(pngMagic), chunk("IHDR", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(width)), uint32(height)), depth, colour, 0, 0, 0))...)
	for _, c := range before {
		file = append(file, c...)
	}
	var stream bytes.Buffer
	z := zlib.NewWriter(&stream)
	if _, err := z.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return append(append(file, chunk("IDAT", stream.Bytes())...), chunk("IEND", nil)...)
}

// TestOnePictureInManyPNGs encodes one grey picture in all ways that keep it.
func TestOnePictureInManyPNGs(t *testing.T) {
	grey := greyRamp()
	grey16, grey16zeros := image.NewGray16(testBounds), image.NewGray16(testBounds)
	rgba, rgba64 := image.NewNRGBA(testBounds), image.NewNRGBA64(testBounds)
	var greys color.Palette
	for i := range 256 {
		greys = append(greys, color.Gray{uint8(255 - i)})
	}
	paletted := image.NewPaletted(testBounds, greys)
	var greyAlpha, greyAlpha16 []byte
	ramp(func(x, y int, v uint8) {
		wide := uint16(v) * 257
		grey16.SetGray16(x, y, color.Gray16{Y: wide})
		grey16zeros.SetGray16(x, y, color.Gray16{Y: uint16(v) << 8})
		rgba.SetNRGBA(x, y, color.NRGBA{v, v, v, 255})
		rgba64.SetNRGBA64(x, y, color.NRGBA64{wide, wide, wide, 65535})
		paletted.SetColorIndex(x, y, 255-v)
		if x == 0 {
			greyAlpha, greyAlpha16 = append(greyAlpha, 0), append(greyAlpha16, 0)
		}
		greyAlpha, greyAlpha16 = append(greyAlpha, v, 255), append(greyAlpha16, v, v, 255, 255)
	})
	for name, data := range map[string][]byte{
		"grey": asPNG(t, grey), "grey 16": asPNG(t, grey16), "grey 16, zeros below": asPNG(t, grey16zeros), "rgb": asPNG(t, rgba),
		"rgb 16": asPNG(t, rgba64), "palette": asPNG(t, paletted), "grey alpha": rawPNG(t, testWidth, testHeight, 8, pngGreyAlpha, greyAlpha),
		"grey alpha 16":   rawPNG(t, testWidth, testHeight, 16, pngGreyAlpha, greyAlpha16),
		"grey 16, sBIT":   withPNGChunk(t, grey16, "sBIT", []byte{8}),
		"rgb 16, sBIT":    withPNGChunk(t, rgba64, "sBIT", []byte{8, 8, 8}),
		"grey 16, sBIT 5": withPNGChunk(t, grey16, "sBIT", []byte{5}),
	} {
		p, err := Decode(t.Context(), data, Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, ok := p.Image.(*image.Gray); !ok || !bytes.Equal(got.Pix, grey.Pix) {
			t.Errorf("%s: another picture, %T", name, p.Image)
		}
		if len(p.Warnings) > 0 {
			t.Errorf("%s: %q", name, p.Warnings)
		}
	}
}

// large is a picture of 2000 x 1500 pixels of 16-bit red, green, blue and alpha, 24 MB in colour.
func largeDeepPNG(t testing.TB) []byte {
	const w, h = 2000, 1500
	raw := make([]byte, h*(1+8*w))
	for y := range h {
		row := raw[y*(1+8*w)+1:][:8*w]
		for x := range w {
			v := uint16(x*y*13 + x)
			for i := range 3 {
				binary.BigEndian.PutUint16(row[8*x+2*i:], v)
			}
			binary.BigEndian.PutUint16(row[8*x+6:], 65535)
		}
	}
	return rawPNG(t, w, h, 16, pngRGBAlpha, raw)
}

func TestPNGTakesTheMemoryOfItsGrey(t *testing.T) {
	data := largeDeepPNG(t)
	h, err := Inspect(data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Decode(t.Context(), data); err != nil { // fills the pools
		t.Fatal(err)
	}
	taken := allocated(func() { _, err = h.Decode(t.Context(), data) })
	if err != nil {
		t.Fatal(err)
	}
	const grey = 2 * 2000 * 1500
	if h.Memory < grey || h.Memory > grey+1<<20 || taken > uint64(h.Memory) {
		t.Errorf("%d bytes taken and %d announced for %d of grey", taken, h.Memory, grey)
	}
}

// emptyBlocks is a zlib stream of blocks that hold nothing: a fixed code's end of block, ten bits each.
func emptyBlocks(n int) []byte {
	out := []byte{0x78, 0x01}
	// 0 (not the last), 01 (fixed codes, low bit first), 0000000 (end of block).
	for range n / 4 {
		out = append(out, 0x02, 0x08, 0x20, 0x80, 0x00)
	}
	return out
}

func TestHostilePNGsStopWhenTheContextEnds(t *testing.T) {
	empties := append([]byte(pngMagic), chunk("IHDR", []byte{0, 0, 0x10, 0, 0, 0, 0x10, 0, 8, pngGrey, 0, 0, 0})...)
	blocks := bytes.Clone(empties)
	blocks = append(blocks, chunk("IDAT", emptyBlocks(64<<20/10*8))...)
	for range 500_000 {
		empties = append(empties, chunk("IDAT", nil)...)
	}
	empties = append(append(empties, chunk("IDAT", make([]byte, 1<<20))...), chunk("IEND", nil)...)
	blocks = append(blocks, chunk("IEND", nil)...)
	for name, data := range map[string][]byte{"empty blocks": blocks, "large": largeDeepPNG(t), "empty chunks": empties} {
		h, err := Inspect(data, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cause := errors.New("no time left")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, cause)
		_, err = h.Decode(ctx, data)
		if cancel(); !errors.Is(err, cause) && name != "empty chunks" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A bomb costs what its header says: what it holds beyond its rows is not inflated.
	var bomb []byte
	bomb = append(bomb, make([]byte, 64<<20)...)
	for i := range 20 {
		for x := range 24 {
			bomb[i*25+1+x] = byte(i * x)
		}
	}
	data := rawPNG(t, 24, 20, 8, pngGrey, bomb)
	var err error
	if taken := allocated(func() { _, err = Decode(t.Context(), data, Limits{}) }); err != nil || taken > 1<<20 {
		t.Errorf("%v, %d bytes taken", err, taken)
	}
}

// TestKeyOfFewBits has the samples 0 to 3, of which 2 is transparent. OpenCV leaves such a key out, and Pillow compares it with
// samples that were scaled already; the specification (section 11.3.2.1) compares those stored.
func TestKeyOfFewBits(t *testing.T) {
	raw := bytes.Repeat([]byte{0, 0x1b, 0x1b, 0x1b, 0x1b}, 16)
	p, err := Decode(t.Context(), rawPNG(t, 16, 16, 2, pngGrey, raw, chunk("tRNS", []byte{0, 2})), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Image.(*image.Gray).Pix[:4]; !bytes.Equal(got, []byte{0, 85, 0, 255}) || !warned(p, "alpha") {
		t.Errorf("%v, %q", got, p.Warnings)
	}
}

func TestKeyOf16BitsIsTransparent(t *testing.T) {
	p := image.NewGray16(testBounds)
	ramp(func(x, y int, v uint8) { p.SetGray16(x, y, color.Gray16{Y: uint16(v)*257 + uint16(x)}) })
	p.SetGray16(5, 5, color.Gray16{Y: 0x8182})
	got, err := Decode(t.Context(), withPNGChunk(t, p, "tRNS", []byte{0x81, 0x82}), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p.SetGray16(5, 5, color.Gray16{})
	if !warned(got, "alpha") || !bytes.Equal(got.Image.(*image.Gray16).Pix, p.Pix) {
		t.Errorf("warnings %q, or more than the key was cleared", got.Warnings)
	}
}

// FuzzPNGLikeImagePNG makes whole files of any rows, palette and transparency, and holds the reader against the standard library's,
// which reads fewer of them.
func FuzzPNGLikeImagePNG(f *testing.F) {
	kinds := []struct{ depth, colour byte }{{1, 0}, {2, 0}, {4, 0}, {8, 0}, {16, 0}, {8, 2}, {16, 2}, {1, 3}, {2, 3}, {4, 3}, {8, 3}, {8, 4}, {16, 4}, {8, 6}, {16, 6}}
	for i := range kinds {
		f.Add(uint8(2*i), uint8(3), uint8(1), []byte("abcdefghi"), []byte{0, 1}, []byte("\x01rows and rows\x04 and more of them"))
		f.Add(uint8(2*i+1), uint8(0), uint8(7), []byte("abc"), []byte{0, 0, 0, 1, 0, 2}, []byte("\x03rows and rows\x02 and more of them"))
	}
	f.Fuzz(func(t *testing.T, kind, width, height uint8, palette, transparent, rows []byte) {
		if len(palette) > 3*256 || len(transparent) > 256 || len(rows) > 64 {
			return // Go would take its time to shorten them
		}
		k := kinds[int(kind/2)%len(kinds)]
		file := pngFile{width: 16 + int(width%32), height: 16 + int(height%32), depth: k.depth, colour: k.colour, interlaced: kind%2 == 1}
		raw := make([]byte, file.rawBytes())
		for i := range raw {
			if len(rows) > 0 {
				raw[i] = rows[i%len(rows)] ^ byte(i/len(rows))
			}
		}
		at := 0
		for _, pass := range file.passes() {
			w, h := pass.size(file.width, file.height)
			for range h {
				raw[at] %= 5
				at += 1 + file.rowBytes(w)
			}
		}
		var before [][]byte
		if k.colour == pngPalette {
			before = append(before, chunk("PLTE", append(palette[:min(len(palette)/3*3, 3<<k.depth)], 1, 2, 3)[:3*max(1, min(len(palette)/3, 1<<k.depth))]))
		}
		if len(transparent) > 0 {
			before = append(before, chunk("tRNS", transparent))
		}
		data := rawPNG(t, file.width, file.height, k.depth, k.colour, raw, before...)
		if file.interlaced {
			copy(data[len(pngMagic):], chunk("IHDR", append(bytes.Clone(data[16:28]), 1)))
		}
		ours, err := pngCodec.decode(t.Context(), data, header{width: file.width, height: file.height})
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		want, theirSeen, err := toGrey(theirs, told{})
		if err != nil {
			t.Fatal(err)
		}
		// The standard library takes a tRNS chunk that is too long, and a key of more bits than the samples otherwise than libpng.
		if len(transparent) > 0 && (k.colour == pngPalette && 3*len(transparent) > len(before[0])-12 || k.colour != pngPalette && (len(transparent) != 2*pngChannels[k.colour] || k.depth < 8 && (transparent[0] > 0 || transparent[1]>>k.depth > 0))) {
			return
		}
		if a, b := asDeep(ours.grey), asDeep(want); !bytes.Equal(a, b) {
			t.Errorf("differs from image/png, the first at byte %d: %T, %T", firstDifference(a, b), ours.grey, want)
		}
		if ours.seen.transparent != theirSeen.transparent || ours.seen.coloured != theirSeen.coloured {
			t.Errorf("saw %+v, and %+v in what image/png reads", ours.seen, theirSeen)
		}
	})
}

func BenchmarkPNG(b *testing.B) {
	for _, side := range []int{224, 2000} {
		p := image.NewGray(image.Rect(0, 0, side, side))
		for i := range p.Pix {
			x, y := i%side, i/side
			p.Pix[i] = uint8((x*x+y*y)*255/(2*side*side)) + uint8((x*7919^y*104729)>>3&7)
		}
		data := asPNG(b, p)
		b.Run(fmt.Sprintf("%d/ours", side), func(b *testing.B) {
			b.SetBytes(int64(len(p.Pix)))
			for b.Loop() {
				if _, err := Decode(b.Context(), data, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%d/image-png", side), func(b *testing.B) {
			b.SetBytes(int64(len(p.Pix)))
			for b.Loop() {
				if _, err := png.Decode(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
