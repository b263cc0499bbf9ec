package board

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Reference is the network that the simulator runs beside a board in a self-test.
type Reference string

const (
	AsItIs    Reference = "as_it_is"  // the model's, of which the board changes no number
	Rounded   Reference = "quantised" // with the board's numbers
	Unrounded Reference = "unrounded" // the model's, since the board's numbers are not known
)

// SelfTest compares a board's answers to known inputs with the simulator's.
type SelfTest struct {
	Board        string          `json:"board"`
	Capabilities hw.Capabilities `json:"capabilities"`
	Report       hw.Report       `json:"report"`
	Reference    Reference       `json:"reference"`
	// Exact says that every spike has to be the simulator's where no state saturates.
	Exact  bool    `json:"exact"`
	Trials []Trial `json:"trials"`
	// Repeated compares the board's second answer to the canary with its first.
	Repeated Difference `json:"canary_repeated"`
	Complete bool       `json:"complete"` // all inputs were shown
	Passed   bool       `json:"passed"`
}

// Trial is one input. Differences are the board's spikes against the simulator's.
type Trial struct {
	Input  string       `json:"input"`
	Spikes int          `json:"spikes"` // in
	Steps  int          `json:"steps"`
	Layers []Difference `json:"layers"`
	Answer Difference   `json:"answer"` // of what the network gives out
	// Time is from asking the board until its answer was there, as this machine's clock has it.
	Time      time.Duration `json:"time_ns"`
	Telemetry hw.Telemetry  `json:"telemetry"`
}

// Wrong says that the board is to be exact and was not, in a run in which no state saturated, or could.
func (t *SelfTest) Wrong() bool {
	excused := canSaturate(t.Report)
	return t.Exact && slices.ContainsFunc(t.Trials, func(trial Trial) bool {
		return trial.Differs() && !(excused && trial.Telemetry.Saturated > 0)
	})
}

// Differs says that not every spike was the simulator's.
func (t Trial) Differs() bool {
	return t.Answer.Off > 0 || slices.ContainsFunc(t.Layers, func(d Difference) bool { return d.Off > 0 })
}

// Difference is that of two rasters of the same neurons, or of the network's output.
type Difference struct {
	Layer string `json:"layer,omitempty"`
	Board int    `json:"board"` // spikes
	Want  int    `json:"want"`
	// Off is the spikes that are too many or too few, each where and when it is.
	Off   int    `json:"off"`
	First *Where `json:"first,omitempty"`
}

// Where is a neuron, as an element of its layer's map [H][W][C], at a step; along rows that is element 0 to H*W*C of the
// whole map, at step 0.
type Where struct {
	Step   int `json:"step"`
	Neuron int `json:"neuron"`
}

// Share is Off divided by the larger of the two numbers of spikes, the simulator's and the board's.
func (d Difference) Share() float64 {
	if d.Off == 0 {
		return 0
	}
	return float64(d.Off) / float64(max(d.Want, d.Board))
}

func difference(layer string, got, want []uint8, size int) Difference {
	d := Difference{Layer: layer, Board: spikes(got), Want: spikes(want)}
	for i, w := range want {
		off := int(max(w, got[i]) - min(w, got[i]))
		if off > 0 && d.First == nil {
			d.First = &Where{i / size, i % size}
		}
		d.Off += off
	}
	return d
}

