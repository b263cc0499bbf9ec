package jpegls

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

// FuzzDecode looks for streams that panic, take long or much memory, or fail without saying why.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens(f) {
		if len(g.stream) < 2000 {
			f.Add(g.stream)
		}
	}
	for _, e := range []encoder{
		{bits: 8, presets: &presets{maxval: 100, reset: 3}}, {bits: 16, near: 3, restart: 2}, {bits: 5, count: 2, interleave: bySample},
		{bits: 16, presets: &presets{reset: 65535}}, {bits: 12, count: 3},
	} {
		e.width, e.height, e.count = 13, 9, max(e.count, 1)
		most := 1<<e.bits - 1
		if e.presets != nil && e.presets.maxval > 0 {
			most = e.presets.maxval
		}
		f.Add(e.encode(synthetic(e.width, e.height, e.count, most, 1, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := Inspect(data)
		if err != nil {
			if !errors.Is(err, codec.ErrDamaged) && !errors.Is(err, codec.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if h.Width < 1 || h.Height < 1 || h.Components < 1 || h.Components > maxComponents || h.Bits < 2 || h.Bits > 16 || h.Signed {
			t.Fatalf("%+v", h)
		}
		if h.Samples() > 1<<20 {
			return
		}
		to := make([]uint16, h.Samples())
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		err = Decode(context.Background(), data, to)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		if took > 2*time.Second {
			t.Fatalf("%d samples take %v", h.Samples(), took)
		}
		if used := int64(after.TotalAlloc - before.TotalAlloc); used > h.Memory+1<<20 || h.Memory > 4*2*int64(len(to))+decoderBytes+1<<10 {
			t.Fatalf("%d bytes for %d samples, says %d", used, len(to), h.Memory)
		}
		if slow, ok := plainly(data); ok && ((slow == nil) != (err != nil) || err == nil && !slices.Equal(slow, to)) {
			t.Fatalf("otherwise than step by step (%v)", err)
		}
		if err != nil {
			if !errors.Is(err, codec.ErrDamaged) && !errors.Is(err, codec.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if int64(len(data)) < h.LeastBytes {
			t.Fatalf("decodes %d bytes, wants at least %d", len(data), h.LeastBytes)
		}
		most := slices.Max(to)
		if int(most) >= 1<<h.Bits {
			t.Fatalf("a sample of %d, of %d bits", most, h.Bits)
		}
	})
}
