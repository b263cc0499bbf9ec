package remote

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

func lavaPython(t *testing.T) string { return python(t, "SPIKERAY_LAVA_PYTHON", "lava.magma") }

// TestLavaIsABoard holds Lava's bit-accurate simulation of Loihi, behind a board host, to the contract.
func TestLavaIsABoard(t *testing.T) {
	host := startHost(t, lavaPython(t), "--board", "lava")
	hwtest.Run(t, func(t *testing.T) hw.Board { return dial(t, Options{URL: host.url}) })
}

// chipNetwork is one for Loihi: exact or rounded, leaky or not, some whose states leave their range, some that do not fit.
func chipNetwork(rng *rand.Rand) *spike.Network {
	pick := func(n int) int { return 1 + rng.IntN(n) }
	plain := rng.IntN(2) == 0
	neurons := func(name string, unit float32) *spike.Neurons {
		n := &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Amplitude: 0.3 * float32(pick(5)), Reset: spike.ResetToZero,
			Threshold: unit * (float32(pick([]int{8, 60, 400, 400, 400, 20000}[rng.IntN(6)])) + []float32{0, 0.25, 0.4}[rng.IntN(3)]),
			Start:     spike.Start{Kind: spike.StartConstant},
		}
		if plain {
			return n
		}
		switch rng.IntN(4) {
		case 0:
			n.Dynamics, n.Decay = spike.LeakyIntegrateAndFire, 0.05+0.9*rng.Float32()
		case 1:
			n.Start.Value = unit * float32(rng.IntN(60)-56) / 2
		case 2:
			if rng.IntN(3) == 0 {
				n.Start = spike.Start{Kind: spike.StartUniform, Seed: rng.Uint64()}
			}
		}
		return n
	}
	weights := func(in, out int, unit float32) (w spike.Weights) {
		sign := []int{0, 0, 1, -1}[rng.IntN(4)]
		draw := func() int {
			if x := rng.IntN(255) - 127; sign == 0 {
				return x
			} else {
				return sign * max(x, -x)
			}
		}
		kind := rng.IntN(3)
		if plain {
			kind = 1
		}
		for range in * out {
			if kind == 0 {
				w.Float32 = append(w.Float32, unit*float32(draw())*(0.5+rng.Float32()))
			} else {
				w.Int8 = append(w.Int8, int8(draw()))
			}
		}
		for range out {
			switch kind {
			case 1:
				w.Scale = append(w.Scale, unit)
			case 2:
				w.Scale = append(w.Scale, unit*(0.5+rng.Float32()))
			}
		}
		if rng.IntN(2) == 0 {
			for range out {
				w.Bias = append(w.Bias, unit*float32(rng.IntN(41)-20)*[]float32{0.5, 0.5, 0.5, 0.37, 0.37, 40}[rng.IntN(6)])
			}
		}
		return w
	}
	n := &spike.Network{
		Axis: spike.Steps, Steps: pick(14), Source: neurons("source", 1), Input: spike.Shape{H: 2 + pick(7), W: 2 + pick(7), C: pick(3)},
	}
	if rng.IntN(3) == 0 {
		n.Source = &spike.Neurons{LayerName: "source", Dynamics: spike.SpikingReLU, DT: 2, Start: n.Source.Start}
	}
	in := n.Input
	unit := func() float32 { return []float32{1, 1.0 / 64, 0.013, 0.37, 2}[rng.IntN(5)] }
	for i := range rng.IntN(3) {
		u := unit()
		kernel := [2]int{pick(min(3, in.H)), pick(min(3, in.W))}
		c := &spike.Conv2D{LayerName: fmt.Sprintf("conv%d", i), Kernel: kernel, Stride: [2]int{pick(3), pick(3)}, Same: rng.IntN(2) == 0, Channels: pick(5)}
		c.Weights = weights(kernel[0]*kernel[1]*in.C, c.Channels, u)
		w, err := c.Window(in)
		if err != nil {
			panic(err)
		}
		in = w.Out
		n.Layers = append(n.Layers, c, neurons(fmt.Sprintf("spike%d", i), u))
	}
	u, units := unit(), pick(9)
	n.Layers = append(n.Layers, &spike.Flatten{LayerName: "flatten"},
		&spike.Dense{LayerName: "dense", Units: units, Weights: weights(in.Len(), units, u)}, neurons("last", u))
	return n
}

