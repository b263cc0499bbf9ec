package api

import (
	"sync"
	"time"
)

// estimate learns how long tasks take from those that have ended.
type estimate struct {
	service time.Duration // mean of the last tasks; 0 before the first
	scale   float64       // how long a task takes, as a multiple of its Work; 0 before the first
}

// samples is how many of the last tasks an estimate goes by.
const samples = 16

func (e *estimate) learn(work, took time.Duration) {
	if e.service == 0 {
		e.service = took
	}
	e.service += (took - e.service) / samples
	if work <= 0 {
		return
	}
	scale := float64(took) / float64(work)
	if e.scale == 0 {
		e.scale = scale
	}
	e.scale += (scale - e.scale) / samples
}

// of is about how long a task of such Work will take.
func (e *estimate) of(work time.Duration) time.Duration {
	switch {
	case work <= 0:
		return e.service
	case e.scale == 0:
		return work
	}
	return time.Duration(e.scale * float64(work))
}

const (
	// grace is how long more may wait than there should, before newcomers are refused for it.
	// Longer, and who is taken at the beginning of an overload waits for long; shorter, and few
	// requests sent at once are too many.
	grace = 50 * time.Millisecond
	// window is the time over which it is judged whether an overload is over.
	window = 500 * time.Millisecond
	// relief is the share of the tasks refused, one in so many, below which it is.
	relief = 8
)

// pressure tells a burst, which the queue is there for, from an overload, in which all that a
// longer queue does is have everyone wait: more is then refused at once, and what is taken is
// answered about as fast as ever. It is an overload when for longer than grace more waited than
// the workers do in half the time of one task, and remains one as long as a good share has to be
// refused to keep it at that.
type pressure struct {
	since    time.Time // when more began to wait; zero when it does not
	overload bool
	began    time.Time // of the window
	seen     int       // tasks, in the window
	refused  int
}

// bound is the longest wait that is all right at any time, beside the one for the first worker to be free. Half of what
// a task takes keeps the workers busy, and leaves it well below three times that until a task is done.
func (p *pressure) bound(fixed, service time.Duration) time.Duration {
	if fixed > 0 {
		return fixed
	}
	return service / 2
}

// relieved says that no more waits than should.
func (p *pressure) relieved() { p.since = time.Time{} }

// admits decides on a task that would wait for so long, where tasks take service on average.
func (p *pressure) admits(wait, fixed, service time.Duration, now time.Time) bool {
	long := wait > p.bound(fixed, service)
	if fixed > 0 {
		return !long
	}
	if service == 0 {
		return true
	}
	if now.Sub(p.began) > max(window, 2*samples*service) {
		p.overload = p.overload && p.refused*relief >= p.seen
		p.began, p.seen, p.refused = now, 0, 0
	}
	p.seen++
	if !long {
		return true
	}
	if p.since.IsZero() {
		p.since = now
	}
	if !p.overload && now.Sub(p.since) > max(grace, 2*service) {
		p.overload = true
		p.began, p.seen, p.refused = now, 1, 0
	}
	if p.overload {
		p.refused++
	}
	return !p.overload
}

// average is the mean of the last samples of something. It is safe for concurrent use.
type average struct {
	mu   sync.Mutex
	mean time.Duration
}

func (a *average) learn(took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mean == 0 {
		a.mean = took
	}
	a.mean += (took - a.mean) / samples
}

func (a *average) value() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mean
}
