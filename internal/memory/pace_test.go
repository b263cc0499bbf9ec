package memory

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// growth is by how many percent the heap may grow.
func growth() int64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// TestThePaceFollowsTheHeap holds little and then much: the first may grow by bytes, the other by percent. Afterwards all is as before.
func TestThePaceFollowsTheHeap(t *testing.T) {
	const bytes, least = 32 << 20, 25
	before := growth()
	little := make([]byte, bytes/2)
	runtime.GC()
	stop := Pace(bytes, least)
	defer stop()
	become := func(what string, ok func(percent, live int64) bool) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			runtime.GC()
			_, live := heap()
			if ok(growth(), live) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%s: %d %% of %d bytes", what, growth(), live)
			}
		}
	}
	grows := func(percent, live int64) bool {
		by := percent * live / 100
		return by > bytes*3/4 && by < bytes*4/3
	}
	become("little is held", grows)
	held := make([]byte, 2*bytes)
	become("twice as much as it may grow by is held", grows)
	more := make([]byte, 8*bytes)
	become("ten times as much is held", func(percent, _ int64) bool { return percent == least })
	runtime.KeepAlive(held)
	runtime.KeepAlive(more)
	held, more = nil, nil
	become("little is held again", grows)
	runtime.KeepAlive(little)
	stop()
	if growth() != before {
		t.Errorf("afterwards the heap may grow by %d %%, before by %d", growth(), before)
	}
	runtime.GC()
	time.Sleep(10 * time.Millisecond)
	if growth() != before {
		t.Errorf("a cycle later the heap may grow by %d %%, before by %d", growth(), before)
	}
}
