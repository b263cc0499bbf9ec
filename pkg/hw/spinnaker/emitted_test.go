package spinnaker

import (
	"slices"
	"testing"
)

// A layer's spikes are those of its own time step. Any before it came late, a second one of a neuron is not the
// network's, and later ones are kept for their turn.
func TestSpikesCountInTheirOwnStepAlone(t *testing.T) {
	r := &run{counts: [][]uint8{make([]uint8, 5)}, spikes: [][]event{{{9, 0}, {10, 1}, {8, 2}, {10, 1}, {11, 3}, {10, 4}}}}
	r.emitted(0, 10)
	if want := []uint8{0, 1, 0, 0, 1}; !slices.Equal(r.counts[0], want) {
		t.Errorf("%v, want %v", r.counts[0], want)
	}
	if r.lost.Late != 2 || r.lost.Foreign != 1 || r.room != 5 || !slices.Equal(r.spikes[0], []event{{11, 3}}) {
		t.Errorf("%+v, room for %d more, %v kept", r.lost, r.room, r.spikes[0])
	}
	r.emitted(0, 11)
	if want := []uint8{0, 0, 0, 1, 0}; !slices.Equal(r.counts[0], want) || len(r.spikes[0]) != 0 || r.lost.Late != 2 {
		t.Errorf("then %v, want %v; %v kept", r.counts[0], want, r.spikes[0])
	}
}
