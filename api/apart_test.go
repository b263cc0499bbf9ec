package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Work that is computed apart from its request ends with it: its own context does, and those that are made of it.
func TestWorkApartEndsWithItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("the client has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		threads := newThreads()
		ran := false
		threads.do(ctx, func(ctx context.Context) {
			child, stop := context.WithTimeout(ctx, time.Hour)
			defer stop()
			if _, ok := ctx.(yielding); !ok {
				t.Error("it does not let other threads have their turn")
			}
			if err := ctx.Err(); err != nil {
				t.Errorf("before: %v", err)
			}
			cancel(gone)
			<-child.Done()
			for _, c := range []context.Context{ctx, child} {
				if c.Err() != context.Canceled || context.Cause(c) != gone {
					t.Errorf("afterwards: %v, because %v", c.Err(), context.Cause(c))
				}
			}
			ran = true
		})
		if !ran {
			t.Error("it did not run")
		}
		time.Sleep(2 * linger) // for the thread to end
	})
}
