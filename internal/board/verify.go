package board

import (
	"context"
	"fmt"

	"github.com/spikeray/spikeray/pkg/spike"
)

// recompute holds an answer to the simulator's on the board's own network, where that is known to give the same spikes,
// for as large a share of the answers as is asked for. A wrong one puts the board into quarantine, as a wrong canary does;
// the error is then an *[Error].
func (s *Supervisor) recompute(ctx context.Context, in spike.Train, a answer) error {
	s.mu.Lock()
	reference, due := s.reference, false
	if s.exact && reference != nil && s.opt.Check > 0 {
		s.credit += s.opt.Check
		if due = s.credit >= 1; due {
			s.credit--
		}
	}
	s.mu.Unlock()
	// Saturation and loss are told with the answer; the simulator knows neither.
	if !due || a.seen.Saturated > 0 || a.seen.Link.Lost() > 0 {
		return nil
	}
	want := spike.Train{Axis: s.net.Axis, Shape: s.output, Counts: make([]uint8, len(a.out))}
	stats, err := reference.Run(ctx, in, want, spike.RunOptions{})
	if err != nil {
		return err
	}
	off := 0
	for i, n := range want.Counts {
		if n != a.out[i] {
			off++
		}
	}
	if off == 0 && stats.Spikes == a.stats.Spikes && stats.SynapticOperations == a.stats.SynapticOperations {
		return nil
	}
	err = &wrongError{fmt.Errorf("%d of %d counts differ from the simulator's on the board's own network; %d spikes and %d synaptic operations, expected %d and %d",
		off, len(a.out), a.stats.Spikes, a.stats.SynapticOperations, stats.Spikes, stats.SynapticOperations)}
	s.distrust(a.on, err)
	return &Error{s.opt.Name, WrongAnswer, err}
}
