package hwtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// gradedInput brings several spikes to a step, of neurons that the host runs, to a board that says that it takes them.
func gradedInput(t *testing.T, b hw.Board) {
	const most = 15
	if b.Capabilities().MaxCount < most {
		t.Skip("its inputs bring fewer spikes in a step")
	}
	n := Network()
	source := *n.Source
	source.Threshold, source.Reset, source.Most = 1, spike.ResetBySubtraction, most
	n.Source = &source
	p := Load(t, b, n)
	holds, err := hw.NewInvariants(n)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := spike.Simulator{}.Compile(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	var fired uint64
	for seed := range uint64(3) {
		in := Input(n, seed)
		for i := range in.Counts {
			in.Counts[i] *= uint8(1 + (uint64(i)+seed)%most)
		}
		got, want := run(t, p, n, in), run(t, reference, n, in)
		if p.Report().Exact && got.Stats.Saturated == 0 && !cmp.Equal(want, got) {
			t.Errorf("seed %d: exact, but not the simulator's (-simulator +board):\n%s", seed, cmp.Diff(want, got))
		}
		out := spike.Train{Axis: in.Axis, Shape: n.Input, Counts: got.Out}
		if err := holds.Check(in, out, got.Stats, hw.Telemetry{}); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		fired += got.Stats.Spikes
	}
	if fired == 0 {
		t.Error("no spike at all")
	}
}
