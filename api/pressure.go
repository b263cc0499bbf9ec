package api

import "time"

// estimate learns how long tasks take from those that have ended.
type estimate struct {
	service time.Duration // mean of the last tasks; 0 before the first
	scale   float64       // how long a task takes, as a multiple of its Work; 0 before the first
	scaled  time.Time     // when scale was learned
}

const (
	// samples is how many of the last tasks an estimate goes by.
	samples = 16
	// outdated is after how long without a task the next alone says how long they take: work may have been refused for what tasks took
	// before, and that must not last.
	outdated = 5 * time.Second
)

// learn adds a task that has ended.
func (e *estimate) learn(work, took time.Duration, now time.Time) {
	if e.service == 0 {
		e.service = took
	}
	e.service += (took - e.service) / samples
	if work <= 0 {
		return
	}
	scale := float64(took) / float64(work)
	if e.scale == 0 || now.Sub(e.scaled) > outdated {
		e.scale = scale
	}
	e.scale += (scale - e.scale) / samples
	e.scaled = now
}

// of estimates how long a task with this Work will take.
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
	// grace is how long the queue may be crowded at least before that counts as an overload; twice a task's time, if that is
	// longer. If it is longer, more requests wait when an overload begins; if it is shorter, a burst may count as an overload.
	grace = 10 * time.Millisecond
	// window is the time over which the end of an overload is detected; it is longer if few tasks end in it.
	window = 500 * time.Millisecond
)

// pressure detects an overload. A burst is not one, since the queue is there for bursts, nor are a few clients that each send
// a request after the answer to the last. An overload begins when the queue has been crowded for longer than grace says, and lasts
// as long as more work arrives than the workers can do.
//
// In an overload a longer queue would only make everyone wait. So a task is refused at once if it would wait for more than
// half the time of a task, or more than a tenth if its flow has had its share of the workers' time. Accepted tasks are answered
// about as fast as usual. If an overload begins with at least 1.5 times the work that the workers can do, the caller's waiting
// tasks are refused as well: they would be late, and delay those that follow.
type pressure struct {
	since    time.Time // when the queue became crowded; zero when it is not
	overload bool
	began    time.Time     // of the window; before an overload half of the patience after since, so that a burst is not counted
	asked    time.Duration // work that was asked for since then, taken or refused
}

// relieved records that the queue is not crowded.
func (p *pressure) relieved() { p.since = time.Time{} }

// arrives records a new task of the given cost; service is the average time of a task. It reports whether there is an
// overload, and whether the overload has just begun with at least 1.5 times the work that the workers can do.
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
