package board

import "time"

// maxBackoff is the longest wait of a breaker, in its first ones.
const maxBackoff = 16

// breaker is a circuit breaker between requests and a board.
//
//   - Closed: requests go to the board. A number of failures in a row opens the breaker.
//   - Open: no request goes to the board. Once a wait is over there may be a trial.
//   - Half-open: the trial decides. If it succeeds, the breaker closes; if it fails, it opens for twice as long as before, up to
//     maxBackoff times the first wait.
//
// A board that answers wrongly is quarantined, in any state: it has no trial until somebody releases it.
//
// A new breaker is half-open: the first connection is a trial, too. A breaker has no lock; its owner has one.
type breaker struct {
	limit int           // failures in a row that open it
	retry time.Duration // the first wait

	state    State
	failures int           // in a row, since it closed
	wait     time.Duration // for the next time that it opens
	until    time.Time     // the end of the current wait
}

func newBreaker(limit int, retry time.Duration) *breaker {
	return &breaker{limit: limit, retry: retry, state: HalfOpen, wait: retry}
}

// allow reports whether requests go to the board.
func (b *breaker) allow() bool { return b.state == Closed }

// probe begins a trial if one is due, and reports whether it did. The breaker is then half-open; the caller must end the
// trial with succeeded, failed or quarantine.
func (b *breaker) probe() bool {
	if b.state != Open || b.left() > 0 {
		return false
	}
	b.state, b.wait = HalfOpen, min(2*b.wait, maxBackoff*b.retry)
	return true
}

// left is the rest of an open breaker's wait.
func (b *breaker) left() time.Duration {
	if b.state != Open {
		return 0
	}
	return max(0, time.Until(b.until))
}

// succeeded notes an answer: of a request, or of the trial, which closes the breaker.
func (b *breaker) succeeded() {
	switch b.state {
	case HalfOpen:
		b.state, b.failures, b.wait = Closed, 0, b.retry
	case Closed:
		b.failures = 0
	}
}

// failed notes a failure, of a request or of the trial, and reports whether that opens the breaker.
func (b *breaker) failed() bool {
	if b.state == Closed {
		b.failures++
		if b.failures < b.limit {
			return false
		}
	}
	return b.trip()
}

// trip opens a closed or half-open breaker, whatever the number of failures, and reports whether it did.
func (b *breaker) trip() bool {
	if b.state != Closed && b.state != HalfOpen {
		return false
	}
	b.open()
	return true
}

// quarantine blocks requests and trials until release.
func (b *breaker) quarantine() { b.state = Quarantined }

// release opens a quarantined breaker, so that a trial follows after the first wait, and reports whether it did.
func (b *breaker) release() bool {
	if b.state != Quarantined {
		return false
	}
	b.wait = b.retry // somebody has looked: no longer wait than at first
	b.open()
	return true
}

func (b *breaker) open() { b.state, b.until = Open, time.Now().Add(b.wait) }
