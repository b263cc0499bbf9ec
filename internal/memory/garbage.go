package memory

import (
	"runtime"
	"sync"
)

// What is given back to a budget is not free yet: it waits for the collector, which on a machine with more threads than
// cores is late, and keeps what was let go while it runs for its next time. So pixels and buffers that were let go are
// counted, and before more of them than there is room for wait, they are collected. What the collector has found by itself
// is not counted any more. The heap is the process's, and so is the count.
var garbage struct {
	mu         sync.Mutex
	watched    bool  // whether the collector's cycles are seen
	old, new   int64 // bytes let go before the latest cycle ended, which may have begun before, and since
	collecting sync.Mutex
}

// Freed tells of n bytes that were let go.
func Freed(n int64) {
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	garbage.new += n
	if !garbage.watched {
		garbage.watched = true
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
	watch()
}

// Collect sees to it that no more than most bytes of what was let go are still there. It takes milliseconds when there are.
func Collect(most int64) {
	if waiting() <= most {
		return
	}
	garbage.collecting.Lock()
	defer garbage.collecting.Unlock()
	if waiting() > most { // nobody else did meanwhile
		runtime.GC()
		garbage.mu.Lock()
		garbage.old, garbage.new = 0, 0
		garbage.mu.Unlock()
	}
}

func waiting() int64 {
	garbage.mu.Lock()
	defer garbage.mu.Unlock()
	return garbage.old + garbage.new
}
