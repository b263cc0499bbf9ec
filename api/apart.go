package api

import (
	"runtime"
	"time"
)

// threads compute and do nothing else. A kernel that shares a core by turns has a thread that just computed wait, and whoever
// read a request or wrote an answer on it would wait with it, for as long as another computes: where all cores are busy all
// the time, computing has threads of its own.
type threads struct {
	next chan func()
}

// linger is how long a thread waits for something to compute before it ends.
const linger = 100 * time.Millisecond

func newThreads() threads { return threads{make(chan func())} }

// do has f called on such a thread, and returns when f has. f must not panic.
func (t threads) do(f func()) {
	done := make(chan struct{})
	task := func() {
		defer close(done)
		f()
	}
	select {
	case t.next <- task:
	default:
		go t.compute(task)
	}
	<-done
}

func (t threads) compute(task func()) {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	_ = longSlices()       // where it may not, requests are read later
	idle := time.NewTimer(linger)
	defer idle.Stop()
	for {
		task()
		idle.Reset(linger)
		select {
		case task = <-t.next:
		case <-idle.C:
			return
		}
	}
}
