package spike

import (
	"context"
	"errors"
	"testing"

	"github.com/spikeray/spikeray/internal/testcontext"
)

// A run looks at its context before each layer along rows, and before each layer or each step along steps, and stops
// wherever it is when that has ended.
func TestRunStopsWhereverItsContextEnds(t *testing.T) {
	step := func(int, []uint8) error { return nil }
	for name, c := range map[string]struct {
		axis  Axis
		opt   RunOptions
		least int
	}{
		"rows":           {Rows, RunOptions{}, 2}, // two layers with neurons
		"rows, recorded": {Rows, RunOptions{Recorder: &Recorder{}}, 2},
		"layer by layer": {Steps, RunOptions{}, 2},
		"step by step":   {Steps, RunOptions{OnStep: step}, 5},
		"steps recorded": {Steps, RunOptions{Recorder: &Recorder{}}, 5},
	} {
		n, in := random(c.axis)
		r := compile(t, n)
		all := testcontext.EndsAfter(1 << 30)
		if _, err := r.Run(all, in, output(n, in), c.opt); err != nil {
			t.Fatal(err)
		}
		if c.axis == Rows {
			c.least++ // and once before the first
		}
		if all.Seen() < c.least {
			t.Errorf("%s: looked %d times, expected at least %d", name, all.Seen(), c.least)
		}
		for i := range all.Seen() {
			ctx := testcontext.EndsAfter(i)
			if _, err := r.Run(ctx, in, output(n, in), c.opt); !errors.Is(err, context.Canceled) || ctx.Seen() > i+2 {
				t.Errorf("%s: ended after %d looks: %v after %d", name, i, err, ctx.Seen())
			}
		}
	}
}
