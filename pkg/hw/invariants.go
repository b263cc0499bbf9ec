package hw

import (
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/pkg/spike"
)

// ErrImpossible is wrapped by the errors for an answer that no network of that shape can give.
var ErrImpossible = errors.New("impossible answer")

// Invariants hold for every run of a network, whatever its weights. Checking them costs a pass over its input and output.
type Invariants struct {
	net     *spike.Network
	output  spike.Shape
	most    uint8   // spikes of an output in a step
	neurons uint64  // of all layers, each counted as often as it takes a step in a pass
	spikes  uint64  // that those can emit in a pass
	covers  uint64  // outputs that one spike of the last neurons can reach through pooling
	first   *Stage  // nil where the input is pooled before it meets weights
	later   float64 // synaptic operations that one spike can cause at most behind the first layer of neurons
	stages  int
}

// NewInvariants derives the invariants of a network. Errors wrap [spike.ErrNetwork].
func NewInvariants(n *spike.Network) (*Invariants, error) {
	stages, err := Stages(n)
	if err != nil {
		return nil, err
	}
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	v := &Invariants{net: n, output: n.Input, most: uint8(n.Source.MaxCount()), covers: 1, stages: len(stages)}
	if len(n.Layers) > 0 {
		v.output = shapes[len(shapes)-1]
	}
	in, at := n.Input, 0
	for i, l := range n.Layers {
		switch l := l.(type) {
		case *spike.Neurons:
			v.most, v.covers = uint8(l.MaxCount()), 1
			v.neurons += uint64(shapes[i].Len())
			v.spikes += uint64(shapes[i].Len()) * uint64(v.most)
		case *spike.MaxPool2D:
			w, err := l.Window(in)
			if err != nil {
				return nil, fmt.Errorf("%w: layer %q: %v", spike.ErrNetwork, l.Name(), err)
			}
			rows, cols := w.Cover()
			v.covers *= uint64(largest(rows) * largest(cols))
		case *spike.Conv2D, *spike.Dense:
			if s := &stages[at]; at == 0 && in == n.Input && i == 0 {
				v.first = s
			} else if at > 0 {
				v.later = max(v.later, float64(v.covers)*float64(largest(s.FanRows)*largest(s.FanCols)*s.Out.C))
			}
			at++
		}
		in = shapes[i]
	}
	return v, nil
}

func largest(counts []int) int {
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	return most
}

// Check checks a run against the invariants. The error wraps [ErrImpossible]. If spikes were lost on the way, spike counts
// are not compared, since the host and the board have seen different spikes.
func (v *Invariants) Check(in, out spike.Train, stats spike.Stats, seen Telemetry) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrImpossible, fmt.Sprintf(format, args...))
	}
	var came uint64
	for _, n := range out.Counts {
		if n > v.most {
			return wrong("a neuron emitted %d spikes in a step, must be at most %d", n, v.most)
		}
		came += uint64(n)
	}
	passes := uint64(len(in.Counts) / v.net.Input.Len())
	if want := passes * v.neurons; stats.NeuronSteps != want {
		return wrong("%d neuron steps, expected %d", stats.NeuronSteps, want)
	}
	if most := passes * v.spikes; stats.Spikes > most {
		return wrong("%d spikes, must be at most %d", stats.Spikes, most)
	}
	if seen.Link.Lost() > 0 || v.stages == 0 {
		return nil
	}
	if came > stats.Spikes*v.covers {
		return wrong("%d spikes came out, but the neurons emitted only %d", came, stats.Spikes)
	}
	if v.first == nil {
		return nil
	}
	var first uint64 // that the input causes; along rows, the input is one map
	for i := range passes {
		first += v.first.SynapticOperations(in.Counts[int(i)*v.net.Input.Len():][:v.net.Input.Len()])
	}
	switch behind := stats.SynapticOperations - first; {
	case stats.SynapticOperations < first:
		return wrong("%d synaptic operations, but the input alone causes %d", stats.SynapticOperations, first)
	case v.stages == 1 && behind > 0 || float64(behind) > float64(stats.Spikes)*v.later:
		return wrong("%d synaptic operations, but the input causes %d, and %d spikes at most %.0f more", stats.SynapticOperations, first, stats.Spikes, float64(stats.Spikes)*v.later)
	}
	return nil
}
