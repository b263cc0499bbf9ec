package rendering

import (
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/radiograph/pixels"
)

// BenchmarkRendering is the whole way from a file to a PNG of 1024 pixels, for real films beside a checkout.
// SPIKERAY_SHARED may name their folder.
func BenchmarkRendering(b *testing.B) {
	folder := os.Getenv("SPIKERAY_SHARED")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared")
	}
	for name, pattern := range map[string]string{
		"dicom of 3.6 MP": filepath.Join("dicom", "chest", "rg1_fromJLSN_explicitLE.dcm"),
		"jpeg of 1.9 MP":  filepath.Join("originals", "NORMAL", "IM-0214-0001.jpeg"),
	} {
		b.Run(name, func(b *testing.B) {
			data, err := os.ReadFile(filepath.Join(folder, "data", pattern))
			if err != nil {
				b.Skip("no real films here: ../shared/data is absent")
			}
			for b.Loop() {
				h, err := radiograph.Inspect(data, radiograph.Limits{Target: image.Pt(1024, 1024)})
				if err != nil {
					b.Fatal(err)
				}
				p, err := h.Decode(b.Context(), data)
				if err != nil {
					b.Fatal(err)
				}
				grey, err := Grey(p, 1024)
				p.Release()
				if err != nil {
					b.Fatal(err)
				}
				if _, err := PNG(b.Context(), grey); err != nil {
					b.Fatal(err)
				}
				pixels.Release(grey)
			}
		})
	}
}
