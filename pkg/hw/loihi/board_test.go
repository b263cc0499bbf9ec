package loihi

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

func open(t *testing.T, o Options) hw.Board {
	t.Helper()
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIsABoard(t *testing.T) {
	for _, chip := range []Chip{Loihi1, Loihi2} {
		t.Run(chip.Name, func(t *testing.T) {
			hwtest.Run(t, func(t *testing.T) hw.Board { return open(t, Options{Chip: chip}) })
		})
	}
	r := hwtest.Load(t, open(t, Options{}), hwtest.Network()).Report()
	for _, l := range r.Layers {
		if !l.Exact || !r.Exact || l.Reach > 1 {
			t.Errorf("%s: the suite's network fits without loss and cannot saturate: %+v", l.Layer, l)
		}
	}
}

// random is a network of one to three layers for the emulator. Most can be put onto it exactly.
func random(rng *rand.Rand) *spike.Network {
	pick := func(n int) int { return 1 + rng.IntN(n) }
	scale := func() float32 { return []float32{1, 1.0 / 64, 0.013, 0.37, 2}[rng.IntN(5)] }
	neurons := func(name string, unit float32) *spike.Neurons {
		n := &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Threshold: unit * (float32(pick([]int{8, 60, 400}[rng.IntN(3)])) + []float32{0, 0.25, 0.4}[rng.IntN(3)]),
			Amplitude: float32(pick(3)), Reset: spike.ResetToZero, Start: spike.Start{Kind: spike.StartConstant},
		}
		if rng.IntN(3) == 0 {
			n.Start.Value = unit * float32(rng.IntN(40)-40) / 2
		}
		return n
	}
	weights := func(in, out int, unit float32) spike.Weights {
		w := spike.Weights{Int8: make([]int8, in*out), Scale: slices.Repeat([]float32{unit}, out)}
		for i := range w.Int8 {
			w.Int8[i] = int8(rng.IntN(256) - 128)
		}
		if rng.IntN(2) == 0 {
			w.Bias = make([]float32, out)
			for i := range w.Bias {
				w.Bias[i] = unit * float32(rng.IntN(41)-20) / 2
			}
		}
		return w
	}
	n := &spike.Network{
		Axis: spike.Steps, Steps: pick(20), Source: neurons("source", 1),
		Input: spike.Shape{H: 2 + pick(8), W: 2 + pick(8), C: pick(3)},
	}
	in := n.Input
	for range rng.IntN(3) {
		unit := scale()
		kernel := [2]int{pick(min(3, in.H)), pick(min(3, in.W))}
		c := &spike.Conv2D{LayerName: "conv", Kernel: kernel, Stride: [2]int{pick(3), pick(3)}, Same: rng.IntN(2) == 0, Channels: pick(5)}
		c.Weights = weights(kernel[0]*kernel[1]*in.C, c.Channels, unit)
		w, err := c.Window(in)
		if err != nil {
			panic(err)
		}
		in = w.Out
		n.Layers = append(n.Layers, c, neurons("spike", unit))
	}
	unit, units := scale(), pick(9)
	return &spike.Network{
		Axis: n.Axis, Steps: n.Steps, Source: n.Source, Input: n.Input,
		Layers: append(n.Layers, &spike.Flatten{LayerName: "flatten"},
			&spike.Dense{LayerName: "dense", Units: units, Weights: weights(in.Len(), units, unit)}, neurons("last", unit)),
	}
}

// outcome of a run, every layer's spikes with it.
func outcome(t *testing.T, r spike.Runner, n *spike.Network, in spike.Train) (spike.Stats, spike.Recorder, []uint8) {
	t.Helper()
	out := hwtest.Output(t, n, in)
	rec := spike.Recorder{Rasters: []string{"spike", "last"}}
	stats, err := r.Run(t.Context(), in, out, spike.RunOptions{Recorder: &rec})
	if err != nil {
		t.Fatal(err)
	}
	return stats, rec, out.Counts
}

