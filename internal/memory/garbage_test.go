package memory

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// forced is how many collections were asked for so far.
func forced() uint32 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.NumForcedGC
}

var sink []byte

// letGo makes garbage of n bytes.
func letGo(n int64) {
	sink = make([]byte, n)
	sink = nil
	Freed(n)
}

// TestWhatTheCollectorFoundIsNotCollectedAgain lets go of memory and has the collector run by itself: Collect has nothing to do then.
func TestWhatTheCollectorFoundIsNotCollectedAgain(t *testing.T) {
	const n = 8 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	Freed(1) // the heap is at rest
	Collect(0)
	before := forced()
	letGo(n)
	Collect(n + 4<<20)
	if forced() != before {
		t.Error("collected what may lie about")
	}
	Collect(n / 2)
	if forced() != before+1 {
		t.Errorf("%d collections, 1 is expected", forced()-before)
	}
	Collect(0)
	if forced() != before+1 {
		t.Error("collected although nothing was let go")
	}
	letGo(n)
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

// TestWhatIsUsedAgainIsNotCollected gives back memory that nothing becomes garbage of, as a pool's is: however often, the collector need
// not run for it. Garbage among it is collected.
func TestWhatIsUsedAgainIsNotCollected(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	Freed(1)
	Collect(0)
	before := forced()
	for range 100 {
		Freed(8 << 20)
		Collect(8 << 20)
		if n := waiting(); n > 8<<20 {
			t.Fatalf("%d bytes still count as garbage", n)
		}
	}
	if n := forced() - before; n != 0 {
		t.Errorf("%d collections for memory that was used again", n)
	}
	for range 100 {
		letGo(8 << 20)
		Collect(8 << 20)
		if left := busy(); left > 16<<20 {
			t.Fatalf("%d bytes are left", left)
		}
	}
}
