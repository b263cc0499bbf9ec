package board

import (
	"errors"
	"time"
)

var errSilent = errors.New("runs are under way, and it has not answered any")

// asks notes a run that goes to a session.
func (s *Supervisor) asks(on *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on.asked++; on.silence == nil {
		s.listen(on)
	}
}

// hears notes the end of a run. Whatever ended it but its time is a sign of life.
func (s *Supervisor) hears(on *session, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	on.asked--
	if err := a.failure(); err != nil && kindOf(err) == TimedOut {
		return
	}
	if on.silence != nil {
		on.silence.Stop()
		on.silence = nil
	}
	if on.asked > 0 {
		s.listen(on)
	}
}

// listen starts to measure a silence. It needs mu.
func (s *Supervisor) listen(on *session) {
	var timer *time.Timer
	timer = time.AfterFunc(s.opt.Silence, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if on.silence != timer { // an answer came meanwhile
			return
		}
		if on.silence = nil; s.session != on || on.asked == 0 {
			return
		}
		s.opt.Log.Warn("the board is silent", "board", s.opt.Name, "for", s.opt.Silence.String(), "asked", on.asked)
		s.tellLocked(func(w Watcher) { w.Failed(TimedOut) })
		close(on.silent) // nobody waits for it any more
		s.breaker.trip()
		s.leave(errSilent)
	})
	on.silence = timer
}
