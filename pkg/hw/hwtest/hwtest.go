package hwtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Run tests a board; open gives a fresh one.
func Run(t *testing.T, open func(t *testing.T) hw.Board) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	for _, c := range []struct {
		name string
		test func(*testing.T, hw.Board)
	}{
		{"Capabilities", capabilities},
		{"Report", report},
		{"Refusals", refusals},
		{"Spikes", spikes},
		{"Quantised", quantised},
		{"GradedInput", gradedInput},
		{"Invariants", invariants},
		{"RunsDoNotMeet", runsDoNotMeet},
		{"FewerSteps", fewerSteps},
		{"Stops", stops},
		{"WrongSizes", wrongSizes},
		{"Close", closes},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t)
			t.Cleanup(func() { b.Close() })
			c.test(t, b)
		})
	}
}

// Network is a network for every board with int8 weights and integrate-and-fire neurons with reset to zero: a
// convolution with stride, one with padding, and a dense layer, whose scales and thresholds are such that floating point
// rounds nothing.
func Network() *spike.Network {
	rng := rand.New(rand.NewPCG(7, 11))
	weights := func(in, out int, scale float32, bias ...float32) spike.Weights {
		w := spike.Weights{Int8: make([]int8, in*out), Scale: make([]float32, out), Bias: bias}
		for i := range w.Int8 {
			w.Int8[i] = int8(rng.IntN(256) - 128)
		}
		for i := range w.Scale {
			w.Scale[i] = scale
		}
		return w
	}
	neurons := func(name string, threshold float32) *spike.Neurons {
		return &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Threshold: threshold, Amplitude: 1,
			Reset: spike.ResetToZero, Start: spike.Start{Kind: spike.StartConstant},
		}
	}
	return &spike.Network{
		Axis: spike.Steps, Steps: 12, Source: neurons("source", 1), Input: spike.Shape{H: 11, W: 9, C: 2},
		Layers: []spike.Layer{
			&spike.Conv2D{LayerName: "conv1", Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Same: true, Channels: 4, Weights: weights(18, 4, 1.0/64, 0.25, -1, 0, 0.5)},
			neurons("spike1", 2.5),
			&spike.Conv2D{LayerName: "conv2", Kernel: [2]int{2, 3}, Stride: [2]int{1, 1}, Same: true, Channels: 5, Weights: weights(24, 5, 1.0/128)},
			neurons("spike2", 1),
			&spike.Flatten{LayerName: "flatten"},
			&spike.Dense{LayerName: "dense", Units: 7, Weights: weights(6*5*5, 7, 1.0/32, 0, 0.125, 0, -0.25, 1, 0, 0)},
			neurons("spike3", 3.75),
		},
	}
}

// Input is spikes for a network, 0 or 1 each.
func Input(n *spike.Network, seed uint64) spike.Train {
	rng := rand.New(rand.NewPCG(seed, 1))
	in := spike.Train{Axis: n.Axis, Shape: n.Input, Counts: make([]uint8, max(1, n.Steps)*n.Input.Len())}
	for i := range in.Counts {
		if rng.IntN(3) == 0 {
			in.Counts[i] = 1
		}
	}
	return in
}

// Output allocates a train for a network's output.
func Output(t *testing.T, n *spike.Network, in spike.Train) spike.Train {
	t.Helper()
	shapes, err := n.Shapes()
	if err != nil {
		t.Fatal(err)
	}
	s := shapes[len(shapes)-1]
	return spike.Train{Axis: n.Axis, Shape: s, Counts: make([]uint8, len(in.Counts)/n.Input.Len()*s.Len())}
}

