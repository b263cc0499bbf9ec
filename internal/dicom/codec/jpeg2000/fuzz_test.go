package jpeg2000

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// FuzzDecode looks for panics, for inputs that take long, and for more memory than the header announces.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.data)
	}
	highThroughput, err := os.ReadFile(filepath.Join("testdata", "high-throughput.jph"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(highThroughput)
	f.Add(bomb(300, 65535, 5, 0x22, orderRPCL, 3000))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Inspect(data)
		if err != nil {
			codectest.KnownError(t, err)
			return
		}
		if h.Samples() > 1<<19 {
			return
		}
		codectest.Bounded(t, data, h, func(to []uint16) error { return Decode(context.Background(), data, to) })
	})
}
