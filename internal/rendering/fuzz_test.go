package rendering

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// FuzzRendering: whatever can be decoded can be shown, within the size and the memory that its headers announce.
func FuzzRendering(f *testing.F) {
	f.Add(testmodel.PNG(64, 40, 1), uint16(64))
	f.Add(testmodel.JPEG(300, 280, 2), uint16(70))
	f.Add(testmodel.JPEG(17, 200, 2), uint16(2048))
	f.Add(testfilm.File(1, 60, 70), uint16(50))
	f.Add(testmodel.Film(testmodel.Picture(40, 30, 3), deepen), uint16(64))
	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		longest := 64 + int(size)%1985
		h, err := radiograph.Inspect(data, radiograph.Limits{MaxPixels: 1 << 17, TIFF: true, WebP: true, Target: image.Pt(longest, longest)})
		if err != nil {
			return
		}
		p, err := h.Decode(t.Context(), data)
		if err != nil {
			return
		}
		grey, err := Grey(p, longest)
		if err != nil {
			t.Fatal(err)
		}
		if grey.Rect.Dx() > longest || grey.Rect.Dy() > longest || grey.Rect.Empty() {
			t.Fatalf("%v, at most %d", grey.Rect, longest)
		}
		file, err := PNG(t.Context(), grey)
		if err != nil {
			t.Fatal(err)
		}
		if int64(len(grey.Pix)+len(file)) > Memory(h, longest) {
			t.Fatalf("%d and %d bytes, announced %d", len(grey.Pix), len(file), Memory(h, longest))
		}
		if got, err := png.Decode(bytes.NewReader(file)); err != nil || !bytes.Equal(got.(*image.Gray).Pix, grey.Pix) {
			t.Fatalf("the file is another picture: %v", err)
		}
	})
}
