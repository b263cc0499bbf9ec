package board

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// canary is a known input. Its answer is the simulator's where that is exact, and otherwise the board's first.
type canary struct {
	in, out   spike.Train
	known     bool // out is the answer
	simulated bool // from the simulator, and not yet compared with the board's
	saturates bool // a state of the board can saturate
}

// newCanary looks for an input for which the quantised network's output is neither silent nor all spikes. If that network
// is not known, it takes any input. The answer is not known yet.
func newCanary(ctx context.Context, n *spike.Network, output spike.Shape, quantised spike.Runner) (*canary, error) {
	passes := max(1, n.Steps)
	train := func(s spike.Shape) spike.Train {
		return spike.Train{Axis: n.Axis, Shape: s, Counts: make([]uint8, passes*s.Len())}
	}
	c := &canary{in: train(n.Input), out: train(output)}
	for try, density := range []float64{0.25, 0.1, 0.5, 0.03, 0.8, 0.01, 1} {
		rng := rand.New(rand.NewPCG(uint64(try), 0xca7a))
		for i := range c.in.Counts {
			c.in.Counts[i] = 0
			if rng.Float64() < density {
				c.in.Counts[i] = 1
			}
		}
		if quantised == nil {
			return c, nil
		}
		if _, err := quantised.Run(ctx, c.in, c.out, spike.RunOptions{}); err != nil {
			return nil, fmt.Errorf("canary: %w", err)
		}
		if fired := spikes(c.out.Counts); fired > 0 && fired < len(c.out.Counts) {
			break
		}
	}
	return c, nil
}

func spikes(counts []uint8) (n int) {
	for _, c := range counts {
		n += int(c)
	}
	return n
}

// check compares an answer, in which some states may have saturated. The simulator's states cannot saturate: if the board's
// first answer differs from the simulator's and states did saturate, later answers must match the board's first.
func (c *canary) check(out []uint8, saturated uint64, tolerance float64) error {
	off, first := 0, -1
	for i, want := range c.out.Counts {
		if d := int(max(want, out[i]) - min(want, out[i])); d > 0 {
			if off += d; first < 0 {
				first = i
			}
		}
	}
	all := spikes(c.out.Counts)
	right := float64(off) <= tolerance*float64(all)
	if !c.known || !right && c.simulated && c.saturates && saturated > 0 {
		copy(c.out.Counts, out)
		right = true
	}
	c.known, c.simulated = true, false
	if right {
		return nil
	}
	return fmt.Errorf("the canary's answer has %d missing or extra spikes, expected an answer of %d spikes; the first difference is in count %d", off, all, first)
}

// try shows a session the canary; the caller holds a slot. A wrong answer is a *wrongError.
func (s *Supervisor) try(ctx context.Context, on *session, timeout time.Duration, stuck func()) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s.asks(on)
	a := <-on.start(ctx, s.canary.in, s.canary.out, nil, patience(timeout), func(a answer) {
		s.hears(on, a)
		if a.late {
			stuck()
		}
	})
	switch {
	case a.late:
		return errStuck
	case a.err != nil && !errors.Is(a.err, hw.ErrImpossible):
		return a.err
	case a.err == nil:
		a.err = s.canary.check(a.out, a.stats.Saturated, s.opt.Tolerance)
	}
	s.tell(func(w Watcher) { w.Canary(a.err == nil) })
	if a.err != nil {
		return &wrongError{a.err}
	}
	return nil
}

// answered counts an answer towards the next canary.
func (s *Supervisor) answered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers++; s.opt.CanaryAnswers < 0 || s.answers < s.opt.CanaryAnswers {
		return
	}
	s.answers = 0
	select {
	case s.due <- struct{}{}:
	default:
	}
}
