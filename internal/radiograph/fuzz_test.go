package radiograph

import (
	"context"
	"errors"
	"image"
	"testing"
)

// decodeFuzzed holds what is promised of any bytes at all: a known error or a sound
// picture, within the limits, and no more memory than they imply.
func decodeFuzzed(t *testing.T, data []byte) {
	limits := everything
	limits.MaxPixels = 1 << 16
	var p *Picture
	var err error
	taken := allocated(func() { p, err = Decode(context.Background(), data, limits) })
	// Beside the pixels the decoders keep tables and windows, and a TIFF its strip
	// offsets and buffers that double as they grow.
	if most := uint64(4*bytesPerPixel*limits.MaxPixels + 64*len(data) + 4<<20); taken > most && !isWebP(data) {
		t.Errorf("%d bytes taken for %d bytes of file, at most %d", taken, len(data), most)
	}
	if p, err := Decode(context.Background(), data, Limits{TIFF: true, WebP: true, MaxPixels: limits.MaxPixels, Bits: 12}); err == nil && p.Image == nil {
		t.Fatal("neither a picture nor an error with bits told")
	}
	limits.Target = image.Pt(8, 8)
	reduced, reducedErr := Decode(context.Background(), data, limits)
	// The means of a picture can be all one grey where its pixels are not.
	if (err == nil) != (reducedErr == nil) && !errors.Is(reducedErr, ErrNotRadiograph) {
		t.Fatalf("%v, but %v for a target", err, reducedErr)
	}
	if reduced != nil && (reduced.Width != p.Width || reduced.Height != p.Height) {
		t.Fatalf("%d x %d, but %d x %d for a target", p.Width, p.Height, reduced.Width, reduced.Height)
	}
	if err != nil {
		for _, known := range []error{ErrNotPicture, ErrTooLarge, ErrUnknownFormat, ErrNotRadiograph, ErrDepth} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("an error of no kind: %v", err)
	}
	size := p.Image.Bounds().Size()
	if p.Image.Bounds().Min != (image.Point{}) || size.X*size.Y != p.Width*p.Height || size.X*size.Y > limits.MaxPixels || min(size.X, size.Y) < MinSide {
		t.Fatalf("bounds %v for %d x %d", p.Image.Bounds(), p.Width, p.Height)
	}
	switch g := p.Image.(type) {
	case *image.Gray:
		_ = g.GrayAt(size.X-1, size.Y-1)
	case *image.Gray16:
		_ = g.Gray16At(size.X-1, size.Y-1)
	default:
		t.Fatalf("%T", p.Image)
	}
}

// isWebP tells the format whose Huffman tables may take more than the pixels.
func isWebP(data []byte) bool { return len(data) > 12 && string(data[8:12]) == "WEBP" }

func seeded(f *testing.F, formats ...string) {
	files := everyFormat(f)
	for _, name := range formats {
		file, ok := files[name]
		if !ok {
			f.Fatalf("no file %q", name)
		}
		f.Add(file)
	}
	f.Fuzz(decodeFuzzed)
}

func FuzzPNG(f *testing.F) {
	_, files := pngGolden(f)
	for _, c := range files {
		f.Add(c.File)
	}
	f.Add(asPNG(f, realDepth(12)))
	f.Add(withPNGChunk(f, realDepth(12), "sBIT", []byte{12}))
	seeded(f, "png")
}
func FuzzBMP(f *testing.F) { seeded(f, "bmp", "bmp runs", "bmp masks", "bmp os2") }
func FuzzJPEG(f *testing.F) {
	seeded(f, "jpeg", "colour_420.jpg", "grey_progressive.jpg", "colour_progressive.jpg", "restart.jpg", "cmyk.jpg", "rgb.jpg")
}
func FuzzTIFF(f *testing.F) {
	seeded(f, "tiff", "tiff deflated", "tiff tiled", "tiff planes", "tiff pages")
}
func FuzzWebP(f *testing.F) { seeded(f, "lossless.webp", "lossy.webp", "alpha.webp") }

func FuzzOrientation(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if v := exifOrientation(data); v < 0 || v > 8 {
			t.Fatalf("orientation %d", v)
		}
	})
}
