package board

import (
	"errors"

	"github.com/spikeray/spikeray/pkg/hw"
)

// begin lets requests go to a session that has answered the canary correctly.
func (s *Supervisor) begin(made *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		s.retire(made)
		return
	}
	s.session, s.reached = made, true
	s.breaker.succeeded()
	s.changed(nil)
}

// probe begins a trial of an open breaker, if its wait is over.
func (s *Supervisor) probe() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.breaker.probe() {
		return false
	}
	s.tellLocked(func(w Watcher) { w.State(HalfOpen) })
	return true
}

// well records that a session has answered.
func (s *Supervisor) well(on *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == on {
		s.breaker.succeeded()
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
	opened := s.breaker.failed()
	s.opt.Log.Warn("the board did not answer", "board", s.opt.Name, "kind", kind, "failures", s.breaker.failures, "error", err)
	if kind == WrongAnswer || errors.Is(err, errStuck) || errors.Is(err, hw.ErrClosed) {
		opened = s.breaker.trip() || opened
	}
	if opened {
		s.leave(err)
	}
}

// distrust puts the board into quarantine, because a session gave a wrong answer.
func (s *Supervisor) distrust(on *session, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tellLocked(func(w Watcher) { w.Failed(WrongAnswer) })
	if s.session == on {
		s.breaker.quarantine()
		s.leave(why)
	}
}

// leave ends the session, once the breaker is not closed any more. It needs mu.
func (s *Supervisor) leave(why error) {
	s.retire(s.session)
	s.session = nil
	s.changed(why)
}

// Release lets a quarantined board try its canary again.
func (s *Supervisor) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil && s.breaker.release() {
		s.changed(errors.New("quarantine was lifted"))
	}
}

// changed logs and reports the breaker's new state and the reason, and wakes mind. It needs mu.
func (s *Supervisor) changed(why error) {
	again := s.detail != nil
	s.detail = why
	state := s.breaker.state
	s.tellLocked(func(w Watcher) { w.State(state) })
	switch log := s.opt.Log.With("board", s.opt.Name, "state", state); state {
	case Closed:
		if again {
			log.Info("the board answers again")
		}
	case Open:
		log.Warn("the board gets no requests until it answers its canary correctly", "error", why)
	case Quarantined:
		log.Error("the board gave a wrong answer and gets no more requests; SIGHUP or a restart releases it", "error", why)
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
