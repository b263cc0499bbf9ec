package jpeg2000

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/codec"
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
			if !errors.Is(err, codec.ErrDamaged) && !errors.Is(err, codec.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if h.Samples() > 1<<19 {
			return
		}
		to := make([]uint16, h.Samples())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		err = Decode(context.Background(), data, to)
		if took := time.Since(begin); took > 2*time.Second {
			// A busy machine may have been the reason.
			begin = time.Now()
			if _ = Decode(context.Background(), data, to); time.Since(begin) > 2*time.Second {
				t.Fatalf("took %v and %v", took, time.Since(begin))
			}
			return
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > uint64(h.Memory) {
			t.Fatalf("allocated %d bytes, announced %d", n, h.Memory)
		}
		if err != nil && !errors.Is(err, codec.ErrDamaged) && !errors.Is(err, codec.ErrUnsupported) {
			t.Fatal(err)
		}
	})
}
