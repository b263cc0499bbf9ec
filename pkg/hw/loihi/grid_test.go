package loihi

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestWeightsOnAGridStayOnIt gives the chip weights that eight bits hold with one step, as a network trained for a chip
// has them: none is rounded, whatever the step, the kind of weights, and what a spike stands for.
func TestWeightsOnAGridStayOnIt(t *testing.T) {
	for name, c := range map[string]struct {
		step      float64 // of the weights
		low, high int     // steps
		amplitude float32
		exact     bool // the step is a power of two in what a spike stands for
	}{
		"1/64, as Loihi's own":        {1.0 / 64, -90, 70, 1, true},
		"1/64, all eight bits":        {1.0 / 64, -128, 127, 1, true},
		"1/64, few steps of it":       {1.0 / 64, -3, 5, 1, true},
		"an amplitude of a half":      {1.0 / 64, -90, 70, 0.5, true},
		"an amplitude on no grid":     {1.0 / 64, -90, 70, 0.3, false},
		"a step that is no power":     {0.013, -90, 70, 1, false},
		"a step above 1":              {4, -90, 70, 1, true},
		"a small step":                {1.0 / (1 << 20), -90, 70, 1, true},
		"a step that is three of ten": {0.3, -110, 101, 1, false},
	} {
		rng := rand.New(rand.NewPCG(5, 6))
		n := hwtest.Network()
		n.Source.Amplitude = c.amplitude
		conv := n.Layers[0].(*spike.Conv2D)
		whole := make([]int8, len(conv.Int8))
		for i := range whole {
			whole[i] = int8(c.low + rng.IntN(c.high-c.low+1))
		}
		whole[1], whole[2] = int8(c.low), int8(c.high)
		conv.Int8, conv.Scale, conv.Bias, conv.Float32 = nil, nil, nil, make([]float32, len(whole))
		for i, k := range whole {
			conv.Float32[i] = float32(float64(k) * c.step)
		}
		unit := c.step * float64(c.amplitude)
		n.Layers[1].(*spike.Neurons).Threshold = float32(150 * unit)
		n.Layers[1].(*spike.Neurons).Start.Value = 0

		p := hwtest.Load(t, open(t, Options{}), n)
		l := p.Report().Layers[0]
		if steps := unit / l.Scale; math.Abs(steps-math.Round(steps)) > 1e-3 || l.WeightError > 1e-4 {
			t.Errorf("%s: steps of %g where the weights have %g: %+v", name, l.Scale, unit, l)
		}
		if c.exact && (l.RoundedWeights != 0 || !l.Exact) {
			t.Errorf("%s: %+v", name, l)
		}
		spikes := uint64(0)
		for seed := range uint64(3) {
			in := hwtest.Input(n, seed)
			stats, rec, out := outcome(t, p, n, in)
			wantStats, wantRec, want := outcome(t, simulate(t, n), n, in)
			if c.exact && (stats != wantStats || !cmp.Equal(rec, wantRec) || !slices.Equal(out, want)) {
				t.Errorf("%s, seed %d: %+v, the simulator has %+v", name, seed, stats, wantStats)
			}
			spikes += stats.Spikes
		}
		if spikes == 0 {
			t.Errorf("%s: no spike at all", name)
		}
	}
}

// TestScalesOfPowersOfTwo: int8 weights whose channels have scales of their own stay exact where one grid holds them all.
func TestScalesOfPowersOfTwo(t *testing.T) {
	n := hwtest.Network()
	conv := n.Layers[0].(*spike.Conv2D)
	conv.Scale = []float32{0.5, 0.25, 1, 0.125}
	for i := range conv.Int8 {
		conv.Int8[i] = int8(i%15 - 7)
	}
	conv.Bias = nil
	n.Layers[1].(*spike.Neurons).Threshold = 4
	l := hwtest.Load(t, open(t, Options{}), n).Report().Layers[0]
	if l.RoundedWeights != 0 || !l.Exact {
		t.Errorf("%+v", l)
	}
}
