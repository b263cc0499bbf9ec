package api

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/board"
)

// Errors of [Queue.Do] for work that was not taken.
var (
	ErrQueueFull   = errors.New("the queue is full")
	ErrQueueClosed = errors.New("the queue is closed")
)

// PanicError is the error of a task that panicked.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Task is a piece of work for a [Queue]. It is told how long it waited for a
// worker.
type Task func(ctx context.Context, waited time.Duration) error

// Queue lets a fixed number of tasks run at a time and a bounded number wait,
// first come first served. It has no goroutines of its own: a task runs on
// its caller's.
type Queue struct {
	workers  int
	capacity int
	slots    chan struct{} // one element for each task that runs

	mu      sync.Mutex
	taken   int // tasks that wait or run, or are away
	away    int // tasks that wait for a board, with neither a worker nor a place
	closed  bool
	drained chan struct{} // closed when closed and nothing is taken
}

// NewQueue makes a queue for workers tasks at a time, with room for capacity
// more to wait. It panics if workers is below 1 or capacity below 0.
func NewQueue(workers, capacity int) *Queue {
	if workers < 1 || capacity < 0 {
		panic(fmt.Sprintf("api: queue of %d workers and %d places", workers, capacity))
	}
	return &Queue{
		workers:  workers,
		capacity: capacity,
		slots:    make(chan struct{}, workers),
		drained:  make(chan struct{}),
	}
}

// Do runs the tasks and returns their errors, in order, once all have ended.
// They are taken together or, with [ErrQueueFull] or [ErrQueueClosed], not at
// all. A task whose context ends while it waits is not run: it gives its place
// up and its error is the context's cause. One that panics has a [*PanicError].
func (q *Queue) Do(ctx context.Context, tasks ...Task) ([]error, error) {
	if err := q.admit(len(tasks)); err != nil {
		return nil, err
	}
	admitted := time.Now()
	errs := make([]error, len(tasks))
	var rest sync.WaitGroup
	for i, task := range tasks {
		if i == len(tasks)-1 {
			errs[i] = q.run(ctx, admitted, task)
			break
		}
		rest.Go(func() { errs[i] = q.run(ctx, admitted, task) })
	}
	rest.Wait()
	return errs, nil
}

// Close refuses new work from now on. It returns once everything that was
// taken has ended or, with the context's cause, when ctx ends first. It may be
// called more than once.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		if q.taken == 0 {
			close(q.drained)
		}
	}
	q.mu.Unlock()
	select {
	case <-q.drained:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Workers is how many tasks may run at a time.
func (q *Queue) Workers() int { return q.workers }

// Capacity is how many tasks may wait.
func (q *Queue) Capacity() int { return q.capacity }

// Busy is how many tasks run now.
func (q *Queue) Busy() int { return len(q.slots) }

// Depth is how many tasks wait now.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, q.taken-q.away-len(q.slots))
}

func (q *Queue) admit(n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return ErrQueueClosed
	}
	if q.taken-q.away+n > q.workers+q.capacity {
		return ErrQueueFull
	}
	q.taken += n
	return nil
}

// step notes a task that is away, or back.
func (q *Queue) step(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.away += n
}

func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	if q.closed && q.taken == 0 {
		close(q.drained)
	}
}

func (q *Queue) run(ctx context.Context, admitted time.Time, task Task) (err error) {
	defer q.leave()
	// select chooses at random when both are ready.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	holds := true
	defer func() {
		if holds {
			<-q.slots
		}
	}()
	// Who waits for a board does nothing meanwhile: neither a worker nor a place is kept from the other models.
	ctx = board.WithWaiting(ctx, func(wait func()) error {
		<-q.slots
		holds = false
		q.step(+1)
		defer q.step(-1)
		wait()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		select {
		case q.slots <- struct{}{}:
			holds = true
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return task(ctx, time.Since(admitted))
}