// Test opens the board, puts the network onto it and shows it the canary, spikes at random of several rates, nothing and
// the canary again. What there is until an error comes with it; without a placement that is nil. Each run has o.Timeout,
// and what comes before them o.StartTimeout.
func Test(ctx context.Context, o Options, n *spike.Network) (made *SelfTest, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	starting, cancel := context.WithTimeout(ctx, o.StartTimeout)
	defer cancel()
	b, err := o.Open(starting)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Health(starting); err != nil {
		return nil, err
	}
	placed, err := b.Place(starting, n)
	if err != nil {
		return nil, err
	}
	t := &SelfTest{Board: b.Name(), Capabilities: b.Capabilities(), Report: placed.Report(), Reference: AsItIs}
	quantised, exact, err := o.quantise(starting, n, placed, b)
	if err != nil {
		return t, err
	}
	t.Exact = exact
	switch {
	case quantised == nil:
		t.Reference, quantised = Unrounded, n
	case quantised != n:
		t.Reference = Rounded
	}
	simulator, err := o.simulator().Compile(starting, quantised)
	if err != nil {
		return t, err
	}
	program, err := placed.Load(starting)
	if err != nil {
		return t, err
	}
	shapes, err := n.Shapes()
	if err != nil {
		return t, err
	}
	c, err := newCanary(starting, n, shapes[len(shapes)-1], simulator)
	if err != nil {
		return t, err
	}
	show := func(name string, in spike.Train) ([]uint8, error) {
		ctx, cancel := context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		trial, out, err := compare(ctx, program, simulator, n, in, c.out)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		trial.Input = name
		t.Trials = append(t.Trials, trial)
		return out, nil
	}
	first, err := show("canary", c.in)
	if err != nil {
		return t, err
	}
	for i, percent := range []int{1, 5, 20, 50, 0} {
		name := fmt.Sprintf("%d %% at random", percent)
		if percent == 0 {
			name = "silence"
		}
		rng := rand.New(rand.NewPCG(uint64(i), 0x5e1f))
		in := c.in
		in.Counts = make([]uint8, len(c.in.Counts))
		for j := range in.Counts {
			if rng.IntN(100) < percent {
				in.Counts[j] = 1
			}
		}
		if _, err := show(name, in); err != nil {
			return t, err
		}
	}
	again, err := show("canary again", c.in)
	if err != nil {
		return t, err
	}
	t.Repeated = difference("", again, first, c.out.Shape.Len())
	t.Complete, t.Passed = true, !t.Wrong()
	return t, nil
}

// compare shows both the same spikes, and gives the board's answer beside the differences; out says what such an answer
// is like.
func compare(ctx context.Context, board hw.Program, simulator spike.Runner, n *spike.Network, in, out spike.Train) (t Trial, answer []uint8, err error) {
	var layers []string
	for _, l := range n.Layers {
		if neurons, ok := l.(*spike.Neurons); ok {
			layers = append(layers, neurons.LayerName)
		}
	}
	got, want := out, out
	got.Counts, want.Counts = make([]uint8, len(out.Counts)), make([]uint8, len(out.Counts))
	ours, theirs := &spike.Recorder{Rasters: layers}, &spike.Recorder{Rasters: layers}
	if _, err := simulator.Run(ctx, in, want, spike.RunOptions{Recorder: ours}); err != nil {
		return t, nil, err
	}
	t.Spikes, t.Steps = spikes(in.Counts), in.Steps()
	began := time.Now()
	var stats spike.Stats
	err = guard(func() (err error) {
		stats, t.Telemetry, err = board.Measure(ctx, in, got, spike.RunOptions{Recorder: theirs})
		return err
	})
	t.Time = time.Since(began)
	if err != nil {
		return t, nil, err
	}
	holds, err := hw.NewInvariants(n)
	if err == nil {
		err = holds.Check(in, got, stats, t.Telemetry)
	}
	if err != nil {
		return t, nil, err
	}
	if len(theirs.Layers) != len(ours.Layers) {
		return t, nil, fmt.Errorf("%w: it reports %d layers, expected %d", hw.ErrImpossible, len(theirs.Layers), len(ours.Layers))
	}
	for i, l := range ours.Layers {
		if r := theirs.Layers[i]; r.Name != l.Name || len(r.Raster.Counts) != len(l.Raster.Counts) {
			return t, nil, fmt.Errorf("%w: %d counts of layer %q, expected %d of layer %q", hw.ErrImpossible, len(r.Raster.Counts), r.Name, len(l.Raster.Counts), l.Name)
		}
		t.Layers = append(t.Layers, difference(l.Name, theirs.Layers[i].Raster.Counts, l.Raster.Counts, l.Raster.Shape.Len()))
	}
	t.Answer = difference("", got.Counts, want.Counts, out.Shape.Len())
	return t, got.Counts, nil
}
