package board

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestFallbackAtTheStart answers for a board that is not there when the program starts, and no more once it was.
func TestFallbackAtTheStart(t *testing.T) {
	r := &rack{}
	r.gone.Store(true)
	s, _ := supervise(t, Options{Open: r.open, Fallback: Off, Plan: plan})
	if _, err := s.Compile(t.Context(), hwtest.Network()); err == nil {
		t.Error("started without a board and without a fallback")
	}
	s, _ = supervise(t, Options{Open: r.open, Fallback: Start})
	if _, err := s.Compile(t.Context(), hwtest.Network()); err == nil {
		t.Error("started with nothing that could answer for the board")
	}
	s, _ = supervise(t, Options{Open: r.open, Plan: plan, Fallback: Start, Retry: 10 * time.Millisecond, Canary: -1, Failures: 1})
	runner := compile(t, s)
	if a := ask(t, runner, 1); a.err != nil || a.account.Degraded != string(Unavailable) || !slices.Equal(a.out, simulated(t, 1)) {
		t.Errorf("%+v", a)
	}
	r.gone.Store(false)
	until(t, "board", func() bool { return s.Status().State == Closed })
	if a := ask(t, runner, 1); a.err != nil || a.account.Backend != "loihi" {
		t.Errorf("%+v", a)
	}
	r.gone.Store(true)
	r.kill(t)
	if a := ask(t, runner, 1); a.kind == "" {
		t.Errorf("the fallback is for the start, but: %+v", a)
	}
}

// silent is the emulator without a word of what it makes of a network.
type silent struct{ hw.Board }

func (b silent) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	return struct{ hw.Placement }{p}, err
}

// TestAnotherPlacementTellsTheNetwork: for a board that does not tell which network it runs, a placement without it does,
// if the two have the same numbers.
func TestAnotherPlacementTellsTheNetwork(t *testing.T) {
	n := hwtest.Network()
	n.Layers[0].(*spike.Conv2D).Scale[2] *= 0.7
	var gone atomic.Bool
	open := func(ctx context.Context) (hw.Board, error) {
		if gone.Load() {
			return nil, errors.New("there is no board")
		}
		b, err := emulator(ctx)
		return silent{b}, err
	}
	other := func(ctx context.Context, n *spike.Network) (hw.Placement, error) {
		m := *n
		m.Layers = slices.Clone(n.Layers)
		conv := *n.Layers[0].(*spike.Conv2D)
		conv.Scale = slices.Repeat([]float32{1.0 / 32}, 4)
		m.Layers[0] = &conv
		return plan(ctx, &m)
	}
	for name, c := range map[string]struct {
		plan func(context.Context, *spike.Network) (hw.Placement, error)
		want error
	}{"none": {nil, errNoFallback}, "the same": {plan, nil}, "another": {other, errNoFallback}} {
		s, _ := supervise(t, Options{Open: open, Plan: c.plan, Fallback: Request})
		if _, err := s.Compile(t.Context(), n); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		plan func(context.Context, *spike.Network) (hw.Placement, error)
		want State
	}{"the same": {plan, Closed}, "another": {other, Quarantined}} { // and the board comes later
		gone.Store(true)
		s, _ := supervise(t, Options{Open: open, Plan: c.plan, Fallback: Request, Retry: time.Millisecond, Canary: -1})
		r, err := s.Compile(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if a := ask(t, r, 1); a.account.Degraded != string(Unavailable) {
			t.Errorf("%s, without the board: %+v", name, a)
		}
		gone.Store(false)
		until(t, "board", func() bool { return s.Status().State == c.want })
		a := ask(t, r, 1)
		if c.want == Closed && (a.err != nil || a.account.Degraded != "") || c.want == Quarantined && (a.kind != Untrusted || s.Status().Answers) {
			t.Errorf("%s, with the board: %+v", name, a)
		}
	}
}
