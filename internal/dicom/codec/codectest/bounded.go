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

// Bounded decodes a fuzzed stream twice and holds what every decoder promises: an error of a known kind or a whole picture,
// the same each time, whatever was in the samples before, of a stream no shorter than the header says, and no more memory
// than it says. One of the two must be within the time, as a busy machine may slow the other. Bounded returns the samples,
// or nil if there is an error or the picture has so many samples that it is left out.
func Bounded(t *testing.T, data []byte, h codec.Header, decode func(to []uint16) error) []uint16 {
	t.Helper()
	if min(h.Width, h.Height, h.Components, h.Bits) < 1 || h.Bits > 16 || h.Memory < 0 || h.Work < 1 || h.LeastBytes < 0 {
		t.Fatalf("a header that cannot be: %+v", h)
	}
	if int64(h.Width)*int64(h.Height)*int64(h.Components) > most {
		return nil
	}
	first, second := make([]uint16, h.Samples()), make([]uint16, h.Samples())
	for i := range second {
		second[i] = 0xa5a5
	}
	took, err := measured(t, h, first, decode)
	tookAgain, again := measured(t, h, second, decode)
	if min(took, tookAgain) > longest {
		t.Fatalf("%v and %v for %+v", took, tookAgain, h)
	}
	if (err == nil) != (again == nil) {
		t.Fatalf("first %v, then %v", err, again)
	}
	if err != nil {
		KnownError(t, err)
		return nil
	}
	if !slices.Equal(first, second) {
		t.Fatal("samples depend on what was there before")
	}
	if int64(len(data)) < h.LeastBytes {
		t.Fatalf("a picture of %d bytes; there are at least %d", len(data), h.LeastBytes)
	}
	return first
}

// measured decodes within the memory that the header says, and tells the time.
func measured(t *testing.T, h codec.Header, to []uint16, decode func(to []uint16) error) (time.Duration, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := decode(to)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(h.Memory)+others {
		t.Fatalf("%d bytes were allocated; the header says %d", used, h.Memory)
	}
	return took, err
}