// TestLavaEqualsTheEmulator sends random networks to Lava. The plug-in puts them onto the chip by itself, in another
// language: its report, every layer's spikes, the counts and the saturated states have to be the emulator's.
func TestLavaEqualsTheEmulator(t *testing.T) {
	host := startHost(t, lavaPython(t), "--board", "lava")
	remote := dial(t, Options{URL: host.url})
	emulator, err := loihi.Open(loihi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 8))
	ran, refused, exact, steps := 0, 0, 0, 0
	var spikes, saturated uint64
	for i := range 40 {
		n := chipNetwork(rng)
		want, err := emulator.Place(t.Context(), n)
		var refusal, theirs *hw.Refusal
		if errors.As(err, &refusal) {
			refused++
			if _, err := remote.Place(t.Context(), n); !errors.As(err, &theirs) || len(theirs.Reasons) != len(refusal.Reasons) || theirs.Reasons[0].Layer != refusal.Reasons[0].Layer {
				t.Errorf("network %d: %v, the emulator says %v", i, err, refusal)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		ours, err := want.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := hwtest.Load(t, remote, n)
		if diff := cmp.Diff(ours.Report(), p.Report(), cmpopts.IgnoreFields(hw.Report{}, "Board", "Resources"), cmpopts.IgnoreFields(hw.LayerReport{}, "Cores"), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Errorf("network %d is placed otherwise (-emulator +lava):\n%s", i, diff)
		}
		in := train(rng, n)
		a, b := run(t, ours, n, in), run(t, p, n, in)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("network %d (-emulator +lava):\n%s", i, diff)
		}
		out := hwtest.Output(t, n, in)
		_, seen, err := ours.Measure(t.Context(), in, out, spike.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, theirs, err := p.Measure(t.Context(), in, out, spike.RunOptions{}); err != nil || theirs != seen {
			t.Errorf("network %d: %+v, %v, the emulator has %+v", i, theirs, err, seen)
		}
		ran++
		steps += in.Steps()
		spikes += b.Stats.Spikes
		saturated += seen.Saturated
		if p.Report().Exact {
			exact++
		}
	}
	if slices.Contains([]uint64{uint64(exact), uint64(refused), uint64(ran - exact), spikes, saturated}, 0) {
		t.Error("too little was tried")
	}
	t.Logf("%d networks of %d steps in all (%d exact): %d spikes, %d states saturated; %d refused by both", ran, steps, exact, spikes, saturated, refused)
}

// TestLavaRefusesWhatItsDenseWouldCutOff: a weight of -128 among none above 0 is 256 once doubled, and Lava's Dense cuts it
// off at 255. The emulator refuses it, and so does the host, with the same reason; -127, and -128 beside a 1, both take.
func TestLavaRefusesWhatItsDenseWouldCutOff(t *testing.T) {
	b := dial(t, Options{URL: startHost(t, lavaPython(t), "--board", "lava").url})
	emulator, err := loihi.Open(loihi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := hwtest.Network()
	n.Input = spike.Shape{H: 1, W: 1, C: 2}
	dense := &spike.Dense{LayerName: "dense", Units: 1}
	n.Layers = []spike.Layer{
		dense,
		&spike.Neurons{LayerName: "spike", Dynamics: spike.IntegrateAndFire, Threshold: 1, Amplitude: 1, Reset: spike.ResetToZero, Start: spike.Start{Kind: spike.StartConstant}},
	}
	for _, c := range []struct {
		weights []int8
		refused bool
	}{{[]int8{-128, 0}, true}, {[]int8{-127, 0}, false}, {[]int8{-128, 1}, false}} {
		dense.Weights = spike.Weights{Int8: c.weights, Scale: []float32{1}, Bias: []float32{128}}
		_, want := emulator.Place(t.Context(), n)
		p, err := b.Place(t.Context(), n)
		var ours, theirs *hw.Refusal
		switch {
		case !c.refused && (want != nil || err != nil || !p.Report().Exact):
			t.Errorf("%v: %v, the emulator says %v", c.weights, err, want)
		case c.refused && (!errors.As(want, &ours) || !errors.As(err, &theirs) || !slices.Equal(ours.Reasons, theirs.Reasons)):
			t.Errorf("%v: %v, the emulator says %v", c.weights, err, want)
		}
	}
}

// TestPictureOnLava is a network of the size that a whole X-ray takes, with the time of each.
func TestPictureOnLava(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	weights := func(in, out int) (w spike.Weights) {
		for range in * out {
			w.Int8 = append(w.Int8, int8(rng.IntN(255)-123))
		}
		w.Scale, w.Bias = slices.Repeat([]float32{1.0 / 128}, out), slices.Repeat([]float32{0.25}, out)
		return w
	}
	neurons := func(name string, threshold float32) *spike.Neurons {
		return &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Threshold: threshold, Amplitude: 1, Reset: spike.ResetToZero,
			Start: spike.Start{Kind: spike.StartConstant},
		}
	}
	n := &spike.Network{
		Axis: spike.Steps, Steps: 16, Source: neurons("source", 1), Input: spike.Shape{H: 50, W: 50, C: 8},
		Layers: []spike.Layer{
			&spike.Conv2D{LayerName: "conv1", Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Same: true, Channels: 16, Weights: weights(72, 16)},
			neurons("spike1", 4),
			&spike.Conv2D{LayerName: "conv2", Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Same: true, Channels: 32, Weights: weights(144, 32)},
			neurons("spike2", 4),
			&spike.Flatten{LayerName: "flatten"},
			&spike.Dense{LayerName: "dense", Units: 32, Weights: weights(13*13*32, 32)},
			neurons("spike3", 8),
		},
	}
	in := hwtest.Input(n, 1)
	emulator, err := loihi.Open(loihi.Options{})
	if err != nil {
		t.Fatal(err)
	}
	boards := []hw.Board{hwtest.Simulator(), emulator, dial(t, Options{URL: startHost(t, simulatorPython(t)).url}), dial(t, Options{URL: startHost(t, lavaPython(t), "--board", "lava").url})}
	var want outcome
	for i, b := range boards {
		p := hwtest.Load(t, b, n)
		out := hwtest.Output(t, n, in)
		began := time.Now()
		stats, seen, err := p.Measure(t.Context(), in, out, spike.RunOptions{})
		took := time.Since(began)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-16s %v: %d spikes, %d synaptic operations, %d steps, %d saturated", b.Name(), took.Round(time.Millisecond/10), stats.Spikes, stats.SynapticOperations, seen.BoardSteps, seen.Saturated)
		got := run(t, p, n, in)
		if got.Stats.Saturated > 0 {
			t.Errorf("%s: a state saturated", b.Name())
		}
		if i == 0 {
			want = got
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-simulator +board):\n%.2000s", b.Name(), diff)
		}
	}
	if want.Stats.Spikes == 0 {
		t.Error("no spike at all")
	}
}