// Load places and loads a network. The test fails if it does not fit.
func Load(t *testing.T, b hw.Board, n *spike.Network) hw.Program {
	t.Helper()
	placed, err := b.Place(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	p, err := placed.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func capabilities(t *testing.T, b hw.Board) {
	c := b.Capabilities()
	if b.Name() == "" || len(c.Axes) == 0 || len(c.Layers) == 0 || len(c.Dynamics) == 0 || c.MaxCount < 1 || c.MaxCount > 255 || c.MaxSteps < 1 {
		t.Errorf("%q leaves required capabilities out: %+v", b.Name(), c)
	}
	if !slices.Contains([]hw.Fidelity{hw.Silicon, hw.ExactEmulator, hw.Approximate, hw.Float}, c.Fidelity) {
		t.Errorf("fidelity %q", c.Fidelity)
	}
	if err := b.Health(t.Context()); err != nil {
		t.Errorf("a fresh board is not healthy: %v", err)
	}
}

func report(t *testing.T, b hw.Board) {
	n := Network()
	placed, err := b.Place(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	r := placed.Report()
	if r.Board != b.Name() || len(r.Layers) != 3 {
		t.Fatalf("report of %q with %d layers", r.Board, len(r.Layers))
	}
	// By hand: neurons are the map's elements; a connection is a tap of a window that lies on the map.
	neurons := []int{6 * 5 * 4, 6 * 5 * 5, 7}
	synapses := []int{16 * 13 * 2 * 4, 11 * 13 * 4 * 5, 150 * 7}
	totals := map[string]int{}
	for i, l := range r.Layers {
		layer, spiking := n.Layers[[]int{0, 2, 5}[i]].Name(), n.Layers[[]int{1, 3, 6}[i]].Name()
		if l.Layer != layer || l.Neurons != spiking || l.NeuronCount != neurons[i] || l.Synapses != synapses[i] {
			t.Errorf("%+v, expected %s and %s with %d neurons and %d synapses", l, layer, spiking, neurons[i], synapses[i])
		}
		if l.ClippedWeights > l.Weights || l.RoundedWeights > l.Weights || l.Weights == 0 {
			t.Errorf("%s: %d clipped and %d rounded of %d weights", layer, l.ClippedWeights, l.RoundedWeights, l.Weights)
		}
		if l.BoardThreshold <= 0 || l.BoardDecay <= 0 {
			t.Errorf("%s: threshold %v, decay %v", layer, l.BoardThreshold, l.BoardDecay)
		}
		totals["neurons"] += l.NeuronCount
		totals["synapses"] += l.Synapses
		totals["cores"] += l.Cores
	}
	for _, s := range r.Resources {
		if s.Used != totals[s.Name] || s.Available > 0 && s.Used > s.Available {
			t.Errorf("%s: %d used of %d, the layers' make %d", s.Name, s.Used, s.Available, totals[s.Name])
		}
	}
}

// refusals asks for everything that the capabilities may leave out, one thing at a time: what they have is placed, and
// what they have not is refused with the layer's name.
func refusals(t *testing.T, b hw.Board) {
	c := b.Capabilities()
	neurons := func(n *spike.Network) *spike.Neurons { return n.Layers[1].(*spike.Neurons) }
	for _, ask := range []struct {
		name, layer string
		has         bool
		change      func(*spike.Network)
	}{
		{"nothing more", "", true, func(*spike.Network) {}},
		{"rows", "", slices.Contains(c.Axes, spike.Rows), func(n *spike.Network) { n.Axis, n.Steps = spike.Rows, 0 }},
		{"max_pool2d", "pool", slices.Contains(c.Layers, "max_pool2d"), func(n *spike.Network) {
			n.Layers = slices.Insert(n.Layers, 2, spike.Layer(&spike.MaxPool2D{LayerName: "pool", Pool: [2]int{1, 1}, Stride: [2]int{1, 1}}))
		}},
		{"leaky", "spike1", slices.Contains(c.Dynamics, spike.LeakyIntegrateAndFire), func(n *spike.Network) {
			neurons(n).Dynamics, neurons(n).Decay = spike.LeakyIntegrateAndFire, 0.75
		}},
		{"spiking_relu", "spike1", slices.Contains(c.Dynamics, spike.SpikingReLU), func(n *spike.Network) {
			*neurons(n) = spike.Neurons{LayerName: "spike1", Dynamics: spike.SpikingReLU, DT: 1, Start: neurons(n).Start}
		}},
		{"subtraction", "spike1", slices.Contains(c.Resets, spike.ResetBySubtraction), func(n *spike.Network) {
			neurons(n).Reset = spike.ResetBySubtraction
		}},
		{"graded spikes of the input", "source", c.MaxCount >= 15, func(n *spike.Network) {
			source := *n.Source
			source.Threshold, source.Reset, source.Most = 1, spike.ResetBySubtraction, 15
			n.Source = &source
		}},
		{"graded spikes", "spike1", c.Graded, func(n *spike.Network) {
			neurons(n).Threshold, neurons(n).Reset, neurons(n).Most = 1, spike.ResetBySubtraction, 15
		}},
	} {
		n := Network()
		ask.change(n)
		_, err := b.Place(t.Context(), n)
		if ask.has {
			if err != nil {
				t.Errorf("%s is a capability, but: %v", ask.name, err)
			}
			continue
		}
		var refusal *hw.Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("%s is not a capability, but: %v", ask.name, err)
			continue
		}
		named := slices.ContainsFunc(refusal.Reasons, func(r hw.Reason) bool { return r.Layer == ask.layer && r.Reason != "" })
		if !named || refusal.Board != b.Name() || !strings.Contains(err.Error(), ask.layer) {
			t.Errorf("%s: %v does not name the layer %q and a reason", ask.name, err, ask.layer)
		}
		if _, err := b.Compile(t.Context(), n); !errors.As(err, &refusal) {
			t.Errorf("%s: Compile says %v", ask.name, err)
		}
	}
	n := Network()
	n.Layers = n.Layers[1:]
	if _, err := b.Place(t.Context(), n); !errors.Is(err, spike.ErrNetwork) {
		t.Errorf("a network that does not fit together: %v", err)
	}
}

// outcome is all that a run gives but telemetry.
type outcome struct {
	Out   []uint8
	Stats spike.Stats
	Rec   spike.Recorder
	Told  []int
}

func run(t *testing.T, r spike.Runner, n *spike.Network, in spike.Train) outcome {
	t.Helper()
	out := Output(t, n, in)
	o := outcome{Out: out.Counts, Rec: spike.Recorder{Rasters: []string{"spike1", "spike3"}}}
	var err error
	o.Stats, err = r.Run(t.Context(), in, out, spike.RunOptions{Recorder: &o.Rec, OnStep: func(step int, counts []uint8) error {
		o.Told = append(o.Told, step)
		if !slices.Equal(counts, out.Step(step)) {
			return fmt.Errorf("step %d: OnStep got other counts than were written to out", step)
		}
		return nil
	}})
	if err != nil {
		t.Error(err)
	}
	return o
}

// spikes compares a board with the simulator: number for number where it says that it is exact, and else with itself.
func spikes(t *testing.T, b hw.Board) {
	n := Network()
	p := Load(t, b, n)
	reference, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var fired uint64
	for seed := range uint64(5) {
		in := Input(n, seed)
		got := run(t, p, n, in)
		if want := run(t, reference, n, in); p.Report().Exact {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d: exact, but not the simulator's (-simulator +board):\n%s", seed, diff)
			}
		} else if len(got.Rec.Layers) != len(want.Rec.Layers) || got.Stats.NeuronSteps != want.Stats.NeuronSteps || !slices.Equal(got.Told, want.Told) {
			t.Errorf("seed %d: %+v, the simulator has %+v", seed, got.Stats, want.Stats)
		}
		fired += got.Stats.Spikes
		out := Output(t, n, in)
		stats, seen, err := p.Measure(t.Context(), in, out, spike.RunOptions{})
		if err != nil || stats != got.Stats || !slices.Equal(out.Counts, got.Out) {
			t.Errorf("seed %d: Measure differs from Run: %+v, %v", seed, stats, err)
		}
		if seen.BoardSteps < in.Steps() {
			t.Errorf("%d steps on the board for %d steps of the network", seen.BoardSteps, in.Steps())
		}
		if measured := seen.Energy != nil || seen.DeviceTime != nil; measured && b.Capabilities().Fidelity != hw.Silicon {
			t.Error("energy or device time without a device")
		}
	}
	if fired == 0 {
		t.Error("no spike at all")
	}
	compiled, err := b.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := compiled.(hw.Program); !ok {
		t.Errorf("Compile returns a %T, expected a hw.Program", compiled)
	}
}

// quantised gives the board weights that no small whole numbers of one scale are. Where it tells the network that it makes
// of them, the simulator runs that, and where that is exact, to the same spikes.
func quantised(t *testing.T, b hw.Board) {
	n := Network()
	conv := n.Layers[0].(*spike.Conv2D)
	for i := range conv.Scale {
		conv.Scale[i] *= 1 - float32(i)/7
	}
	placed, err := b.Place(t.Context(), n)
	if refusal := (*hw.Refusal)(nil); errors.As(err, &refusal) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	q, exact := hw.Quantise(n, placed)
	if q == nil {
		t.Skip("the quantised network is not known")
	}
	simulator, err := spike.Simulator{}.Compile(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	p, err := placed.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(3) {
		in := Input(n, seed)
		got, want := run(t, p, n, in), run(t, simulator, q, in)
		if exact && got.Stats.Saturated == 0 && !cmp.Equal(got, want) {
			t.Errorf("seed %d: %+v, on the quantised network the simulator has %+v", seed, got.Stats, want.Stats)
		}
	}
}

// invariants has the board keep to [hw.Invariants], for inputs from none to all spikes and for every length; they are the
// only word on an answer of a board that is not exact.
func invariants(t *testing.T, b hw.Board) {
	n := Network()
	p := Load(t, b, n)
	holds, err := hw.NewInvariants(n)
	if err != nil {
		t.Fatal(err)
	}
	for seed, fill := range []func(i int) uint8{
		func(int) uint8 { return 0 }, func(int) uint8 { return 1 }, func(i int) uint8 { return uint8(i & 1) },
		func(i int) uint8 { return uint8(i / n.Input.Len() & 1) },
	} {
		in := Input(n, uint64(seed))
		for i := range in.Counts {
			in.Counts[i] = fill(i)
		}
		in.Counts = in.Counts[:(n.Steps-seed)*n.Input.Len()]
		out := Output(t, n, in)
		stats, seen, err := p.Measure(t.Context(), in, out, spike.RunOptions{})
		if err == nil {
			err = holds.Check(in, out, stats, seen)
		}
		if err != nil {
			t.Errorf("input %d: %v", seed, err)
		}
	}
}

func runsDoNotMeet(t *testing.T, b hw.Board) {
	n := Network()
	p := Load(t, b, n)
	var want [4]outcome
	for i := range want {
		want[i] = run(t, p, n, Input(n, uint64(i)))
	}
	if cmp.Equal(want[0].Out, want[1].Out) {
		t.Error("two inputs have the same output, so the test would show nothing")
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range want {
				i = (i + g) % len(want)
				if got := run(t, p, n, Input(n, uint64(i))); !cmp.Equal(got, want[i]) {
					t.Errorf("input %d: the answer changes when other runs go on at the same time", i)
				}
			}
		})
	}
	wg.Wait()
}

