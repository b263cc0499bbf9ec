package memory

import (
	"runtime"
	"runtime/metrics"
	"sync"
)

// What is given back to a budget is not free yet: it waits for the collector, which on a machine with more threads than
// cores is late, and keeps what was let go while it runs for its next time. So pixels and buffers that were let go are
// counted, and before more of them than there is room for wait, they are collected. What the collector has found by itself
// is not counted any more. Much of what is given back is used again and never was garbage, so the count is only a bound. Another is
// what the heap holds beyond what it held at rest. The heap is the process's, and so is the count.
var garbage struct {
	mu         sync.Mutex
	watched    bool  // whether the collector's cycles are seen
	old, new   int64 // bytes let go before the latest cycle ended, which may have begun before, and since
	rest       int64 // the least that a cycle found in use
	collecting sync.Mutex
}

// Freed tells of n bytes that were let go.
func Freed(n int64) {
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	garbage.new += n
	if !garbage.watched {
		garbage.watched = true
		_, garbage.rest = heap()
		watch()
	}
}

// watch has cycleEnded called at the end of the next cycle of the collector.
func watch() {
	sentinel := new([16]byte)
	runtime.AddCleanup(sentinel, func(struct{}) { cycleEnded() }, struct{}{})
}

func cycleEnded() {
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	garbage.old, garbage.new = garbage.new, 0
	_, live := heap()
	garbage.rest = min(garbage.rest, live)
	watch()
}

// Collect sees to it that no more than most bytes of what was let go are still there. It takes milliseconds when there are.
func Collect(most int64) {
	if waiting() <= most {
		return
	}
	garbage.collecting.Lock()
	defer garbage.collecting.Unlock()
	if waiting() <= most { // somebody else did meanwhile
		return
	}
	left := busy()
	if left > most {
		runtime.GC()
		left = 0
	}
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	garbage.old, garbage.new = 0, left
}

func waiting() int64 {
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	return garbage.old + garbage.new
}

// busy is how many bytes the heap holds beyond what it held at rest: garbage, and what is in use. It is none where even that
// was given up.
func busy() int64 {
	objects, _ := heap()
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	return max(0, objects-garbage.rest)
}

// heap is how many bytes objects have, garbage among them, and how many the collector's latest cycle found in use.
func heap() (objects, live int64) {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
}
