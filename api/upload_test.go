package api

import (
	"bytes"
	"errors"
	"testing"
)

func TestAnUploadTakesNoMoreThanTwiceTheMemoryOfWhatItSends(t *testing.T) {
	const limit = 3 << 20
	for name, c := range map[string]struct {
		sent, announced int64
		held            int64 // one byte more than is sent shows the end
	}{
		"as announced":       {100_000, 100_000, 128 << 10},
		"large":              {large + 5, large + 5, large + 6},
		"as much as may be":  {limit, limit, limit + 1},
		"not announced":      {100_000, -1, 128 << 10},
		"less than the word": {10, limit, 32 << 10},
		"little":             {10, 10, 32 << 10},
		"nothing":            {0, 0, 32 << 10},
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

func TestABufferIsUsedAgainAndNeverByTwo(t *testing.T) {
	uploads := newBudget(64 << 20)
	read := func(n int, fill byte) (*lease, []byte) {
		held := uploads.lease(caller{}, &inflow{})
		data, err := readBounded(bytes.NewReader(bytes.Repeat([]byte{fill}, n)), -1, 2<<20, held)
		if err != nil || len(data) != n {
			t.Fatalf("%d of %d bytes, %v", len(data), n, err)
		}
		return held, data
	}
	for _, n := range []int{1, 31 << 10, 32 << 10, 33 << 10, 700 << 10, 1<<20 + 1} {
		old, _ := read(n, 1)
		old.release()
		one, a := read(n, 2)
		other, b := read(n, 3)
		if !bytes.Equal(a, bytes.Repeat([]byte{2}, n)) || !bytes.Equal(b, bytes.Repeat([]byte{3}, n)) {
			t.Errorf("%d bytes: two uploads share memory", n)
		}
		one.release()
		other.release()
	}
	seen := map[*byte]bool{}
	for range 100 {
		held, data := read(20_000, 4)
		seen[&data[0]] = true
		held.release()
	}
	if len(seen) > 60 { // the race detector has a pool forget a quarter
		t.Errorf("%d buffers for a hundred uploads, one after the other", len(seen))
	}
}

// TestTheMemoryForUploadsHoldsTheLongestBody: the longest is two thirds of it, see fitUploads in cmd/server. While a body grows,
// two buffers are held.
func TestTheMemoryForUploadsHoldsTheLongestBody(t *testing.T) {
	const memory = 21 << 20
	const limit = (memory - 2) / 3 * 2
	for sent := int64(1<<20 - 3); sent <= limit; sent += 997_001 {
		for _, n := range []int64{sent, limit - 1, limit} {
			for _, announced := range []int64{n, -1} {
				held := newBudget(memory).lease(caller{}, &inflow{})
				if data, err := readBounded(bytes.NewReader(make([]byte, n)), announced, limit, held); err != nil || int64(len(data)) != n {
					t.Errorf("%d bytes, announced as %d: %v", n, announced, err)
				}
			}
		}
	}
}
