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
	// grace is how long the queue may be crowded before it is an overload. A longer one lets more requests of an overload's
	// beginning wait; a shorter one takes a burst for an overload.
	grace = 10 * time.Millisecond
	// window is the time over which it is judged whether an overload is over.
	window = 500 * time.Millisecond
	// relief is the share of the tasks refused, one in so many, below which it is.
	relief = 8
)

// pressure tells a burst, which the queue is there for, and a few clients that each ask again when they were answered, from
// an overload. In an overload a longer queue only has everyone wait: what would wait for more than half the time of a task,
// or for more than a quarter while one flow overruns the workers, is refused at once, and what is taken is answered about as
// fast as ever. It begins when the queue was crowded for longer than grace, and lasts as long as a good share has to be refused.
type pressure struct {
	since    time.Time // when the queue became crowded; zero when it is not
	overload bool
	began    time.Time // of the window
	seen     int       // tasks, in the window
	refused  int
}

// relieved says that the queue is not crowded.
func (p *pressure) relieved() { p.since = time.Time{} }

// admits decides on a task that would wait for so long, where tasks take service on average; overrun is that of the queue.
func (p *pressure) admits(wait, service time.Duration, crowded bool, now time.Time, overrun bool) bool {
	if now.Sub(p.began) > max(window, 2*samples*service) {
		p.overload = p.overload && p.refused*relief >= p.seen
		p.began, p.seen, p.refused = now, 0, 0
	}
	p.seen++
	switch {
	case p.overload || !crowded:
	case p.since.IsZero():
		p.since = now
	case now.Sub(p.since) > max(grace, 2*service):
		p.overload = true
		p.began, p.seen, p.refused = now, 1, 0
	}
	// Half of what a task takes keeps the workers busy.
	if !p.overload || !overrun && wait <= service/2 {
		return true
	}
	p.refused++
	return false
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
