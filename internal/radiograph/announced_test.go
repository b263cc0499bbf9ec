package radiograph

import (
	"context"
	"image"
	"math/rand/v2"
	"testing"

	"golang.org/x/image/tiff"
)

// TestDecodingTakesNoMoreThanAnnounced counts what is allocated, all that is freed again included, where a codec keeps nothing
// for the next file.
func TestDecodingTakesNoMoreThanAnnounced(t *testing.T) {
	big := image.NewGray(image.Rect(0, 0, 800, 600))
	for i := range big.Pix {
		big.Pix[i] = uint8(i%800 + i/800)
	}
	colour := image.NewNRGBA(big.Rect)
	for i, v := range big.Pix {
		colour.Pix[4*i], colour.Pix[4*i+1], colour.Pix[4*i+2], colour.Pix[4*i+3] = v, v, v, 255
	}
	files := map[string][]byte{"bmp of 32 bits": asBMP(t, colour), "tiff of RGBA": asTIFF(t, colour, tiff.Deflate), "tiff of grey": asTIFF(t, big, tiff.Uncompressed)}
	for name, w := range map[string]tiffWay{
		"tiff of 16 bits":       {bits: 16, colours: 1, photometric: 1, compression: tiffDeflate, predicted: true, height: 600},
		"tiff of turned tiles":  {bits: 8, colours: 1, photometric: 1, compression: tiffDeflate, tiled: true, width: 64, height: 64, orientation: 6},
		"tiff of separate RGBA": {bits: 16, colours: 3, extra: 1, alpha: 2, photometric: 2, compression: tiffDeflate, separate: true, height: 600},
	} {
		files[name] = w.encode(rand.New(rand.NewPCG(1, 1)), big)
	}
	for _, name := range []string{"lossless.webp", "lossy.webp", "alpha.webp"} {
		files[name] = fixture(t, name)
	}
	for name, data := range files {
		h, err := Inspect(data, everything)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := h.Decode(context.Background(), data); err != nil { // fills the pools
			t.Fatalf("%s: %v", name, err)
		}
		taken := allocated(func() { _, err = h.Decode(context.Background(), data) })
		// Small things are not counted: readers, tags, palettes.
		if small := uint64(64 << 10); err != nil || taken > uint64(h.Memory)+small {
			t.Errorf("%s: %d bytes taken, %d announced; %v", name, taken, h.Memory, err)
		}
	}
}
