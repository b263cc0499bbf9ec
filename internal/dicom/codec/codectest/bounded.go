package codectest

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/codec"
)

const (
	// most is how many samples a fuzzed picture may have, so that many inputs are tried.
	most = 1 << 20
	// longest is what decoding one may take, fuzzing and the race detector included.
	longest = 2 * time.Second
)

// KnownError fails for errors that are none of package codec's.
func KnownError(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, codec.ErrDamaged) && !errors.Is(err, codec.ErrUnsupported) {
		t.Fatalf("an error of no known kind: %v", err)
	}
}

// others is what the rest of the process may allocate meanwhile: the counter is not of one goroutine.
const others = 1 << 18

// Bounded decodes a fuzzed picture twice and holds what every decoder promises: an error of a known kind or a whole picture,
// the same each time, whatever was in the samples before, and no more time and memory than bounds allow. Pictures of
// very many samples are left out.
func Bounded(t *testing.T, h codec.Header, decode func(to []uint16) error) {
	t.Helper()
	if min(h.Width, h.Height, h.Components, h.Bits) < 1 || h.Bits > 16 || h.Memory < 0 || h.Work < 1 || h.LeastBytes < 0 {
		t.Fatalf("a header that cannot be: %+v", h)
	}
	if int64(h.Width)*int64(h.Height)*int64(h.Components) > most {
		return
	}
	first, second := make([]uint16, h.Samples()), make([]uint16, h.Samples())
	for i := range second {
		second[i] = 0xa5a5
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := decode(first)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if took > longest {
		t.Fatalf("%v for %+v", took, h)
	}
	declared := uint64(2*h.Samples()) + uint64(h.Memory)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4*declared+others {
		t.Fatalf("%d bytes were allocated; %d are declared", used, declared)
	}
	again := decode(second)
	if (err == nil) != (again == nil) {
		t.Fatalf("first %v, then %v", err, again)
	}
	if err != nil {
		KnownError(t, err)
		return
	}
	if !slices.Equal(first, second) {
		t.Fatal("samples depend on what was there before")
	}
}
