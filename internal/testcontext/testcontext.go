// Package testcontext has a context for tests of what stops when its context ends.
package testcontext

import (
	"context"
	"sync/atomic"
)

// Looks is a context that ends once its error was asked for a number of times.
type Looks struct {
	context.Context
	left, seen atomic.Int64
}

// EndsAfter gives a context that has not ended the first n times.
func EndsAfter(n int) *Looks {
	c := &Looks{Context: context.Background()}
	c.left.Store(int64(n))
	return c
}

// Err counts, and is context.Canceled in the end.
func (c *Looks) Err() error {
	c.seen.Add(1)
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Seen is how many times the error was asked for.
func (c *Looks) Seen() int { return int(c.seen.Load()) }
