package memory

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// What is given back to a budget is not free yet: it waits for the collector, which on a machine with more threads than
// cores is late, and keeps what was let go while it runs for its next time. So pixels and buffers that were let go are
// counted, and before more of them than there is room for wait, they are collected. The heap is the process's, and so is
// the count.
var garbage struct {
	bytes      atomic.Int64
	collecting sync.Mutex
}

// Freed tells of n bytes that were let go.
func Freed(n int64) { garbage.bytes.Add(n) }

// Collect sees to it that no more than most bytes of what was let go are still there. It takes milliseconds when there are.
func Collect(most int64) {
	if garbage.bytes.Load() <= most {
		return
	}
	garbage.collecting.Lock()
	defer garbage.collecting.Unlock()
	if n := garbage.bytes.Load(); n > most { // nobody else did meanwhile
		runtime.GC()
		garbage.bytes.Add(-n)
	}
}
