package jpegls

import (
	"context"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
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
			codectest.KnownError(t, err)
			return
		}
		if h.Components > maxComponents || h.Bits < 2 || h.Signed {
			t.Fatalf("%+v", h)
		}
		if h.Memory > 4*2*int64(h.Samples())+decoderBytes+1<<10 {
			t.Fatalf("%d bytes for %d samples", h.Memory, h.Samples())
		}
		decoded := false
		samples := codectest.Bounded(t, data, h, func(to []uint16) error {
			decoded = true
			return Decode(context.Background(), data, to)
		})
		if !decoded {
			return
		}
		if slow, ok := plainly(data); ok && !slices.Equal(slow, samples) {
			t.Fatal("otherwise than step by step")
		}
		if samples != nil && int(slices.Max(samples)) >= 1<<h.Bits {
			t.Fatalf("a sample of %d, of %d bits", slices.Max(samples), h.Bits)
		}
	})
}
