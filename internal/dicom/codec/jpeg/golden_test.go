package jpeg

import (
	"context"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

func decoded(t testing.TB, data []byte) []uint16 {
	t.Helper()
	h, err := Inspect(data)
	if err != nil {
		t.Fatal(err)
	}
	if h.LeastBytes > int64(len(data)) {
		t.Fatalf("%d bytes at least, of %d", h.LeastBytes, len(data))
	}
	to := make([]uint16, h.Samples())
	if err := Decode(context.Background(), data, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestGoldens compares streams of dcmtk, gdcm, libjpeg-turbo and a plain encoder with what other decoders find in them.
func TestGoldens(t *testing.T) {
	for _, g := range codectest.Goldens(t) {
		t.Run(g.Name, func(t *testing.T) {
			h, err := Inspect(g.Stream)
			if err != nil {
				t.Fatal(err)
			}
			if h.Width != g.Width || h.Height != g.Height || h.Components != g.Components || h.Signed {
				t.Errorf("%+v", h)
			}
			if h.Bits != g.Bits && !(h.Bits == 16 && g.Bits > 8) { // dcmtk and gdcm code all above 8 bits as 16
				t.Errorf("%d bits; the picture has %d", h.Bits, g.Bits)
			}
			if got := codectest.Digest(decoded(t, g.Stream)); got != g.Digest {
				t.Errorf("samples differ from those of %v", g.Readers)
			}
		})
	}
}
