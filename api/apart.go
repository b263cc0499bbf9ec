package api

import (
	"context"
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

// do has f called on such a thread, and returns when f has. f must not panic. Where f asks its context whether to go on, it lets other
// threads have their turn: a kernel that has begun a turn looks at them only when one of them wakes.
func (t threads) do(ctx context.Context, f func(context.Context)) {
	done := make(chan struct{})
	task := func() {
		defer close(done)
		f(yielding{ctx})
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

// yielding is a context that gives up the turn of the thread that asks it for its error.
type yielding struct{ context.Context }

func (c yielding) Err() error {
	yield()
	return c.Context.Err()
}
