package pipeline

import (
	"sync"
	"time"
)

// averaged is how many of the last times an [Average] goes by.
const averaged = 16

// Average is the mean of the last times that something took, 0 before the first. It is safe for concurrent use.
type Average struct {
	mu   sync.Mutex
	mean time.Duration
}

// Learn adds a time.
func (a *Average) Learn(took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mean == 0 {
		a.mean = took
	}
	a.mean += (took - a.mean) / averaged
}

// Value is the mean.
func (a *Average) Value() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mean
}
