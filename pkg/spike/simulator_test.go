package spike

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/internal/kernel"
)

// random is a network of two convolutions with a pooling between them, its source's spikes given.
func random(axis Axis) (*Network, Train) {
	rng := rand.New(rand.NewPCG(3, 4))
	weights := func(n int) []float32 {
		w := make([]float32, n)
		for i := range w {
			w[i] = float32(rng.NormFloat64()) / 4
		}
		return w
	}
	n := &Network{
		Axis:   axis,
		Source: &Neurons{LayerName: "in", Dynamics: SpikingReLU, DT: 2, Start: Start{Kind: StartConstant}},
		Input:  Shape{H: 13, W: 11, C: 3},
		Layers: []Layer{
			&Conv2D{LayerName: "conv1", Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Same: true, Channels: 5, Weights: Weights{Float32: weights(3 * 3 * 3 * 5), Bias: weights(5)}},
			&Neurons{LayerName: "spike1", Dynamics: SpikingReLU, DT: 2, Start: Start{Kind: StartUniform, Seed: 1}},
			&MaxPool2D{LayerName: "pool1", Pool: [2]int{2, 2}, Stride: [2]int{2, 2}},
			&Conv2D{LayerName: "conv2", Kernel: [2]int{3, 2}, Stride: [2]int{2, 1}, Channels: 4, Weights: Weights{Float32: weights(3 * 2 * 5 * 4)}},
			&Neurons{LayerName: "spike2", Dynamics: IntegrateAndFire, Threshold: 0.5, Amplitude: 1, Reset: ResetToZero, Start: Start{Kind: StartConstant}},
		},
	}
	passes := 1
	if axis == Steps {
		n.Steps, passes = 5, 5
	}
	in := Train{Axis: axis, Shape: n.Input, Counts: make([]uint8, passes*n.Input.Len())}
	for i := range in.Counts {
		if rng.IntN(3) == 0 {
			in.Counts[i] = uint8(1 + rng.IntN(3))
		}
	}
	return n, in
}

func output(n *Network, in Train) Train {
	shapes, err := n.Shapes()
	if err != nil {
		panic(err)
	}
	s := shapes[len(shapes)-1]
	return Train{Axis: n.Axis, Shape: s, Counts: make([]uint8, len(in.Counts)/n.Input.Len()*s.Len())}
}

