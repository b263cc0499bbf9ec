package board

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// wrongError is the error for an answer or a placement that differs from the known one.
type wrongError struct{ error }

// plan takes from a placement on a board, or on none, what is to be known of the network. The board has to keep to its
// first placement, and to the one without it, or what was planned answers no more.
func (s *Supervisor) plan(ctx context.Context, p hw.Placement, on hw.Board) error {
	report := p.Report()
	s.mu.Lock()
	before, planned := s.placement, s.planned
	s.mu.Unlock()
	if before != nil {
		if !reflect.DeepEqual(before.Layers, report.Layers) {
			return &wrongError{errors.New("the board now runs this model with other numbers than before")}
		}
		return nil
	}
	if planned != nil && !slices.EqualFunc(report.Layers, planned, sameNumbers) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reference, s.planned = nil, nil
		return &wrongError{errors.New("the board runs this model with other numbers than the simulator that has answered instead of it")}
	}
	var reference spike.Runner
	n, exact, err := s.opt.quantise(ctx, s.net, p, on)
	if err != nil {
		return err
	}
	if n != nil {
		if reference, err = s.opt.simulator().Compile(ctx, n); err != nil {
			return err
		}
	} else if s.opt.Fallback != Off {
		return errNoFallback
	}
	c, err := newCanary(ctx, s.net, s.output, reference)
	if err != nil {
		return err
	}
	c.known, c.simulated = exact, exact
	c.saturates = canSaturate(report)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reference, s.exact, s.canary = reference, exact, c
	if on != nil {
		s.placement, s.planned = &report, nil
	} else {
		s.planned = report.Layers
	}
	return nil
}

// quantise gives the network that the board runs of a network, or nil where that is not known. What the board does not
// tell is taken from the placement without it, if that has the same numbers.
func (o Options) quantise(ctx context.Context, n *spike.Network, p hw.Placement, on hw.Board) (*spike.Network, bool, error) {
	q, exact := hw.Quantise(n, p)
	switch {
	case q != nil || on == nil:
		return q, exact, nil
	case on.Capabilities().Fidelity == hw.Float: // nothing is quantised, but sums may be rounded otherwise
		return n, false, nil
	case o.Plan == nil:
		return nil, false, nil
	}
	planned, err := o.Plan(ctx, n)
	if err != nil {
		return nil, false, err
	}
	if !slices.EqualFunc(p.Report().Layers, planned.Report().Layers, sameNumbers) {
		return nil, false, nil
	}
	q, exact = hw.Quantise(n, planned)
	return q, exact, nil
}

// canSaturate reports whether some input could take a state of the network beyond its range.
func canSaturate(r hw.Report) bool {
	return slices.ContainsFunc(r.Layers, func(l hw.LayerReport) bool { return l.Reach > 1 })
}

// sameNumbers reports whether a layer was quantised the same way.
func sameNumbers(a, b hw.LayerReport) bool {
	near := func(x, y float64) bool { return math.Abs(x-y) <= 1e-6*math.Abs(y) }
	return a.RoundedWeights == b.RoundedWeights && a.ClippedWeights == b.ClippedWeights && near(a.Scale, b.Scale) &&
		near(a.WeightError, b.WeightError) && near(a.BoardThreshold, b.BoardThreshold) && near(a.BoardDecay, b.BoardDecay)
}
