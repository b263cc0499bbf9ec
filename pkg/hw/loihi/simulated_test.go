package loihi

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestQuantisedNetworksGiveTheChipsSpikes takes networks whose numbers the chip has not: what it makes of them, on the
// simulator, fires as the chip does.
func TestQuantisedNetworksGiveTheChipsSpikes(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 4))
	b := open(t, Options{})
	rounded, moved, fired := 0, 0, uint64(0)
	for i := range 300 {
		n := random(rng)
		for _, l := range n.Layers {
			roughen(rng, l)
		}
		placed, err := b.Place(t.Context(), n)
		if err != nil {
			continue // a threshold out of reach, or a start that cannot be kept
		}
		q, exact := placed.(hw.Quantised).Quantised()
		if q == nil || !exact {
			t.Fatalf("network %d has no exact quantised one", i)
		}
		if !placed.Report().Exact {
			rounded++
		}
		p, err := placed.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		in := hwtest.Input(n, uint64(i))
		stats, rec, out := outcome(t, p, n, in)
		if stats.Saturated > 0 {
			continue
		}
		wantStats, wantRec, want := outcome(t, simulate(t, q), q, in)
		if stats != wantStats || !cmp.Equal(rec, wantRec) || !slices.Equal(out, want) {
			t.Errorf("network %d: %+v, with the chip's numbers the simulator has %+v", i, stats, wantStats)
		}
		if _, _, own := outcome(t, simulate(t, n), n, in); !slices.Equal(out, own) {
			moved++
		}
		fired += stats.Spikes
	}
	if rounded < 100 || moved == 0 || fired == 0 {
		t.Errorf("%d networks rounded, %d with other spikes than before, %d spikes: this shows nothing", rounded, moved, fired)
	}
	t.Logf("%d networks rounded, %d of them with other spikes than before; %d spikes", rounded, moved, fired)
}

// roughen gives a layer numbers that are on no grid.
func roughen(rng *rand.Rand, l spike.Layer) {
	weigh := func(w *spike.Weights) {
		for i := range w.Scale {
			w.Scale[i] *= 0.5 + rng.Float32()
		}
		for i := range w.Bias {
			w.Bias[i] += (rng.Float32() - 0.5) * w.Scale[i]
		}
	}
	switch l := l.(type) {
	case *spike.Conv2D:
		weigh(&l.Weights)
	case *spike.Dense:
		weigh(&l.Weights)
	case *spike.Neurons:
		l.Threshold *= 0.5 + rng.Float32()
		l.Start.Value *= rng.Float32()
	}
}

func TestDrawnStartsHaveNoQuantisedNetwork(t *testing.T) {
	n := hwtest.Network()
	n.Layers[1].(*spike.Neurons).Start = spike.Start{Kind: spike.StartUniform, Seed: 3}
	placed, err := open(t, Options{}).Place(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if q, _ := hw.Quantise(n, placed); q != nil && !placed.Report().Exact {
		t.Errorf("%+v", q)
	}
	leaky := hwtest.Network()
	l := leaky.Layers[1].(*spike.Neurons)
	l.Dynamics, l.Decay = spike.LeakyIntegrateAndFire, 0.9
	if placed, err = open(t, Options{}).Place(t.Context(), leaky); err != nil {
		t.Fatal(err)
	}
	q, exact := hw.Quantise(leaky, placed)
	if q == nil || exact || q.Layers[1].(*spike.Neurons).Decay != 1-410.0/4096 {
		t.Errorf("a network that leaks is rounded on the chip: %v, %+v", exact, q)
	}
	if q, exact := hw.Quantise(hwtest.Network(), hwtest.Load(t, open(t, Options{}), hwtest.Network()).(hw.Placement)); !exact || q == nil {
		t.Error("an exact placement runs the network as it is")
	}
}
