package api

import (
	"context"
	"errors"
)

var (
	// errSpareTaken says that there is a task already that waits for a worker that nobody needs.
	errSpareTaken = errors.New("another task waits for a free worker")
	// errPreempted is the cause with which the context of such a task ends once somebody needs the worker.
	errPreempted = errors.New("the worker was needed")
)

// spareTask is a task for a worker that nobody needs.
type spareTask struct {
	memory  int64
	ready   chan struct{}
	running bool
	stop    context.CancelCauseFunc
}

// Spare runs a task that holds so many bytes, once a worker is free, nothing waits, and half of the memory would not be held with it. As
// soon as that worker or memory is needed, the task's context ends with errPreempted; a task that takes no more notice of it than
// a picture's does still keeps nobody waiting, since it has neither a worker nor memory of the queue's own. There is one such task at a
// time. The error is the task's, or says why it was not run.
func (q *Queue) Spare(ctx context.Context, memory int64, run func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s := &spareTask{memory: memory, ready: make(chan struct{}), stop: stop}
	q.mu.Lock()
	if q.spare != nil {
		q.mu.Unlock()
		return errSpareTaken
	}
	q.spare = s
	q.spareNow()
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.spare = nil
	}()
	select {
	case <-s.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := run(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// spareNow starts the task that waits for a worker that nobody needs, or stops it. q.mu is held.
func (q *Queue) spareNow() {
	s := q.spare
	if s == nil {
		return
	}
	room := q.Memory <= 0 || q.held+s.memory <= q.Memory/2
	switch needed := q.waiting > 0 || len(q.back) > 0 || len(q.working) >= q.workers; {
	case q.closed:
		s.stop(ErrQueueClosed)
	case s.running && (needed || q.Memory > 0 && q.held+s.memory > q.Memory):
		s.stop(errPreempted)
	case !s.running && !needed && room:
		s.running = true
		close(s.ready)
	}
}
