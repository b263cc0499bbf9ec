package board

import (
	"errors"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

const maxBackoff = 16 // times Options.Retry

// set needs mu.
func (s *Supervisor) set(state State, why error) {
	again := s.detail != nil
	s.state, s.detail, s.failures = state, why, 0
	s.tellLocked(func(w Watcher) { w.State(state) })
	switch log := s.opt.Log.With("board", s.opt.Name, "state", state); state {
	case Closed:
		if again {
			log.Info("the board answers again")
		}
	case Open:
		log.Warn("the board is not asked until its canary is right", "error", why)
	case Quarantined:
		log.Error("the board is not to be trusted and not asked any more; SIGHUP or a restart lifts this", "error", why)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// begin has requests go to a session.
func (s *Supervisor) begin(made *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		s.retire(made)
		return
	}
	s.session, s.reached = made, true
	s.set(Closed, nil)
}

// well notes that a session has answered.
func (s *Supervisor) well(on *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == on {
		s.failures = 0
	}
}

// lose counts a failure of a session, and opens the breaker: at once where there is no use in going on.
func (s *Supervisor) lose(on *session, kind Kind, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tellLocked(func(w Watcher) { w.Failed(kind) })
	if s.session != on {
		return
	}
	s.failures++
	s.opt.Log.Warn("the board did not answer", "board", s.opt.Name, "kind", kind, "failures", s.failures, "error", err)
	if s.failures >= s.opt.Failures || kind == WrongAnswer || errors.Is(err, errStuck) || errors.Is(err, hw.ErrClosed) {
		s.leave(Open, err)
	}
}

// leave ends the session. It needs mu.
func (s *Supervisor) leave(state State, why error) {
	s.retire(s.session)
	s.session = nil
	s.set(state, why)
}

// Release has a quarantined board try its canary again.
func (s *Supervisor) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == Quarantined && s.ctx.Err() == nil {
		s.set(Open, errors.New("quarantine was lifted"))
	}
}

// mind tries the canary: now and then while the breaker is closed, and to close it when it is open.
func (s *Supervisor) mind() {
	backoff := time.Duration(1)
	for s.ctx.Err() == nil {
		switch s.Status().State {
		case Closed:
			backoff = 1
			if s.sleep(s.opt.Canary, s.due) {
				s.again()
			}
		case Open:
			if s.sleep(backoff*s.opt.Retry, nil) {
				backoff = min(2*backoff, maxBackoff)
				s.reconnect()
			}
		default:
			s.sleep(-1, nil)
		}
	}
}

// sleep waits that long, for ever if below 0, or until due, and reports whether it was not woken.
func (s *Supervisor) sleep(d time.Duration, due <-chan struct{}) bool {
	var elapsed <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		elapsed = timer.C
	}
	select {
	case <-elapsed:
		return true
	case <-due:
		return true
	case <-s.wake:
	case <-s.ctx.Done():
	}
	return false
}

// again tries the canary on a session that works, when it is its turn.
func (s *Supervisor) again() {
	s.mu.Lock()
	on := s.session
	s.mu.Unlock()
	if on == nil {
		return
	}
	select {
	case on.slots <- struct{}{}:
	case <-on.over:
		return
	case <-s.ctx.Done():
		return
	}
	err := s.try(s.ctx, on, s.opt.Timeout, func() { s.lose(on, TimedOut, errStuck) })
	if wrong := (*wrongError)(nil); errors.As(err, &wrong) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tellLocked(func(w Watcher) { w.Failed(WrongAnswer) })
		if s.session == on {
			s.leave(Quarantined, err)
		}
	} else if err != nil && !errors.Is(err, errStuck) && s.ctx.Err() == nil {
		s.lose(on, kindOf(err), err)
	} else if err == nil {
		s.opt.Log.Debug("the canary is right", "board", s.opt.Name)
		s.well(on)
	}
}

// reconnect tries to close the breaker, once nothing of the session before is left.
func (s *Supervisor) reconnect() {
	select {
	case s.owner <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	s.state = HalfOpen
	s.tellLocked(func(w Watcher) { w.State(HalfOpen) })
	s.mu.Unlock()
	made, err := s.attempt(s.ctx)
	if err == nil {
		s.begin(made)
		return
	}
	if s.ctx.Err() != nil {
		return
	}
	var wrong *wrongError
	var refusal *hw.Refusal
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.As(err, &wrong), errors.As(err, &refusal):
		s.tellLocked(func(w Watcher) { w.Failed(WrongAnswer) })
		s.set(Quarantined, err)
	default:
		s.tellLocked(func(w Watcher) { w.Failed(kindOf(err)) })
		s.set(Open, err)
	}
}