func simulate(t *testing.T, n *spike.Network) spike.Runner {
	t.Helper()
	r, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestExactNetworksGiveTheSimulatorsSpikes(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	b := open(t, Options{})
	exact, refused, differ, fired := 0, 0, 0, uint64(0)
	const networks = 300
	for i := range networks {
		n := random(rng)
		placed, err := b.Place(t.Context(), n)
		if refusal := (*hw.Refusal)(nil); errors.As(err, &refusal) {
			if !strings.Contains(err.Error(), "until the first spikes") {
				t.Fatalf("network %d: %v", i, err)
			}
			refused++ // a negative bias under a low threshold
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		p, err := placed.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		in := hwtest.Input(n, uint64(i))
		stats, rec, out := outcome(t, p, n, in)
		wantStats, wantRec, want := outcome(t, simulate(t, n), n, in)
		same := stats == wantStats && cmp.Equal(rec, wantRec) && slices.Equal(out, want)
		_, seen, err := p.Measure(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !p.Report().Exact && !same:
			differ++
		case p.Report().Exact:
			exact++
			fired += stats.Spikes
			if !same && seen.Saturated == 0 {
				t.Errorf("network %d is exact and did not saturate, but gives %+v, the simulator %+v\n%+v", i, stats, wantStats, p.Report())
			}
		}
		for _, l := range p.Report().Layers {
			if l.RoundedWeights+l.ClippedWeights > 0 || l.Reach <= 0 {
				t.Errorf("network %d: %+v", i, l)
			}
		}
		if seen.Saturated > 0 && !slices.ContainsFunc(p.Report().Layers, func(l hw.LayerReport) bool { return l.Reach > 1 }) {
			t.Errorf("network %d saturated %d times beyond its worst case", i, seen.Saturated)
		}
	}
	if exact < networks/3 || fired == 0 {
		t.Errorf("only %d of %d networks are exact", exact, networks)
	}
	t.Logf("%d networks: %d exact with %d spikes, %d refused; %d of the others differ from the simulator", networks, exact, fired, refused, differ)
}

// TestOneScaleForALayer holds a network with a scale for each channel, and one with floating-point weights, to what the
// simulator makes of the rounded weights.
func TestOneScaleForALayer(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	n := hwtest.Network()
	n.Source.Amplitude = 0.5
	conv := n.Layers[0].(*spike.Conv2D)
	conv.Scale = []float32{0.5, 0.25, 0.75, 0.125}
	conv.Bias = nil
	for i := range conv.Int8 {
		conv.Int8[i] = max(conv.Int8[i], -127)
	}
	conv.Int8[2] = 127 // the largest current, 127*0.75, so that the layer's scale is 0.75
	n.Layers[1].(*spike.Neurons).Threshold = 60.2
	dense := n.Layers[5].(*spike.Dense)
	dense.Int8, dense.Scale, dense.Bias = nil, nil, nil
	dense.Float32 = make([]float32, 150*7)
	for i := range dense.Float32 {
		dense.Float32[i] = rng.Float32() - 0.5
	}
	dense.Float32[3] = -127.0 / 128 // the largest, so that the scale is 1/128
	n.Layers[6].(*spike.Neurons).Threshold = 2.001

	rounded := *n
	rounded.Layers = slices.Clone(n.Layers)
	c := *conv
	c.Int8, c.Scale = nil, []float32{0.75, 0.75, 0.75, 0.75}
	changed := 0
	for i, w := range conv.Int8 {
		exact := float64(w) * float64(conv.Scale[i%4]) / 0.75
		c.Int8 = append(c.Int8, nearest(exact))
		if exact != float64(c.Int8[i]) {
			changed++
		}
	}
	d := *dense
	d.Float32, d.Scale = nil, slices.Repeat([]float32{1.0 / 128}, 7)
	for _, w := range dense.Float32 {
		d.Int8 = append(d.Int8, nearest(float64(w)*128))
	}
	rounded.Layers[0], rounded.Layers[5] = &c, &d

	p := hwtest.Load(t, open(t, Options{}), n)
	l := p.Report().Layers
	if p.Report().Exact || l[0].RoundedWeights != changed || changed == 0 || l[0].WeightError > 0.5 || l[0].WeightError < 0.25 || l[0].Scale != 0.75 {
		t.Errorf("%d weights are rounded: %+v", changed, l[0])
	}
	if l[2].Scale != 1.0/128 || l[2].RoundedWeights < 1000 || !l[1].Exact {
		t.Errorf("%+v\n%+v", l[1], l[2])
	}
	spikes := uint64(0)
	for seed := range uint64(5) {
		in := hwtest.Input(n, seed)
		stats, rec, out := outcome(t, p, n, in)
		wantStats, wantRec, want := outcome(t, simulate(t, &rounded), n, in)
		if stats != wantStats || !cmp.Equal(rec, wantRec) || !slices.Equal(out, want) {
			t.Errorf("seed %d: %+v, with rounded weights the simulator has %+v", seed, stats, wantStats)
		}
		spikes += stats.Spikes
	}
	if spikes == 0 {
		t.Error("no spike at all")
	}
}

func nearest(x float64) int8 {
	if x < 0 {
		return -int8(0.5 - x)
	}
	return int8(x + 0.5)
}

// TestLeakyNeurons: the chip's decay drops what is below one step of the potential, the simulator's keeps it.
func TestLeakyNeurons(t *testing.T) {
	n := hwtest.Network()
	for _, i := range []int{1, 3, 6} {
		l := n.Layers[i].(*spike.Neurons)
		l.Dynamics, l.Decay, l.Threshold = spike.LeakyIntegrateAndFire, 0.9, l.Threshold*0.7
	}
	p := hwtest.Load(t, open(t, Options{}), n)
	for _, l := range p.Report().Layers {
		if l.Exact || l.Decay != float64(float32(0.9)) || l.BoardDecay != 1-410.0/4096 {
			t.Errorf("%+v", l)
		}
	}
	var all, wrong int
	for seed := range uint64(20) {
		in := hwtest.Input(n, seed)
		_, got, _ := outcome(t, p, n, in)
		_, want, _ := outcome(t, simulate(t, n), n, in)
		for i, spikes := range want.Layers[0].Spikes {
			all += int(spikes)
			wrong += max(int(spikes)-int(got.Layers[0].Spikes[i]), int(got.Layers[0].Spikes[i])-int(spikes))
		}
	}
	t.Logf("%d spikes of the first layer, %d too many or too few", all, wrong)
	if all == 0 || wrong*50 > all {
		t.Errorf("%d of %d spikes differ", wrong, all)
	}
}

func TestSaturationIsCounted(t *testing.T) {
	n := hwtest.Network()
	n.Steps = 64
	conv := n.Layers[0].(*spike.Conv2D)
	for i := range conv.Int8 {
		conv.Int8[i] = -128
	}
	p := hwtest.Load(t, open(t, Options{}), n)
	in := hwtest.Input(n, 1)
	for i := range in.Counts {
		in.Counts[i] = 1
	}
	stats, seen, err := p.Measure(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{})
	// An inner neuron takes -(18*128+bias) steps of weights a step: 2^16 of them are the end after 29 steps.
	if err != nil || seen.Saturated == 0 || stats.Saturated != seen.Saturated || p.Report().Layers[0].Reach <= 1 {
		t.Errorf("%+v, %v, reach %v", seen, err, p.Report().Layers[0].Reach)
	}
}

// TestGradedInput: spikes that come several at once count as often, as they do in the simulator; from a source that
// cannot emit them they are an error, and not taken for one.
func TestGradedInput(t *testing.T) {
	n := hwtest.Network()
	in := hwtest.Input(n, 1)
	for i := range in.Counts {
		in.Counts[i] *= uint8(1 + i%3)
	}
	b := open(t, Options{})
	if _, err := hwtest.Load(t, b, n).Run(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{}); err == nil {
		t.Error("several spikes at once from neurons that fire once were accepted")
	}
	*n.Source = spike.Neurons{LayerName: "source", Dynamics: spike.SpikingReLU, DT: 1, Start: n.Source.Start}
	n.Layers[1].(*spike.Neurons).Threshold = 6
	p := hwtest.Load(t, b, n)
	stats, rec, out := outcome(t, p, n, in)
	wantStats, wantRec, want := outcome(t, simulate(t, n), n, in)
	if !p.Report().Exact || stats != wantStats || !cmp.Equal(rec, wantRec) || !slices.Equal(out, want) || stats.Spikes == 0 {
		t.Errorf("%+v, the simulator has %+v", stats, wantStats)
	}
}
