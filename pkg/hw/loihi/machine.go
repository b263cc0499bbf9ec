package loihi

import "fmt"

// machineLayer is a layer of synapses and the neurons that they drive.
type machineLayer struct {
	Synapses layerSynapses
	Neurons  *lif
	// Start is the membrane potentials before the first step, [Neurons]; nil for zeros.
	Start []int32
}

// machine is a chain of layers that take their steps side by side, as on the chip: what a layer's synapses take in at a
// step reaches its neurons at the next. A spike train of T steps is through L layers after T+L.
type machine struct{ layers []machineLayer }

// newMachine checks that the layers fit one another.
func newMachine(layers ...machineLayer) (*machine, error) {
	if len(layers) == 0 {
		return nil, fmt.Errorf("loihi: no layers")
	}
	for i, l := range layers {
		if err := l.Neurons.check(); err != nil {
			return nil, err
		}
		if l.Synapses.Outputs() != l.Neurons.Neurons || l.Start != nil && len(l.Start) != l.Neurons.Neurons {
			return nil, fmt.Errorf("loihi: layer %d: %d neurons behind synapses for %d", i, l.Neurons.Neurons, l.Synapses.Outputs())
		}
		if i > 0 && l.Synapses.Inputs() != layers[i-1].Neurons.Neurons {
			return nil, fmt.Errorf("loihi: layer %d takes %d spikes, %d come", i, l.Synapses.Inputs(), layers[i-1].Neurons.Neurons)
		}
	}
	return &machine{layers}, nil
}

// machineState is the memory of one run.
type machineState struct {
	machine *machine
	layers  []layerState
	// Saturated counts the activations, currents and membrane potentials that left their range since Reset.
	Saturated uint64
}

type layerState struct{ activation, u, v, spikes []int32 }

// NewState allocates the memory of a run and resets it.
func (m *machine) NewState() *machineState {
	s := &machineState{machine: m}
	for _, l := range m.layers {
		n := l.Neurons.Neurons
		all := make([]int32, 4*n)
		s.layers = append(s.layers, layerState{all[:n:n], all[n : 2*n : 2*n], all[2*n : 3*n : 3*n], all[3*n:]})
	}
	s.Reset()
	return s
}

// Reset empties the synapses' buffers and sets the neurons to their start.
func (s *machineState) Reset() {
	s.Saturated = 0
	for i := range s.layers {
		l := &s.layers[i]
		clear(l.activation)
		clear(l.u)
		clear(l.v)
		copy(l.v, s.machine.layers[i].Start)
		clear(l.spikes)
	}
}

// Step takes one step with the spikes in. Spikes returns each layer's output.
func (s *machineState) Step(in []int32) {
	for i := range s.layers {
		l, state := &s.machine.layers[i], &s.layers[i]
		s.Saturated += l.Neurons.step(state.spikes, state.u, state.v, state.activation)
		s.Saturated += l.Synapses.activate(state.activation, in)
		in = state.spikes
	}
}

// Spikes are the spikes of a layer's neurons in the last step, 0 or 1 each. The slice belongs to the state.
func (s *machineState) Spikes(layer int) []int32 { return s.layers[layer].spikes }
