package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testcontext"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Wherever its context ends, a prediction ends with that: while the picture is decoded, after that, at the gate and in
// the network.
func TestAPredictionStopsWhereverItsContextEnds(t *testing.T) {
	data := testmodel.PNG(64, 64, 1)
	decoding := testcontext.EndsAfter(1 << 30)
	if _, err := radiograph.Decode(decoding, data, radiograph.Limits{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		m      *model.Model
		behind int // looks behind the decoding, at the least
	}{
		{testmodel.Plain(t), 1}, {testmodel.Gated(t), 2}, // the gate's and the network's
		{testmodel.Rows(t), 3}, // the network's, the run's and its layer's
		{testmodel.Steps(t, 8), 2},
		{testmodel.Early(t), 3},
	} {
		name := c.m.Description().Name
		all := testcontext.EndsAfter(1 << 30)
		if _, err := pipeline.Predict(all, c.m, data, radiograph.Limits{}, pipeline.Options{}); err != nil {
			t.Fatal(err)
		}
		if behind := all.Seen() - decoding.Seen(); behind < c.behind {
			t.Errorf("%s: looked %d times after the decoding, expected at least %d", name, behind, c.behind)
		}
		for i := range all.Seen() {
			ctx := testcontext.EndsAfter(i)
			if _, err := pipeline.Predict(ctx, c.m, data, radiograph.Limits{}, pipeline.Options{}); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: ended after %d looks: %v", name, i, err)
			}
		}
	}
}

// backend runs nothing, and is told the context.
type backend func(context.Context) error

func (backend) Name() string                                                    { return "told" }
func (b backend) Compile(context.Context, *spike.Network) (spike.Runner, error) { return b, nil }
func (b backend) Run(ctx context.Context, _, _ spike.Train, _ spike.RunOptions) (spike.Stats, error) {
	return spike.Stats{}, b(ctx)
}

// A board that is asked has the caller's own context: it learns that nobody waits any more.
func TestABackEndHasTheCallersContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := testmodel.ForBoard(t, backend(func(ctx context.Context) error {
		cancel()
		return ctx.Err()
	}))
	if _, err := pipeline.Predict(ctx, m, testmodel.PNG(64, 64, 1), radiograph.Limits{}, pipeline.Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// clipped is a back end whose neurons had to hold spikes back.
type clipped struct{}

func (clipped) Name() string                                                  { return "clipped" }
func (clipped) Compile(context.Context, *spike.Network) (spike.Runner, error) { return clipped{}, nil }
func (clipped) Run(context.Context, spike.Train, spike.Train, spike.RunOptions) (spike.Stats, error) {
	return spike.Stats{Spikes: 1, NeuronSteps: 1, Clipped: 3}, nil
}

func TestWhatTheNetworkWarnsOfIsInTheAnswer(t *testing.T) {
	p, err := pipeline.Predict(t.Context(), testmodel.ForBoard(t, clipped{}), testmodel.PNG(400, 400, 1), radiograph.Limits{}, pipeline.Options{})
	if err != nil || len(p.Warnings) != 1 || !strings.HasPrefix(p.Warnings[0], "clipped: 3 times") {
		t.Errorf("%q, %v", p.Warnings, err)
	}
}
