package spike

import "context"

// Backend turns networks into runners. It is the simulator or hardware.
type Backend interface {
	// Name is short and stable; answers and metrics show it.
	Name() string
	// Compile prepares a network to run, or says which layer the back end cannot run and why. If the context ends while the
	// back end waits for something, Compile stops with the context's error.
	Compile(context.Context, *Network) (Runner, error)
}

// Runner runs one network. It is safe for concurrent use.
type Runner interface {
	// Run takes the spikes in and fills out, whose counts the caller has allocated: one map along Rows; along Steps as many
	// steps as in has, which may be fewer than the network's. Every run starts from the starting voltages.
	//
	// It stops with the context's error between two steps (Rows: between two layers).
	Run(ctx context.Context, in, out Train, opt RunOptions) (Stats, error)
}

// RunOptions are what a caller may ask of a run besides its spikes.
type RunOptions struct {
	// Recorder, if not nil, records every layer's spikes.
	Recorder *Recorder
	// OnStep, if not nil, is called after each step of the axis Steps, from 0, with that step's output. An error stops
	// the run and is returned as it is. Along Rows it is not called.
	OnStep func(step int, counts []uint8) error
}

// Stats are the totals of a run.
type Stats struct {
	Spikes uint64 // spikes emitted
	// SynapticOperations: a neuron that fires in a step sends one message, whatever its count, and the message counts as one
	// operation for each connection that it reaches.
	SynapticOperations uint64
	NeuronSteps        uint64 // neurons, each counted once a step
	Clipped            uint64 // times that a SpikingReLU had more than 255 spikes to emit and kept the rest
	// Saturated counts currents and membrane potentials that reached the end of their range. On the simulator it is 0.
	Saturated uint64
}

// Add adds the counts of another run.
func (s *Stats) Add(o Stats) {
	s.Spikes += o.Spikes
	s.SynapticOperations += o.SynapticOperations
	s.NeuronSteps += o.NeuronSteps
	s.Clipped += o.Clipped
	s.Saturated += o.Saturated
}

// Rate is the mean number of spikes a neuron emits in a step.
func (s Stats) Rate() float64 {
	if s.NeuronSteps == 0 {
		return 0
	}
	return float64(s.Spikes) / float64(s.NeuronSteps)
}
