package dimse

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// budget bounds the bytes of all data sets that are on their way.
type budget struct {
	free *semaphore.Weighted
	held atomic.Int64
}

func newBudget(bytes int64) *budget { return &budget{free: semaphore.NewWeighted(bytes)} }

// take waits for room up to a time, and tells whether there was some.
func (b *budget) take(ctx context.Context, n int64, wait time.Duration) bool {
	if !b.free.TryAcquire(n) {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if b.free.Acquire(ctx, n) != nil {
			return false
		}
	}
	b.held.Add(n)
	return true
}

func (b *budget) give(n int64) {
	b.held.Add(-n)
	b.free.Release(n)
}

// intake is a sink that keeps a data set. It grows as bytes arrive, whatever a peer says of lengths. A data set for which
// there is no room is read to its end and refused.
type intake struct {
	ctx     context.Context
	budget  *budget
	conn    *timed
	wait    time.Duration // for room, in all
	limit   int64         // bytes of one data set
	head    []byte        // stands before the data set in the end
	parts   [][]byte
	size    int64
	held    int64
	refused Status // Success for one that is kept
	discard discard
}

// Data sets are kept in parts whose size doubles between these.
const (
	smallPart = 8 << 10
	largePart = 1 << 20
)

func (i *intake) take(from io.Reader, n int64) error {
	if i.refused == Success && i.size+n > i.limit {
		i.refuse(CannotUnderstand) // it would be too large at any other time as well
	}
	for n > 0 && i.refused == Success {
		if k := len(i.parts); k == 0 || len(i.parts[k-1]) == cap(i.parts[k-1]) {
			if !i.grow() {
				break
			}
		}
		last := &i.parts[len(i.parts)-1]
		have := len(*last)
		more := int(min(n, int64(cap(*last)-have)))
		*last = (*last)[:have+more]
		if _, err := io.ReadFull(from, (*last)[have:]); err != nil {
			return noEOF(err)
		}
		i.size += int64(more)
		n -= int64(more)
	}
	if n == 0 {
		return nil
	}
	return i.discard.take(from, n)
}

// grow makes a new part. While it waits for room the peer's time stands still.
func (i *intake) grow() bool {
	part := min(int64(smallPart)<<min(len(i.parts), 16), largePart)
	if !i.room(part) {
		return false
	}
	i.parts = append(i.parts, make([]byte, 0, part))
	return true
}

func (i *intake) room(n int64) bool {
	begin := time.Now()
	ok := i.budget.take(i.ctx, n, i.wait)
	waited := time.Since(begin)
	i.conn.extend(waited)
	i.wait = max(0, i.wait-waited)
	if !ok {
		i.refuse(OutOfResources)
		return false
	}
	i.held += n
	return true
}

func (i *intake) refuse(s Status) {
	i.refused = s
	i.release()
}

// release gives back what the data set held. It may be called more than once.
func (i *intake) release() {
	i.parts = nil
	i.budget.give(i.held)
	i.held = 0
}

// join is the head with the data set behind it, in one piece; nil where there is no room for it.
func (i *intake) join() []byte {
	if i.refused != Success {
		return nil
	}
	whole := int64(len(i.head)) + i.size
	if !i.room(whole) {
		return nil
	}
	all := make([]byte, 0, whole)
	all = append(all, i.head...)
	for _, p := range i.parts {
		all = append(all, p...)
	}
	i.parts = nil
	i.budget.give(i.held - whole)
	i.held = whole
	return all
}
