package board

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// without decides whether a start can go on without the board.
func (s *Supervisor) without(ctx context.Context, cause error) error {
	var refusal *hw.Refusal
	var wrong *wrongError
	if errors.As(cause, &refusal) || errors.Is(cause, spike.ErrNetwork) || errors.Is(cause, errNoFallback) {
		return cause
	}
	lost := &Error{s.opt.Name, Unavailable, cause}
	if errors.As(cause, &wrong) {
		lost.Kind = Untrusted
	}
	if s.opt.Fallback == Off || ctx.Err() != nil {
		return lost
	}
	if s.simulation() == nil && s.opt.Plan != nil {
		placed, err := s.opt.Plan(ctx, s.net)
		if err == nil {
			err = s.plan(ctx, placed, nil)
		}
		if err != nil {
			return err
		}
	}
	if s.simulation() == nil {
		return fmt.Errorf("%w; without the board its network is not known, so the simulator cannot answer instead", lost)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.As(cause, &wrong) {
		s.breaker.quarantine()
	} else {
		s.breaker.failed()
	}
	s.changed(cause)
	return nil
}

// fallsBack needs mu.
func (s *Supervisor) fallsBack() bool {
	return s.reference != nil && (s.opt.Fallback == Request || s.opt.Fallback == Start && !s.reached)
}

// simulation is the quantised network on the simulator, nil where it is not known.
func (s *Supervisor) simulation() spike.Runner {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reference
}

var errNoFallback = errors.New("the board does not report which network it runs, so the simulator cannot answer instead; the fallback must be off")
