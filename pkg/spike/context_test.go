package spike

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

// looks is a context that ends once it has been looked at so many times.
type looks struct {
	context.Context
	left, seen atomic.Int64
}

func endsAfter(n int) *looks {
	c := &looks{Context: context.Background()}
	c.left.Store(int64(n))
	return c
}

func (c *looks) Err() error {
	c.seen.Add(1)
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A run looks at its context before each layer along rows, and before each layer or each step along steps, and stops
// wherever it is when that has ended.
func TestRunStopsWhereverItsContextEnds(t *testing.T) {
	step := func(int, []uint8) error { return nil }
	for name, c := range map[string]struct {
		axis  Axis
		opt   RunOptions
		least int64
	}{
		"rows":           {Rows, RunOptions{}, 2}, // two layers with neurons
		"rows, recorded": {Rows, RunOptions{Recorder: &Recorder{}}, 2},
		"layer by layer": {Steps, RunOptions{}, 2},
		"step by step":   {Steps, RunOptions{OnStep: step}, 5},
		"steps recorded": {Steps, RunOptions{Recorder: &Recorder{}}, 5},
	} {
		n, in := random(c.axis)
		r := compile(t, n)
		all := endsAfter(1 << 30)
		if _, err := r.Run(all, in, output(n, in), c.opt); err != nil {
			t.Fatal(err)
		}
		if c.axis == Rows {
			c.least++ // and once before the first
		}
		if all.seen.Load() < c.least {
			t.Errorf("%s: looked %d times, expected at least %d", name, all.seen.Load(), c.least)
		}
		for i := range int(all.seen.Load()) {
			ctx := endsAfter(i)
			if _, err := r.Run(ctx, in, output(n, in), c.opt); !errors.Is(err, context.Canceled) || ctx.seen.Load() > int64(i+2) {
				t.Errorf("%s: ended after %d looks: %v after %d", name, i, err, ctx.seen.Load())
			}
		}
	}
}
