package remote

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// oneStep is a network of one step with weights of four bits, which is what Akida has.
func oneStep(rng *rand.Rand) *spike.Network {
	pick := func(n int) int { return 1 + rng.IntN(n) }
	weights := func(in, out int) (w spike.Weights) {
		for range in * out {
			w.Int8 = append(w.Int8, int8(rng.IntN(15)-7))
		}
		for range out {
			w.Scale = append(w.Scale, 0.1+rng.Float32())
			w.Bias = append(w.Bias, 2*rng.Float32()-1)
		}
		return w
	}
	neurons := func(name string) *spike.Neurons {
		n := &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Threshold: 0.1 + 3*rng.Float32(), Amplitude: 1, Reset: spike.ResetToZero,
			Start: spike.Start{Kind: spike.StartConstant, Value: rng.Float32() - 0.5},
		}
		if rng.IntN(2) == 0 {
			n.Dynamics, n.Decay, n.Reset = spike.LeakyIntegrateAndFire, 0.7, spike.ResetBySubtraction
		}
		return n
	}
	n := &spike.Network{Axis: spike.Steps, Steps: 1, Source: neurons("source"), Input: spike.Shape{H: 6 + pick(6), W: 6 + pick(6), C: pick(4)}}
	in := n.Input
	for i := range rng.IntN(3) {
		side := []int{1, 3, 5}[rng.IntN(3)]
		c := &spike.Conv2D{LayerName: fmt.Sprintf("conv%d", i), Kernel: [2]int{side, side}, Stride: [2]int{1, 1}, Same: true, Channels: pick(6)}
		if side == 3 && rng.IntN(2) == 0 {
			c.Stride = [2]int{2, 2}
		}
		c.Weights = weights(side*side*in.C, c.Channels)
		w, err := c.Window(in)
		if err != nil {
			panic(err)
		}
		in = w.Out
		n.Layers = append(n.Layers, c, neurons(fmt.Sprintf("spike%d", i)))
	}
	units := pick(9)
	n.Layers = append(n.Layers, &spike.Flatten{LayerName: "flatten"}, &spike.Dense{LayerName: "dense", Units: units, Weights: weights(in.Len(), units)}, neurons("last"))
	return n
}

// TestAkida: what Akida's own software makes of networks of its kind is what the simulator makes of them, and the rest is
// refused, by name.
func TestAkida(t *testing.T) {
	b := dial(t, Options{URL: startHost(t, python(t, "SPIKERAY_AKIDA_PYTHON", "akida"), "--board", "akida").url})
	rng := rand.New(rand.NewPCG(4, 4))
	var spikes uint64
	convolutions := 0
	for i := range 60 {
		n := oneStep(rng)
		reference, err := spike.Simulator{}.Compile(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		in := hwtest.Input(n, uint64(i))
		want, got := run(t, reference, n, in), run(t, hwtest.Load(t, b, n), n, in)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("network %d (-simulator +akida):\n%s", i, diff)
		}
		spikes += got.Stats.Spikes
		convolutions += len(n.Layers)/2 - 1
	}
	if spikes == 0 || convolutions == 0 {
		t.Error("too little was tried")
	}
	t.Logf("60 networks with %d convolutions, %d spikes", convolutions, spikes)

	var refusal *hw.Refusal
	if _, err := b.Place(t.Context(), hwtest.Network()); !errors.As(err, &refusal) {
		t.Errorf("the suite's network has 12 steps: %v", err)
	}
	for layer, change := range map[string]func(*spike.Conv2D, *spike.Network){
		"conv0": func(c *spike.Conv2D, _ *spike.Network) { c.Same = false }, // Akida's own word
		"conv1": func(c *spike.Conv2D, n *spike.Network) { c.LayerName, c.Int8[0] = "conv1", -8 },
		"spike": func(_ *spike.Conv2D, n *spike.Network) {
			*n.Layers[1].(*spike.Neurons) = spike.Neurons{LayerName: "spike", Dynamics: spike.SpikingReLU, DT: 1, Start: n.Source.Start}
		},
		"start": func(_ *spike.Conv2D, n *spike.Network) {
			n.Layers[1].(*spike.Neurons).LayerName = "start"
			n.Layers[1].(*spike.Neurons).Start = spike.Start{Kind: spike.StartUniform}
		},
	} {
		n := oneStep(rng)
		c := &spike.Conv2D{LayerName: "conv0", Kernel: [2]int{3, 3}, Stride: [2]int{1, 1}, Same: true, Channels: 2}
		for range 18 * n.Input.C {
			c.Int8 = append(c.Int8, 1)
		}
		c.Scale = []float32{1, 1}
		spiking := *n.Source
		spiking.LayerName = "spike"
		n.Layers = []spike.Layer{c, &spiking}
		if _, err := b.Place(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		change(c, n)
		_, err := b.Place(t.Context(), n)
		if !errors.As(err, &refusal) || !slices.ContainsFunc(refusal.Reasons, func(r hw.Reason) bool { return r.Layer == layer && r.Reason != "" }) {
			t.Errorf("%s: %v", layer, err)
		}
		if layer == "conv0" && !strings.Contains(err.Error(), "Akida says") {
			t.Errorf("not in Akida's words: %v", err)
		}
	}
}
