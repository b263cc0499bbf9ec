package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
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

// edited fuzzes files by short edits of them, after which mend, if there is one, may put check sums right.
func edited(f *testing.F, files [][]byte, mend func([]byte), tokens ...string) {
	for i := range files {
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 40, 1, 255, 1, 1, 0, 0, 0, 1})
	}
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		if len(edits) > testmodel.MaxEdits {
			return
		}
		data := testmodel.Edited(files[int(which)%len(files)], edits, tokens)
		if mend != nil {
			mend(data)
		}
		decodeFuzzed(t, data)
	})
}

// named are files of everyFormat.
func named(f *testing.F, names ...string) (files [][]byte) {
	all := everyFormat(f)
	for _, name := range names {
		file, ok := all[name]
		if !ok {
			f.Fatalf("no file %q", name)
		}
		files = append(files, bytes.Clone(file))
	}
	return files
}

func FuzzPNG(f *testing.F) {
	files := append(named(f, "png"), asPNG(f, realDepth(12)), withPNGChunk(f, realDepth(12), "sBIT", []byte{12}))
	_, golden := pngGolden(f)
	for _, c := range golden {
		files = append(files, c.File)
	}
	edited(f, files, mendPNG, "IHDR", "IDAT", "PLTE", "tRNS", "sBIT", "eXIf", "IEND", "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x7f\xff\xff\xff")
}

// mendPNG puts the check sums of chunks right, or few edits would get past them.
func mendPNG(data []byte) {
	for at := len(pngMagic); at+12 <= len(data); {
		length := int(binary.BigEndian.Uint32(data[at:]))
		if length > len(data)-at-12 {
			return
		}
		binary.BigEndian.PutUint32(data[at+8+length:], crc32.ChecksumIEEE(data[at+4:at+8+length]))
		at += 12 + length
	}
}

func FuzzBMP(f *testing.F) {
	edited(f, named(f, "bmp", "bmp runs", "bmp masks", "bmp os2"), nil, "\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x28\x00\x00\x00", "\x7c\x00\x00\x00", "\x00\x01", "\x00\x02")
}

func FuzzJPEG(f *testing.F) {
	edited(f, named(f, "jpeg", "colour_420.jpg", "grey_progressive.jpg", "colour_progressive.jpg", "restart.jpg", "cmyk.jpg", "rgb.jpg"), nil,
		"\xff\xc0", "\xff\xc2", "\xff\xc4", "\xff\xd0", "\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xdb", "\xff\xdd", "\xff\xee", "\xff\x00")
}

func FuzzTIFF(f *testing.F) {
	edited(f, named(f, "tiff", "tiff deflated", "tiff tiled", "tiff planes", "tiff pages"), nil,
		"\x00\x00\x00\x00", "\xff\xff\xff\xff", "\x03\x00", "\x00\x03", "\x04\x00", "\x10\x00", "\x01\x01", "\x02\x01", "\x06\x01", "\x11\x01", "\x15\x01", "\x1c\x01", "\x42\x01", "\x52\x01")
}

func FuzzWebP(f *testing.F) {
	edited(f, named(f, "lossless.webp", "lossy.webp", "alpha.webp"), nil, "VP8X", "VP8L", "VP8 ", "ALPH", "EXIF", "ANIM", "\xff\xff\xff\x00", "\x00\x00\x00\x00")
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if v := exifOrientation(data); v < 0 || v > 8 {
			t.Fatalf("orientation %d", v)
		}
	})
}