func compile(t *testing.T, n *Network) Runner {
	t.Helper()
	r, err := Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRunIsTheSameFromManyGoroutines(t *testing.T) {
	for _, axis := range []Axis{Rows, Steps} {
		n, in := random(axis)
		r := compile(t, n)
		want := output(n, in)
		stats, err := r.Run(t.Context(), in, want, RunOptions{})
		if err != nil || stats.Spikes == 0 {
			t.Fatalf("%s: %+v, %v", axis, stats, err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					got := output(n, in)
					s, err := r.Run(t.Context(), in, got, RunOptions{})
					if err != nil || s != stats || !cmp.Equal(got, want) {
						t.Errorf("%s: another answer: %+v, %v", axis, s, err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestFewerStepsAreTheFirstOfMore(t *testing.T) {
	n, in := random(Steps)
	r := compile(t, n)
	all := output(n, in)
	var seen []int
	if _, err := r.Run(t.Context(), in, all, RunOptions{OnStep: func(step int, counts []uint8) error {
		seen = append(seen, step)
		if !cmp.Equal(counts, all.Step(step)) {
			t.Errorf("step %d: OnStep got other counts than were written to out", step)
		}
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 2, 3, 4}; !cmp.Equal(seen, want) {
		t.Errorf("OnStep was called for steps %v", seen)
	}
	short := Train{Axis: Steps, Shape: n.Input, Counts: in.Counts[:2*n.Input.Len()]}
	got := output(n, short)
	if _, err := r.Run(t.Context(), short, got, RunOptions{}); err != nil || !cmp.Equal(got.Counts, all.Counts[:len(got.Counts)]) {
		t.Errorf("two steps differ from the first two of five: %v", err)
	}
}

func TestRunStopsAtAStep(t *testing.T) {
	n, in := random(Steps)
	r := compile(t, n)
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	_, err := r.Run(ctx, in, output(n, in), RunOptions{OnStep: func(int, []uint8) error {
		if steps++; steps == 2 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || steps != 2 {
		t.Errorf("%v after %d steps", err, steps)
	}
	enough := errors.New("enough")
	if _, err := r.Run(t.Context(), in, output(n, in), RunOptions{OnStep: func(int, []uint8) error { return enough }}); err != enough {
		t.Errorf("%v, expected the caller's own error", err)
	}
	n, in = random(Rows)
	if _, err := compile(t, n).Run(ctx, in, output(n, in), RunOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("rows: %v", err)
	}
}

func TestSynapticOperationsCountEveryConnectionOfAMessage(t *testing.T) {
	n, in := random(Rows)
	// By hand: every output element of conv1 reads each input of its window that is on the map, and a count is one message.
	var want uint64
	for y := range 13 {
		for x := range 11 {
			for i := -1; i <= 1; i++ {
				for j := -1; j <= 1; j++ {
					if sy, sx := y+i, x+j; sy >= 0 && sy < 13 && sx >= 0 && sx < 11 {
						for c := range 3 {
							want += 5 * uint64(min(in.Counts[(sy*11+sx)*3+c], 1))
						}
					}
				}
			}
		}
	}
	var rec Recorder
	stats, err := compile(t, n).Run(t.Context(), in, output(n, in), RunOptions{Recorder: &rec})
	if err != nil {
		t.Fatal(err)
	}
	if got := rec.Layers[0].SynapticOperations; got != want {
		t.Errorf("conv1: %d synaptic operations, want %d", got, want)
	}
	if got := rec.Layers[0].SynapticOperations + rec.Layers[1].SynapticOperations; got != stats.SynapticOperations {
		t.Errorf("%d in all, the layers' make %d", stats.SynapticOperations, got)
	}
}

func TestRecorder(t *testing.T) {
	for _, axis := range []Axis{Rows, Steps} {
		n, in := random(axis)
		rec := Recorder{Rasters: []string{"spike2"}}
		out := output(n, in)
		stats, err := compile(t, n).Run(t.Context(), in, out, RunOptions{Recorder: &rec})
		if err != nil || len(rec.Layers) != 2 || rec.Layers[0].Name != "spike1" || rec.Layers[1].Name != "spike2" {
			t.Fatalf("%s: %v, layers %+v", axis, err, rec.Layers)
		}
		first, last := rec.Layers[0], rec.Layers[1]
		if first.Raster.Counts != nil || !cmp.Equal(last.Raster, out) {
			t.Errorf("%s: the raster of spike2 alone was asked for, and is the network's output", axis)
		}
		if len(last.Spikes) != out.Steps() {
			t.Fatalf("%s: %d steps recorded of %d", axis, len(last.Spikes), out.Steps())
		}
		var sum, active uint64
		for i := range out.Steps() {
			var want uint64
			for _, c := range out.Step(i) {
				want += uint64(c)
				if c > 0 {
					active++
				}
			}
			if last.Spikes[i] != want {
				t.Errorf("%s: step %d: %d spikes, want %d", axis, i, last.Spikes[i], want)
			}
		}
		for _, l := range rec.Layers {
			for _, s := range l.Spikes {
				sum += s
			}
		}
		if sum != stats.Spikes || first.NeuronSteps+last.NeuronSteps != stats.NeuronSteps {
			t.Errorf("%s: %d spikes recorded of %d", axis, sum, stats.Spikes)
		}
		if want := 1 - float64(active)/float64(len(out.Counts)); last.Sparsity() != want {
			t.Errorf("%s: sparsity %v, want %v", axis, last.Sparsity(), want)
		}
	}
}

// A neuron that fires several times in a step is one neuron that was active.
func TestANeuronIsActiveOnceAStepHoweverOftenItFires(t *testing.T) {
	n, in := random(Steps)
	rec := Recorder{Rasters: []string{"spike1"}}
	if _, err := compile(t, n).Run(t.Context(), in, output(n, in), RunOptions{Recorder: &rec}); err != nil {
		t.Fatal(err)
	}
	l := rec.Layers[0]
	var active, most uint64
	for _, c := range l.Raster.Counts {
		active += uint64(min(c, 1))
		most = max(most, uint64(c))
	}
	if l.Active != active || most < 2 {
		t.Errorf("%d active, want %d; at most %d spikes at once", l.Active, active, most)
	}
}

func TestNetworksThatDoNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Network)
		says  string
	}{
		"weights":       {func(n *Network) { n.Layers[0].(*Conv2D).Float32 = nil }, `"conv1"`},
		"bias":          {func(n *Network) { n.Layers[0].(*Conv2D).Bias = make([]float32, 4) }, `"conv1"`},
		"window":        {func(n *Network) { n.Layers[3].(*Conv2D).Kernel = [2]int{7, 2} }, `"conv2"`},
		"stride":        {func(n *Network) { n.Layers[3].(*Conv2D).Stride[0] = 0 }, `"conv2"`},
		"threshold":     {func(n *Network) { n.Layers[4].(*Neurons).Threshold = 0 }, `"spike2"`},
		"reset":         {func(n *Network) { n.Layers[4].(*Neurons).Reset = "" }, `"spike2"`},
		"dynamics":      {func(n *Network) { n.Layers[4].(*Neurons).Dynamics = "hodgkin_huxley" }, `"spike2"`},
		"start":         {func(n *Network) { n.Layers[1].(*Neurons).Start.Kind = "" }, `"spike1"`},
		"no neurons":    {func(n *Network) { n.Layers = n.Layers[:4] }, "no neurons"},
		"pooled weight": {func(n *Network) { n.Layers[1], n.Layers[2] = n.Layers[2], n.Layers[1] }, `"pool1"`},
		"bare neurons":  {func(n *Network) { n.Layers = n.Layers[1:] }, `"spike1"`},
		"dense":         {func(n *Network) { n.Layers[3] = &Dense{LayerName: "dense", Units: 2} }, `"dense"`},
		"axis":          {func(n *Network) { n.Axis = "columns" }, "axis"},
		"steps":         {func(n *Network) { n.Axis, n.Steps = Steps, 65 }, "65 steps"},
		"source":        {func(n *Network) { n.Source = nil }, "source"},
		"input":         {func(n *Network) { n.Input.W = 0 }, "13x0x3"},
	} {
		n, _ := random(Rows)
		c.spoil(n)
		_, err := Simulator{}.Compile(t.Context(), n)
		if !errors.Is(err, ErrNetwork) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, expected an ErrNetwork that names %s", name, err, c.says)
		}
	}
}

// TestKernelIsTheSimulators: spikes are the same on every kernel, and what a simulator has built is for its own.
func TestKernelIsTheSimulators(t *testing.T) {
	n, in := random(Steps)
	n.Exact = true
	ordered := 0
	want := output(n, in)
	if _, err := compile(t, n).Run(t.Context(), in, want, RunOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(Kernels(), "") {
		tier, err := kernel.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Simulator{Kernel: name}.Compile(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		s := r.(*simulation)
		if s.tier != tier {
			t.Errorf("%q: poolings are on %s", name, s.tier.Name())
		}
		for _, o := range s.ops {
			if o.weights != nil && (o.weights.tier != tier || o.population.tier != tier) {
				t.Errorf("%q: weights are on %s, neurons on %s", name, o.weights.tier.Name(), o.population.tier.Name())
			}
			if o.weights != nil && o.weights.float32 != nil {
				ordered++
				sums := reflect.ValueOf(o.weights.float32).Elem().FieldByName("rows").Elem().FieldByName("accumulate")
				if sums.Pointer() != reflect.ValueOf(tier).Field(0).Elem().FieldByName("accumulate").Pointer() {
					t.Errorf("%q: floating-point sums are on another tier", name)
				}
			}
		}
		got := output(n, in)
		if _, err := r.Run(t.Context(), in, got, RunOptions{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
	if ordered == 0 {
		t.Error("no layer is in floating point")
	}
	if p, err := (Simulator{Kernel: "generic"}).Population(n.Source, n.Input, n.Axis); err != nil || p.tier != kernel.Generic() {
		t.Errorf("a population by itself: %v", err)
	}
	abacus := Simulator{Kernel: "abacus"}
	_, compiling := abacus.Compile(t.Context(), n)
	_, laying := abacus.Population(n.Source, n.Input, n.Axis)
	for _, err := range []error{compiling, laying} {
		if !errors.Is(err, ErrKernel) || !strings.Contains(err.Error(), strings.Join(Kernels(), ", ")) {
			t.Errorf("%v, expected an ErrKernel that names the kernels", err)
		}
	}
}

func TestRunRefusesTrainsOfAnotherSize(t *testing.T) {
	n, in := random(Steps)
	r := compile(t, n)
	for _, out := range []Train{{}, output(n, Train{Counts: in.Counts[:n.Input.Len()]})} {
		if _, err := r.Run(t.Context(), in, out, RunOptions{}); err == nil {
			t.Error("an output of another size was accepted")
		}
	}
}

// TestLayersAndStepsHaveTheSameSpikes: layer by layer over all steps, as a run is that nobody looks at, and step by step.
func TestLayersAndStepsHaveTheSameSpikes(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for trial := range 60 {
		n, in := random(Steps)
		for _, l := range n.Layers {
			if c, ok := l.(*Conv2D); ok && trial%3 > 0 { // whole numbers, which a tier may take as events
				whole := Weights{Scale: make([]float32, c.Channels), Bias: c.Weights.Bias}
				for _, w := range c.Weights.Float32 {
					whole.Int8 = append(whole.Int8, int8(w*40))
				}
				for i := range whole.Scale {
					whole.Scale[i] = rng.Float32() / 20
				}
				c.Weights = whole
			}
		}
		switch trial % 4 {
		case 1: // without the pooling between them
			n.Layers = append(n.Layers[:2:2], n.Layers[3:]...)
		case 2:
			n.Layers[1] = &Neurons{LayerName: "spike1", Dynamics: IntegrateAndFire, Threshold: 1, Amplitude: 1, Reset: ResetBySubtraction, Most: 9, Start: Start{Kind: StartConstant, Value: 0.5}}
		case 3:
			n.Layers[2].(*MaxPool2D).Stride = [2]int{1, 1} // windows that overlap
		}
		share := rng.IntN(10)
		for i := range in.Counts {
			if rng.IntN(10) < share {
				in.Counts[i] = 0
			}
		}
		r, want, got := compile(t, n), output(n, in), output(n, in)
		slow, err := r.Run(t.Context(), in, want, RunOptions{OnStep: func(int, []uint8) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		quick, err := r.Run(t.Context(), in, got, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" || slow != quick {
			t.Fatalf("trial %d: %+v, layer by layer %+v: %s", trial, slow, quick, diff)
		}
	}
}
