package board

import (
	"errors"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

// mind tries the canary: regularly while the breaker is closed, and to close it when it is open.
func (s *Supervisor) mind() {
	for s.ctx.Err() == nil {
		s.mu.Lock()
		state, left := s.breaker.state, s.breaker.left()
		s.mu.Unlock()
		switch state {
		case Closed:
			if s.sleep(s.opt.Canary, s.due) {
				s.again()
			}
		case Open:
			if s.sleep(left, nil) {
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

// again tries the canary on a working session when it is due.
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
		s.distrust(on, err)
	} else if err != nil && !errors.Is(err, errStuck) && s.ctx.Err() == nil {
		s.lose(on, kindOf(err), err)
	} else if err == nil {
		s.opt.Log.Debug("the canary is right", "board", s.opt.Name)
		s.well(on)
	}
}

// reconnect tries to close the breaker, once the previous session has ended.
func (s *Supervisor) reconnect() {
	select {
	case s.owner <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	if !s.probe() {
		<-s.owner
		return
	}
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
		s.breaker.quarantine()
	default:
		s.tellLocked(func(w Watcher) { w.Failed(kindOf(err)) })
		s.breaker.failed()
	}
	s.changed(err)
}
