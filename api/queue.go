package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/memory"
)

// Errors of [Queue.Do] for work that was not taken. The first comes as a [*BusyError].
var (
	ErrQueueFull   = errors.New("the queue is full")
	ErrQueueClosed = errors.New("the queue is closed")
	// ErrDeadline says that the work could not be done by its deadline.
	ErrDeadline = errors.New("the answer cannot be had by the deadline")
)

// BusyError is the ErrQueueFull of a queue without room.
type BusyError struct {
	// TooLong tells that there were places, but the wait for a worker would have been too long.
	TooLong bool
	// After is about how long it takes until the work that was there is done.
	After time.Duration
}

func (e *BusyError) Error() string {
	if e.TooLong {
		return "the wait for a worker would be too long"
	}
	return ErrQueueFull.Error()
}

func (e *BusyError) Is(target error) bool { return target == ErrQueueFull }

// PanicError is the error of a task that panicked.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Task is a piece of work for a [Queue].
type Task struct {
	// Run does the work. waited is how long the task waited for a worker.
	Run func(ctx context.Context, waited time.Duration) error
	// Work estimates how long the task takes, in any constant unit; 0 stands for as long as other tasks took.
	Work time.Duration
	// Size separates costly tasks from cheap ones. It is the part of Work that depends on the task itself.
	Size time.Duration
	// Memory is the largest number of bytes that the task holds while it runs.
	Memory int64
	// Batch tells work that nobody waits for: it has a tenth of the workers' time where other work waits, and all of it where none
	// does. A quarter of the places is not for it, unless nothing else is there.
	Batch bool
	// Deadline, if not zero, is when the task must have ended, and Least the part of Work that it then takes at least. A task that
	// cannot end by then is not taken, or taken back: see [ErrDeadline].
	Deadline time.Time
	Least    time.Duration

	caller caller
}

// Queue runs up to a fixed number of tasks at a time, as far as memory allows, and lets a
// limited number wait. Workers are shared fairly: the next task is one of the caller that has had
// the least of the workers' time. Cheap tasks of a caller do not wait for many of its costly
// ones; see flow. A task runs on its caller's goroutine. In an overload, or with Wait while others wait, it runs on
// a thread that only computes; see threads.
//
// Set the fields before the first task.
type Queue struct {
	// Memory limits the bytes that running tasks hold together; 0 is no limit. A task that
	// exceeds it alone runs alone.
	Memory int64
	// Wait is the longest expected wait for a worker. A task that would wait longer is refused.
	// With 0 it adapts to the load, see pressure.
	Wait time.Duration

	workers  int
	capacity int

	mu       sync.Mutex
	working  []*ticket // that have a worker
	waiting  int
	away     int       // tasks that wait for a board, with neither a worker nor a place
	back     []*ticket // of those, which have what they waited for
	held     int64     // bytes that running tasks hold
	flows    []*flow
	parties  map[partyKey]*party
	estimate estimate
	pressure pressure
	recent   [2]recent     // of work that is waited for, and of batches
	backlog  time.Duration // cost of what waits
	owed     time.Duration // work that batches are owed, see owe
	apart    threads       // for an overload, and for a Wait
	spare    *spareTask    // what runs or waits for a worker that nobody needs
	closed   bool
	drained  chan struct{} // closed when closed and nothing is taken
}

// ticket is a task that was taken.
type ticket struct {
	Task
	flow     *flow
	cost     time.Duration
	admitted time.Time
	begun    time.Time
	alone    bool          // all of its request
	refused  error         // why it was taken back
	ready    chan struct{} // closed when the task may run or was taken back, and made again for one that was away
	working  bool          // has a worker, and is in the queue's list of these
	apart    bool          // runs on a thread of its own
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
		parties:  map[partyKey]*party{},
		apart:    newThreads(),
		drained:  make(chan struct{}),
	}
}

// Do runs the tasks and returns their errors, in order, once all have ended.
// They are taken together or, with a [*BusyError], [ErrDeadline] or [ErrQueueClosed], not at
// all; a task by itself may be refused so also while it waits. A task whose context ends while it waits is not run: it gives its place
// up and its error is the context's cause. One that panics has a [*PanicError].
func (q *Queue) Do(ctx context.Context, tasks ...Task) ([]error, error) {
	tickets, err := q.admit(tasks)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(tickets))
	var rest sync.WaitGroup
	for i, t := range tickets {
		if i == len(tickets)-1 {
			errs[i] = q.run(ctx, t)
			break
		}
		rest.Go(func() { errs[i] = q.run(ctx, t) })
	}
	rest.Wait()
	// A single task that was taken back is refused as a whole; if its context ended first, that is its own error.
	if len(tickets) == 1 && tickets[0].refused != nil && errs[0] == tickets[0].refused {
		return nil, errs[0]
	}
	return errs, nil
}