func fewerSteps(t *testing.T, b hw.Board) {
	n := Network()
	p := Load(t, b, n)
	in := Input(n, 1)
	all := run(t, p, n, in)
	for _, steps := range []int{0, 1, 5} {
		in.Counts = in.Counts[:steps*n.Input.Len()]
		if got := run(t, p, n, in); !slices.Equal(got.Out, all.Out[:len(got.Out)]) || len(got.Told) != steps {
			t.Errorf("a run of %d steps differs from the first steps of a run of %d", steps, n.Steps)
		}
		in = Input(n, 1)
	}
}

func stops(t *testing.T, b hw.Board) {
	n := Network()
	p := Load(t, b, n)
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := b.Place(ended, n); !errors.Is(err, context.Canceled) {
		t.Errorf("placing with a context that has ended: %v", err)
	}
	if _, err := b.Compile(ended, n); !errors.Is(err, context.Canceled) {
		t.Errorf("compiling with a context that has ended: %v", err)
	}
	in := Input(n, 1)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := p.Run(ctx, in, Output(t, n, in), spike.RunOptions{OnStep: func(int, []uint8) error {
		if steps++; steps == 2 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || steps >= n.Steps {
		t.Errorf("%v after %d steps", err, steps)
	}
	if _, err := p.Run(ctx, in, Output(t, n, in), spike.RunOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v with a context that has ended", err)
	}
	enough := errors.New("enough")
	if _, err := p.Run(t.Context(), in, Output(t, n, in), spike.RunOptions{OnStep: func(int, []uint8) error { return enough }}); err != enough {
		t.Errorf("%v, expected the caller's own error", err)
	}
}

func wrongSizes(t *testing.T, b hw.Board) {
	n := Network()
	p := Load(t, b, n)
	in := Input(n, 1)
	out := Output(t, n, in)
	for name, c := range map[string][2]spike.Train{
		"no output":     {in, {}},
		"short output":  {in, {Axis: out.Axis, Shape: out.Shape, Counts: out.Counts[1:]}},
		"half a step":   {{Axis: in.Axis, Shape: in.Shape, Counts: in.Counts[1:]}, out},
		"another shape": {{Axis: in.Axis, Shape: spike.Shape{H: 9, W: 11, C: 2}, Counts: in.Counts}, out},
	} {
		if _, err := p.Run(t.Context(), c[0], c[1], spike.RunOptions{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func closes(t *testing.T, b hw.Board) {
	n := Network()
	placed, err := b.Place(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	p := Load(t, b, n)
	for range 2 {
		if err := b.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	in := Input(n, 1)
	_, placing := b.Place(t.Context(), n)
	_, loading := placed.Load(t.Context())
	_, compiling := b.Compile(t.Context(), n)
	_, running := p.Run(t.Context(), in, Output(t, n, in), spike.RunOptions{})
	for what, err := range map[string]error{
		"Health": b.Health(t.Context()), "Place": placing, "Load": loading, "Compile": compiling, "Run": running,
	} {
		if !errors.Is(err, hw.ErrClosed) {
			t.Errorf("%s of a closed board: %v", what, err)
		}
	}
}
