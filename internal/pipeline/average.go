package pipeline

import (
	"sync"
	"time"
)

const (
	// averaged is how many of the last times an [Average] goes by.
	averaged = 16
	// believed is for how long a mean is believed of which nothing more is learned.
	believed = 5 * time.Second
)

// Average is the mean of the last times that something took, 0 before the first. It is safe for concurrent use.
type Average struct {
	mu      sync.Mutex
	mean    time.Duration
	last    time.Time // when something was learned, or was last to be found out
	doubted bool      // it is to be found out
}

// Learn adds a time. After [Average.Doubt] it is all that counts.
func (a *Average) Learn(took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.learn(took)
}

func (a *Average) learn(took time.Duration) {
	if a.mean == 0 || a.doubted {
		a.mean = took
	}
	a.mean += (took - a.mean) / averaged
	a.last, a.doubted = time.Now(), false
}

// AtLeast adds the time after which something was given up: it counts if it is longer than the mean.
func (a *Average) AtLeast(took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if took > a.mean {
		a.learn(took)
	}
	a.last, a.doubted = time.Now(), false
}

// Doubt tells that the mean may be out of date, or is not known: nothing was learned for a while. It says so now and then only: whoever
// is told should find out how long it takes, and others should go by the mean. For what is refused because of the mean teaches nothing.
func (a *Average) Doubt() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mean == 0 {
		return true
	}
	now := time.Now()
	if now.Sub(a.last) < believed {
		return false
	}
	a.last, a.doubted = now, true
	return true
}

// Value is the mean.
func (a *Average) Value() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mean
}
