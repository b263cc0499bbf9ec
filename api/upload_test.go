package api

import (
	"bytes"
	"errors"
	"testing"
)

func TestAnUploadTakesNoMoreMemoryThanAnnouncedNorTwiceWhatItSends(t *testing.T) {
	const limit = 1 << 20
	for name, c := range map[string]struct {
		sent, announced int64
		held            int64 // one byte more than is sent shows the end
	}{
		"as announced":       {100_000, 100_000, 100_001},
		"as much as may be":  {limit, limit, limit + 1},
		"not announced":      {100_000, -1, 128 << 10},
		"less than the word": {10, limit, 32 << 10},
		"little":             {10, 10, 11},
		"nothing":            {0, 0, 1},
	} {
		uploads := newBudget(4 * limit)
		held := uploads.lease(caller{}, &inflow{})
		data, err := readBounded(bytes.NewReader(make([]byte, c.sent)), c.announced, limit, held)
		if err != nil || int64(len(data)) != c.sent || int64(cap(data)) != c.held || held.held != c.held || uploads.held.Load() != c.held {
			t.Errorf("%s: %d bytes in memory for %d, %d of them leased, %v", name, len(data), cap(data), held.held, err)
		}
		if held.release(); uploads.held.Load() != 0 {
			t.Errorf("%s: %d bytes are still held", name, uploads.held.Load())
		}
	}
	held := newBudget(4*limit).lease(caller{}, &inflow{})
	if _, err := readBounded(bytes.NewReader(make([]byte, limit+1)), -1, limit, held); !errors.Is(err, errTooLong) || held.held != 0 {
		t.Errorf("%v, %d bytes are still held", err, held.held)
	}
}
