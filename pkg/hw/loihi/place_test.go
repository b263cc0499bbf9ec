package loihi

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func TestShippedModelsAreRefused(t *testing.T) {
	for _, name := range []string{"snnxray", "snnxray-int8"} {
		file, err := models.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = model.Decode(t.Context(), file, model.DecodeOptions{Backend: open(t, Options{})})
		var refusal *hw.Refusal
		if !errors.As(err, &refusal) {
			t.Fatalf("%s: %v, expected a refusal", name, err)
		}
		for _, says := range []string{name, "loihi", "rows", "max-pooling", `"pool2"`, `"spike2"`, "spiking_relu"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v does not say %s", name, err, says)
			}
		}
		t.Log(err)
	}
}

func TestRefusals(t *testing.T) {
	spiking := func(n *spike.Network) *spike.Neurons { return n.Layers[1].(*spike.Neurons) }
	conv := func(n *spike.Network) *spike.Conv2D { return n.Layers[0].(*spike.Conv2D) }
	small := Chip{Name: "small", Cores: 128, CoreNeurons: 64}
	for name, c := range map[string]struct {
		change func(*spike.Network)
		board  Options
		layer  string
		says   string
	}{
		"threshold": {func(n *spike.Network) { spiking(n).Threshold = 1025 }, Options{}, "spike1", "65600 steps of the weights before it, must be at most 65536"},
		"bias":      {func(n *spike.Network) { conv(n).Bias[0] = 65 }, Options{}, "conv1", "4095 steps"},
		"start":     {func(n *spike.Network) { spiking(n).Start.Value = -1025 }, Options{}, "spike1", "starts at"},
		"early":     {func(n *spike.Network) { spiking(n).Start.Value = 2.75 }, Options{}, "spike1", "until the first spikes"},
		"leak":      {leaking, Options{}, "spike1", "until the first spikes"},
		"graded": {func(n *spike.Network) {
			*n.Source = spike.Neurons{LayerName: "source", Dynamics: spike.SpikingReLU, DT: 1, Start: n.Source.Start}
		}, Options{Chip: Loihi1}, "source", "graded"},
		"infinite":  {func(n *spike.Network) { conv(n).Scale[1] = inf() }, Options{}, "conv1", "not finite"},
		"sums":      {manyInputs, Options{}, "dense", "32 bits"},
		"no layers": {func(n *spike.Network) { n.Layers = nil }, Options{}, "", "no layer"},
		"cores":     {func(*spike.Network) {}, Options{Chip: Chip{Name: "few", Cores: 2, CoreNeurons: 150}}, "", "needs 3 cores of few, there are 2"},
		"neurons":   {func(*spike.Network) {}, Options{Chip: Chip{Name: "few", Cores: 2, CoreNeurons: 100}}, "", "277 neurons, the board has 200"},
		"inputs":    {func(*spike.Network) {}, Options{Chip: with(small, func(c *Chip) { c.CoreInputs = 149 })}, "dense", "more connections"},
		"synapses":  {func(*spike.Network) {}, Options{Chip: with(small, func(c *Chip) { c.CoreSynapses = 149 })}, "dense", "more connections"},
		"one sign": {func(n *spike.Network) {
			n.Input = spike.Shape{H: 1, W: 1, C: 1}
			n.Layers = []spike.Layer{&spike.Dense{LayerName: "dense", Units: 1, Weights: spike.Weights{Int8: []int8{-128}, Scale: []float32{1}}}, n.Layers[1]}
		}, Options{}, "dense", "-128"},
		"everything": {func(n *spike.Network) { n.Axis, n.Steps = spike.Rows, 0; spiking(n).Reset = spike.ResetBySubtraction }, Options{}, "spike1", "rows"},
	} {
		n := hwtest.Network()
		c.change(n)
		_, err := open(t, c.board).Place(t.Context(), n)
		var refusal *hw.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.says) ||
			!slices.ContainsFunc(refusal.Reasons, func(r hw.Reason) bool { return r.Layer == c.layer }) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []Options{{Chips: -1}, {Chip: Chip{Name: "none"}}} {
		if _, err := Open(o); err == nil {
			t.Errorf("%+v makes a board", o)
		}
	}
}

func with(c Chip, change func(*Chip)) Chip {
	change(&c)
	return c
}

// leaking starts at a voltage of which next to nothing is left a step later.
func leaking(n *spike.Network) {
	l := n.Layers[1].(*spike.Neurons)
	l.Dynamics, l.Decay, l.Start.Value = spike.LeakyIntegrateAndFire, 0.0002, 2
}

// manyInputs makes a network a dense layer of so many inputs of 255 spikes each that their sum leaves 32 bits.
func manyInputs(n *spike.Network) {
	*n.Source = spike.Neurons{LayerName: "source", Dynamics: spike.SpikingReLU, DT: 1, Start: n.Source.Start}
	n.Input = spike.Shape{H: 1, W: 1, C: 33000}
	weights := spike.Weights{Int8: slices.Repeat([]int8{-128}, n.Input.C), Scale: []float32{1.0 / 128}}
	n.Layers = []spike.Layer{&spike.Dense{LayerName: "dense", Units: 1, Weights: weights}, n.Layers[1]}
}

func inf() float32 {
	var zero float32
	return 1 / zero
}

// TestPlacing counts cores by hand: layers of 120, 150 and 7 neurons with 1664, 2860 and 1050 synapses.
func TestPlacing(t *testing.T) {
	for _, c := range []struct {
		name string
		chip Chip
		want []int
	}{
		{"neurons", Chip{CoreNeurons: 50}, []int{3, 3, 1}},
		{"inputs of a dense layer", Chip{CoreNeurons: 1000, CoreInputs: 150}, []int{2, 1, 1}},
		{"synapses", Chip{CoreNeurons: 1000, CoreSynapses: 300}, []int{6, 10, 4}},
		// spike2's neurons go to one core, spike1's to one, so that a core holds as many as it has axons for.
		{"outputs", Chip{CoreNeurons: 1000, CoreOutputs: 100}, []int{2, 2, 1}},
	} {
		c.chip.Name, c.chip.Cores = c.name, 128
		placed, err := open(t, Options{Chip: c.chip}).Place(t.Context(), hwtest.Network())
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var got []int
		for _, l := range placed.Report().Layers {
			got = append(got, l.Cores)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v cores, want %v", c.name, got, c.want)
		}
	}
}
