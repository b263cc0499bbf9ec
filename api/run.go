package api

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/memory"
)

// run has a task wait for its turn and does it, or gives it up when ctx ends first.
func (q *Queue) run(ctx context.Context, t *ticket) (err error) {
	defer func() { q.leave(t, err) }()
	select {
	case <-t.ready:
	case <-ctx.Done():
	}
	// select chooses at random when both are ready. What was started meanwhile gives its worker up.
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if t.refused != nil {
		return t.refused
	}
	work := func(ctx context.Context) {
		defer func() {
			if v := recover(); v != nil {
				err = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		q.makeRoom()
		err = t.Run(board.WithWaiting(ctx, func(wait func()) error { return q.stepAside(ctx, t, wait) }), t.begun.Sub(t.admitted))
	}
	if t.apart {
		q.apart.do(ctx, work)
		return err
	}
	work(ctx)
	return err
}

// makeRoom has what ended tasks held collected where the budget has no room for it beside what is held now. An eighth may
// always lie about, so that it is not done for every picture.
func (q *Queue) makeRoom() {
	if q.Memory > 0 {
		memory.Collect(max(q.Memory-q.Held(), q.Memory/8))
	}
}

// stepAside has a task wait for a board. Meanwhile it does nothing, and keeps neither a worker nor a place nor memory from
// the other models: its picture was decoded and let go.
func (q *Queue) stepAside(ctx context.Context, t *ticket, wait func()) error {
	left := time.Now()
	q.mu.Lock()
	q.stop(t)
	q.away++
	t.Memory = 0
	t.ready = make(chan struct{})
	q.dispatch()
	q.mu.Unlock()

	wait()
	q.mu.Lock()
	if ctx.Err() != nil {
		q.mu.Unlock()
		return context.Cause(ctx)
	}
	t.begun = t.begun.Add(time.Since(left)) // none of it was work
	q.back = append(q.back, t)
	q.dispatch()
	q.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.working {
		q.back = slices.DeleteFunc(q.back, func(other *ticket) bool { return other == t })
	}
	return context.Cause(ctx)
}
