package api

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/spikeray/spikeray/internal/memory"
)

// stalled is how long an upload may bring nothing much before it must make room for others.
const stalled = time.Second

// budget bounds the memory that bodies hold together. When it is full, an upload that has stalled makes room for one that
// moves, and a caller that holds more for one that holds less.
type budget struct {
	limit int64
	held  atomic.Int64 // written under mu

	mu        sync.Mutex
	callers   map[caller]int64
	receiving map[*lease]struct{}
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, callers: map[caller]int64{}, receiving: map[*lease]struct{}{}}
}

// lease is one request's share of a budget. Its methods are for one goroutine.
type lease struct {
	budget  *budget
	caller  caller
	flow    *inflow
	held    int64 // under budget.mu, as revoked
	revoked bool
	buffers [][]byte // of what has arrived
}

// lease is an empty one for an upload that arrives by flow.
func (b *budget) lease(c caller, flow *inflow) *lease {
	l := &lease{budget: b, caller: c, flow: flow}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.receiving[l] = struct{}{}
	return l
}

// take adds n bytes to the lease, or fails with errUploadMemory.
func (l *lease) take(n int64) error {
	b := l.budget
	if n > large {
		memory.Collect(b.limit / 2)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for !l.revoked && b.held.Load()+n > b.limit {
		victim := b.victim(l, n)
		if victim == nil {
			return errUploadMemory
		}
		victim.flow.stop(errUploadMemory)
		b.add(victim, -victim.held)
		victim.revoked = true
		delete(b.receiving, victim)
	}
	if l.revoked {
		return errUploadMemory
	}
	b.add(l, n)
	return nil
}

// victim is the upload that must make room for n more bytes of l: of the callers that hold most, the one that has stalled
// longest. What has arrived whole is let be.
func (b *budget) victim(l *lease, n int64) *lease {
	var worst *lease
	now := time.Now()
	for other := range b.receiving {
		if other == l || other.held == 0 {
			continue
		}
		if still := now.Sub(other.flow.moved()); still < stalled &&
			(other.caller == l.caller || b.callers[other.caller] <= b.callers[l.caller]+n) {
			continue
		}
		if worst == nil || b.callers[other.caller] > b.callers[worst.caller] ||
			other.caller == worst.caller && other.flow.moved().Before(worst.flow.moved()) {
			worst = other
		}
	}
	return worst
}

// add changes what a lease holds.
func (b *budget) add(l *lease, n int64) {
	l.held += n
	b.held.Add(n)
	if n < 0 {
		memory.Freed(-n)
	}
	if b.callers[l.caller] += n; b.callers[l.caller] == 0 {
		delete(b.callers, l.caller)
	}
}

// buffer is one for at least n bytes, which the lease takes and has until it is released. It begins with what is in old, nil
// or the last buffer, which is given back.
func (l *lease) buffer(n int64, old []byte) ([]byte, error) {
	if err := l.take(bufferSize(n)); err != nil {
		return nil, err
	}
	b := append(newBuffer(n), old...)
	if old != nil {
		l.drop()
	}
	l.buffers = append(l.buffers, b)
	return b, nil
}

// drop gives the last buffer back.
func (l *lease) drop() {
	last := len(l.buffers) - 1
	b := l.buffers[last]
	l.buffers = l.buffers[:last]
	l.give(int64(cap(b)))
	spareBuffer(b)
}

// give gives n bytes back.
func (l *lease) give(n int64) {
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	if !l.revoked {
		l.budget.add(l, -n)
	}
}

// received tells that nothing more arrives for the lease; it stays held.
func (l *lease) received() {
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	delete(l.budget.receiving, l)
}

// release gives all back.
func (l *lease) release() {
	l.received()
	for _, b := range l.buffers {
		spareBuffer(b)
	}
	l.buffers = nil
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	if !l.revoked {
		l.budget.add(l, -l.held)
	}
}

// cutAll stops every upload that still arrives.
func (b *budget) cutAll(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.receiving {
		l.flow.stop(why)
	}
}
