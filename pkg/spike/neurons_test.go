package spike

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVoltageEqualsPython(t *testing.T) {
	// Printed by training/spikeray/modelfile/voltage.py: uniform(seed, (1000,))[[0, 1, 2, 3, 999]].
	for seed, want := range map[uint64][5]float32{
		0:              {0x1.c4415p-1, 0x1.b9e278p-2, 0x1.b1174p-6, 0x1.f1177p-1, 0.08155316},
		1001:           {0x1.4cf8p-2, 0x1.d62adp-3, 0x1.d3a55p-3, 0x1.ef9a18p-2, 0.44312787},
		math.MaxUint64: {0x1.c9b2e2p-1, 0x1.d33ffp-1, 0x1.c17fcp-3, 0x1.b476ccp-2, 0.51069975},
	} {
		v := make([]float32, 1000)
		Start{Kind: StartUniform, Seed: seed}.Fill(v)
		if got := [5]float32{v[0], v[1], v[2], v[3], v[999]}; got != want {
			t.Errorf("seed %d: %v, want %v", seed, got, want)
		}
	}
}

func TestSpikingReLUDiffusesItsErrorDownTheRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const h, neurons = 64, 40
	n := &Neurons{Dynamics: SpikingReLU, DT: 2, Start: Start{Kind: StartUniform, Seed: 7}}
	current := make([]float32, h*neurons)
	for i := range current {
		current[i] = float32(rng.NormFloat64())
	}
	v := make([]float32, neurons)
	n.Start.Fill(v)
	counts := make([]uint8, len(current))
	spikes, clipped := n.Encode(counts, v, current)
	var total uint64
	for j := range neurons {
		var relu, spiking float64
		for i := range h {
			relu += math.Max(0, float64(current[i*neurons+j]))
			spiking += float64(n.Value(uint32(counts[i*neurons+j])))
			total += uint64(counts[i*neurons+j])
			if d := math.Abs(relu - spiking); d > 0.5+1e-4 {
				t.Fatalf("neuron %d, row %d: the spikes are %v behind the ReLU, must be at most 1/dt = 0.5", j, i, d)
			}
		}
	}
	if spikes != total || clipped != 0 {
		t.Errorf("%d spikes, %d clipped, want %d and 0", spikes, clipped, total)
	}
}

func TestSpikingReLUKeepsWhatAStepCannotCarry(t *testing.T) {
	n := &Neurons{Dynamics: SpikingReLU, DT: 1}
	v, counts := []float32{0.5}, make([]uint8, 3)
	spikes, clipped := n.Encode(counts, v, []float32{600, 0, 0})
	if want := []uint8{255, 255, 90}; !cmp.Equal(counts, want) || spikes != 600 || clipped != 2 || v[0] != 0.5 {
		t.Errorf("%v, %d spikes, %d clipped, %v left; want %v, 600, 2, 0.5", counts, spikes, clipped, v[0], want)
	}
}

func TestSpikingReLUSurvivesHostileCurrents(t *testing.T) {
	n := &Neurons{Dynamics: SpikingReLU, DT: 2}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	counts := make([]uint8, 4)
	n.Encode(counts, make([]float32, 4), []float32{nan, inf, -inf, -1})
	if want := []uint8{0, 255, 0, 0}; !cmp.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

func TestIntegrateAndFireTraces(t *testing.T) {
	// Worked by hand from the equations of docs/MODEL_FILE.md; all numbers are exact in binary.
	for _, c := range []struct {
		name    string
		n       Neurons
		current []float32
		want    []uint8
		left    float32
	}{
		{"subtract", Neurons{Dynamics: IntegrateAndFire, Threshold: 1, Reset: ResetBySubtraction},
			[]float32{0.75, 0.75, 2, 0, 0}, []uint8{0, 1, 1, 1, 0}, 0.5},
		{"zero", Neurons{Dynamics: IntegrateAndFire, Threshold: 1, Reset: ResetToZero},
			[]float32{0.75, 0.75, 2, 0, 0.5}, []uint8{0, 1, 1, 0, 0}, 0.5},
		{"at the threshold", Neurons{Dynamics: IntegrateAndFire, Threshold: 1, Reset: ResetToZero},
			[]float32{1, 0.5, 0.5}, []uint8{1, 0, 1}, 0},
		{"inhibited", Neurons{Dynamics: IntegrateAndFire, Threshold: 1, Reset: ResetToZero},
			[]float32{-2, 1.5, 1.5}, []uint8{0, 0, 1}, 0},
		{"leaky", Neurons{Dynamics: LeakyIntegrateAndFire, Threshold: 1, Decay: 0.5, Reset: ResetBySubtraction},
			[]float32{0.75, 0.75, 1, 0}, []uint8{0, 1, 1, 0}, 0.03125},
		{"graded", Neurons{Dynamics: IntegrateAndFire, Threshold: 1, Reset: ResetBySubtraction, Most: 3},
			[]float32{2.75, 4, 0, -3, 1.5}, []uint8{2, 3, 1, 0, 0}, -0.75},
		{"graded and leaky", Neurons{Dynamics: LeakyIntegrateAndFire, Threshold: 1, Decay: 0.5, Reset: ResetBySubtraction, Most: 15},
			[]float32{2.75, 1.75, 20, 0}, []uint8{2, 2, 15, 2}, 0.53125},
	} {
		v, counts := make([]float32, 1), make([]uint8, len(c.current))
		c.n.Encode(counts, v, c.current)
		if !cmp.Equal(counts, c.want) || v[0] != c.left {
			t.Errorf("%s: %v and %v left, want %v and %v", c.name, counts, v[0], c.want, c.left)
		}
	}
}
