package memory

import (
	"runtime"
	"testing"
	"time"
)

// TestWhatTheCollectorFoundIsNotCollectedAgain lets go of memory and has the collector run by itself: Collect has nothing to do then.
func TestWhatTheCollectorFoundIsNotCollectedAgain(t *testing.T) {
	cycles := func() uint32 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.NumForcedGC
	}
	Collect(0)
	before := cycles()
	Freed(1 << 20)
	Collect(1 << 20)
	if cycles() != before {
		t.Error("collected what may lie about")
	}
	Collect(1<<20 - 1)
	if cycles() != before+1 {
		t.Errorf("%d collections, 1 is expected", cycles()-before)
	}
	Collect(0)
	if cycles() != before+1 {
		t.Error("collected although nothing was let go")
	}
	Freed(1 << 20)
	// A cycle may have begun before the memory was let go, so it takes two. Each is told of a little later.
	for range 2 {
		garbage.mu.Lock()
		garbage.new++ // to see that the count moves on
		seen := garbage.new
		garbage.mu.Unlock()
		runtime.GC()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			garbage.mu.Lock()
			moved := garbage.new < seen
			garbage.mu.Unlock()
			if moved {
				break
			}
			if time.Now().After(end) {
				t.Fatal("a cycle's end was not seen")
			}
		}
	}
	if n := waiting(); n > 1 {
		t.Errorf("%d bytes are counted as waiting after two cycles", n)
	}
}
