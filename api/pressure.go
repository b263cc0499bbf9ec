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
)

// pressure tells a burst, which the queue is there for, and a few clients that each ask again when they were answered, from
// an overload. In an overload a longer queue only has everyone wait: what would wait for more than half the time of a task,
// or for more than a quarter while one flow overruns the workers, is refused at once, and what is taken is answered about as
// fast as ever. It begins when the queue was crowded for longer than grace, and lasts as long as more is asked for than the
// workers can do. If it begins with half as much again being asked for, what the one who asks has waiting is taken back: it
// would be late, and so would be what follows.
type pressure struct {
	since    time.Time // when the queue became crowded; zero when it is not
	overload bool
	began    time.Time     // of the window; before an overload half of the patience after since, so that a burst is not counted
	asked    time.Duration // work that was asked for since then, taken or refused
}

// relieved says that the queue is not crowded.
func (p *pressure) relieved() { p.since = time.Time{} }

// arrives takes note of a task of such a cost, where tasks take service on average, and says whether there is an overload,
// and whether it has begun just now with half as much again as the workers can do.
func (p *pressure) arrives(cost, service time.Duration, workers int, crowded bool, now time.Time) (overload, steeply bool) {
	if elapsed := now.Sub(p.began); p.overload && elapsed > max(window, 2*samples*service) {
		p.overload = p.asked >= elapsed*time.Duration(workers)
		p.began, p.asked = now, 0
	}
	if !now.Before(p.began) {
		p.asked += cost
	}
	patience := max(grace, 2*service)
	switch {
	case p.overload || !crowded:
	case p.since.IsZero():
		p.since, p.began, p.asked = now, now.Add(patience/2), 0
	case now.Sub(p.since) > patience:
		p.overload, steeply = true, 2*p.asked > 3*now.Sub(p.began)*time.Duration(workers)
		p.began, p.asked = now, cost
	}
	return p.overload, steeply
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
