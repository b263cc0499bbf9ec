package hwtest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// pooled is the suite's network with pooling behind each convolution, whose windows overlap behind the last.
func pooled() *spike.Network {
	n := hwtest.Network()
	pool := func(name string, size, stride int) spike.Layer {
		return &spike.MaxPool2D{LayerName: name, Pool: [2]int{size, size}, Stride: [2]int{stride, stride}}
	}
	n.Layers = slices.Concat(n.Layers[:2], []spike.Layer{pool("pool1", 1, 1)}, n.Layers[2:4], []spike.Layer{pool("pool2", 2, 1)})
	return n
}

func TestInvariantsHoldOnTheSimulator(t *testing.T) {
	rows := hwtest.Network()
	rows.Axis, rows.Steps = spike.Rows, 0
	rows.Layers = rows.Layers[:4]
	single := hwtest.Network()
	single.Layers = single.Layers[:2]
	for name, n := range map[string]*spike.Network{"steps": hwtest.Network(), "pooled": pooled(), "rows": rows, "one stage": single} {
		holds, err := hw.NewInvariants(n)
		if err != nil {
			t.Fatal(err)
		}
		r, err := spike.Simulator{}.Compile(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(5) {
			in := hwtest.Input(n, seed)
			if seed == 0 {
				clear(in.Counts)
			}
			out := hwtest.Output(t, n, in)
			stats, err := r.Run(t.Context(), in, out, spike.RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := holds.Check(in, out, stats, hw.Telemetry{}); err != nil {
				t.Errorf("%s, seed %d: %v", name, seed, err)
			}
			for what, spoil := range map[string]func(*spike.Stats, []uint8){
				"two spikes at once":        func(_ *spike.Stats, out []uint8) { out[0] = 2 },
				"fewer steps":               func(s *spike.Stats, _ []uint8) { s.NeuronSteps-- },
				"more spikes than neurons":  func(s *spike.Stats, _ []uint8) { s.Spikes = s.NeuronSteps + 1 },
				"an output out of nothing":  func(s *spike.Stats, out []uint8) { s.Spikes = 0; out[3] = 1 },
				"too few operations":        func(s *spike.Stats, _ []uint8) { s.SynapticOperations = uint64(max(0, sum(in.Counts)-1)) },
				"operations without spikes": func(s *spike.Stats, _ []uint8) { s.SynapticOperations += 1 << 40 },
			} {
				wrong, counts := stats, slices.Clone(out.Counts)
				spoil(&wrong, counts)
				if what == "too few operations" && sum(in.Counts) == 0 {
					continue // an input without spikes causes none
				}
				err := holds.Check(in, spike.Train{Axis: out.Axis, Shape: out.Shape, Counts: counts}, wrong, hw.Telemetry{})
				if !errors.Is(err, hw.ErrImpossible) {
					t.Errorf("%s, seed %d, %s: %v", name, seed, what, err)
				}
			}
		}
	}
}

func sum(counts []uint8) (n int) {
	for _, c := range counts {
		n += int(c)
	}
	return n
}

// Where spikes are lost on the way, each side has counted others.
func TestInvariantsAllowForLoss(t *testing.T) {
	n := hwtest.Network()
	holds, err := hw.NewInvariants(n)
	if err != nil {
		t.Fatal(err)
	}
	in := hwtest.Input(n, 1)
	out := hwtest.Output(t, n, in)
	out.Counts[0] = 1
	stats := spike.Stats{NeuronSteps: 12 * (6*5*4 + 6*5*5 + 7)}
	if err := holds.Check(in, out, stats, hw.Telemetry{Link: &hw.Link{LostOut: 1}}); err != nil {
		t.Error(err)
	}
	if err := holds.Check(in, out, stats, hw.Telemetry{Link: &hw.Link{}}); !errors.Is(err, hw.ErrImpossible) {
		t.Errorf("%v", err)
	}
}

// A graded spike is one message, however large its count: an input of large counts causes no more operations than one of ones.
func TestInvariantsOfGradedSpikes(t *testing.T) {
	n := hwtest.Network()
	source, body := *n.Source, n.Layers[1].(*spike.Neurons)
	source.Threshold, source.Reset, source.Most = 1, spike.ResetBySubtraction, 255
	body.Threshold, body.Reset, body.Most = 1, spike.ResetBySubtraction, 3
	n.Source, n.Layers = &source, n.Layers[:2]
	holds, err := hw.NewInvariants(n)
	if err != nil {
		t.Fatal(err)
	}
	r, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	in := hwtest.Input(n, 1)
	ones, err := r.Run(t.Context(), in, hwtest.Output(t, n, in), spike.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range in.Counts {
		in.Counts[i] *= uint8(1 + i%255)
	}
	out := hwtest.Output(t, n, in)
	stats, err := r.Run(t.Context(), in, out, spike.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if ones.SynapticOperations == 0 || stats.SynapticOperations != ones.SynapticOperations {
		t.Errorf("%d operations, %d of the same messages with counts of 1", stats.SynapticOperations, ones.SynapticOperations)
	}
	if most := slices.Max(out.Counts); most != 3 || stats.Clipped != 0 {
		t.Errorf("a neuron fires %d times at most, want 3; %d clipped, want none", most, stats.Clipped)
	}
	if err := holds.Check(in, out, stats, hw.Telemetry{}); err != nil {
		t.Error(err)
	}
	wrong := stats
	wrong.SynapticOperations += uint64(sum(in.Counts))
	if err := holds.Check(in, out, wrong, hw.Telemetry{}); !errors.Is(err, hw.ErrImpossible) {
		t.Errorf("more operations than messages cause: %v", err)
	}
	out.Counts[0] = 4
	if err := holds.Check(in, out, stats, hw.Telemetry{}); !errors.Is(err, hw.ErrImpossible) {
		t.Errorf("a count above the most: %v", err)
	}
}