// Close refuses new work from now on. It returns once everything that was
// taken has ended or, with the context's cause, when ctx ends first. It may be
// called more than once.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		q.drain()
		q.spareNow()
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
func (q *Queue) Busy() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.working)
}

// Depth is how many tasks wait now.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting
}

// Batch is how many of the tasks that wait now are of the priority batch.
func (q *Queue) Batch() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range q.flows {
		if f.key.batch {
			n += len(f.waiting)
		}
	}
	return n
}

// Held is how many bytes the tasks that run may hold.
func (q *Queue) Held() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held
}

// Backlog is about how long the workers take for what waits now.
func (q *Queue) Backlog() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlog / time.Duration(q.workers)
}

// dispatch starts what may run. q.mu is held.
func (q *Queue) dispatch() {
	// What is done but for a little comes first.
	for len(q.working) < q.workers && len(q.back) > 0 {
		t := q.back[0]
		q.back = q.back[1:]
		q.away--
		q.start(t)
	}
	for len(q.working) < q.workers {
		f := q.next()
		if f == nil {
			break
		}
		t := f.waiting[0]
		if !t.Deadline.IsZero() && time.Now().Add(q.least(t.Task)).After(t.Deadline) {
			q.remove(t)
			t.refused = ErrDeadline
			close(t.ready)
			continue
		}
		if q.Memory > 0 && q.held > 0 && q.held+t.Memory > q.Memory {
			break // in turn, or small ones would keep a large one from ever running
		}
		q.remove(t)
		q.owe(t)
		q.held += t.Memory
		f.running++
		f.reserve(t.cost)
		t.begun = time.Now()
		t.apart = q.pressure.overload || q.Wait > 0 && q.waiting > 0
		q.start(t)
	}
	if !q.crowded() {
		q.pressure.relieved()
	}
	q.spareNow()
}

// start gives a worker to a ticket. q.mu is held.
func (q *Queue) start(t *ticket) {
	q.working = append(q.working, t)
	t.working = true
	close(t.ready)
}

// stop takes it back. q.mu is held.
func (q *Queue) stop(t *ticket) {
	q.working = slices.DeleteFunc(q.working, func(other *ticket) bool { return other == t })
	q.held -= t.Memory
	memory.Freed(t.Memory)
	t.working = false
}

// overrun tells that a flow asks for more than its share of what the workers can do, and that none of them is free or about to be: a worker
// whose task has but a tenth of its time left may be waited for, by one. A flow overruns others of its priority only: it may wait for
// a batch that runs and goes before those that wait, and batches are bounded by their own share where there is other work. q.mu is held.
func (q *Queue) overrun(key flowKey, now time.Time) bool {
	if len(q.working) < q.workers || q.recent[key.priority()].owed(key) {
		return false
	}
	waiting := 0
	for _, f := range q.flows {
		switch {
		case key.batch && !f.key.batch:
			return false
		case f.key.batch == key.batch:
			waiting += len(f.waiting)
		}
	}
	soon := 0
	for _, t := range q.working {
		if t.cost-now.Sub(t.begun) <= t.cost/10 || t.flow.key.batch != key.batch {
			soon++
		}
	}
	return soon <= waiting
}

// takeBack refuses what waits in a flow but for its first and for tasks that were taken with others. q.mu is held.
func (q *Queue) takeBack(f *flow) {
	for _, t := range slices.Clone(f.waiting[min(1, len(f.waiting)):]) {
		if t.alone {
			q.remove(t)
			t.refused = &BusyError{TooLong: true, After: q.backlog / time.Duration(q.workers)}
			close(t.ready)
		}
	}
}

// crowded tells that more than a quarter of the places are taken. q.mu is held.
func (q *Queue) crowded() bool { return q.waiting > q.capacity/4 }

// remove takes a ticket that waits out of the line. q.mu is held.
func (q *Queue) remove(t *ticket) {
	t.flow.remove(t)
	q.waiting--
	q.backlog -= t.cost
}

// leave ends a ticket, whether it ran or only waited.
func (q *Queue) leave(t *ticket, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case t.refused != nil:
	case t.begun.IsZero():
		q.remove(t)
	default:
		took := time.Since(t.begun)
		if t.working {
			q.stop(t)
		} else {
			q.away--
		}
		t.flow.running--
		t.flow.reserve(-t.cost)
		t.flow.charge(took)
		q.recent[t.flow.key.priority()].add(t.flow.key, took)
		if err == nil {
			q.estimate.learn(t.Work, took, time.Now())
		}
	}
	q.forget(t.flow)
	q.dispatch()
	q.drain()
}

// drain tells Close when the last task has ended. q.mu is held.
func (q *Queue) drain() {
	if q.closed && len(q.working)+q.waiting+q.away == 0 {
		select {
		case <-q.drained:
		default:
			close(q.drained)
		}
	}
}
