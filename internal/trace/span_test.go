package trace

import (
	"testing"
	"time"
	"unsafe"
)

// beforeSet is the moment t as it looks after the machine's clock was set: its wall time is by earlier, and what has passed since is
// the same. It changes the seconds of a time.Time with a monotonic clock reading, 33 bits above 30 of nanoseconds.
func beforeSet(t time.Time, by time.Duration) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall -= uint64(int64(by/time.Second)) << 30
	return t
}

// TestAClockThatIsSetMakesNoSpanLong has the clock set in the midst of a request.
func TestAClockThatIsSetMakesNoSpanLong(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	for _, by := range []time.Duration{years, time.Hour, -time.Hour, -years} {
		now := time.Now()
		begin := beforeSet(now, by)
		if off := now.Round(0).Sub(begin.Round(0)); off != by || now.Sub(begin) != 0 {
			t.Fatalf("the wall clock is %v off and not %v", off, by)
		}
		e := &Exporter{full: make(chan struct{}, 1)}
		r := e.Begin(Context{Sampled: true}, true)
		r.Add(SpanID{}, "receive", begin, 0, false)
		r.End("GET /", Server, begin, false)
		for _, s := range e.waiting {
			if took := s.End.UnixNano() - s.Begin.UnixNano(); took < 0 || took > int64(time.Minute) {
				t.Errorf("the clock set by %v: span %s takes %v", by, s.Name, time.Duration(took))
			}
		}
	}
}
