package hw

import (
	"context"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Board runs networks. It is safe for concurrent use.
type Board interface {
	// A Runner that Compile gives is a [Program]; Compile is Place and Load.
	spike.Backend
	Capabilities() Capabilities
	// Place finds room for a network and converts its numbers to the board's. The error is a *[Refusal] when the board
	// cannot run the network, and wraps [spike.ErrNetwork] when no back end could.
	//
	// Place needs no hardware for an emulator in this process, nor for an adapter whose toolchain has already placed the
	// network. A board host needs it: the network is sent to the host, so Place waits for its turn and makes this process
	// the board's owner. If the context ends, Place stops with the context's error.
	Place(context.Context, *spike.Network) (Placement, error)
	// Health is nil, or the reason why the board cannot run anything at the moment.
	Health(context.Context) error
	// Close releases the board. After that, every method but Name and Capabilities fails with ErrClosed.
	Close() error
}

// Placement is a network that fits a board.
type Placement interface {
	Report() Report
	Load(context.Context) (Program, error)
}

// Quantised is a Placement that knows the network as the board runs it.
type Quantised interface {
	// Quantised returns the network with the board's numbers, to run on the simulator, or nil if it is not known. If exact
	// is true, the simulator gives the board's spikes as long as no state saturates.
	Quantised() (n *spike.Network, exact bool)
}

// Quantise returns the network that a placement of n runs, as [Quantised] does: n itself if the placement is exact, and
// nil if the network is not known.
func Quantise(n *spike.Network, p Placement) (quantised *spike.Network, exact bool) {
	if p.Report().Exact {
		return n, true
	}
	if q, ok := p.(Quantised); ok {
		return q.Quantised()
	}
	return nil, false
}

// Program is a network loaded onto a board.
type Program interface {
	spike.Runner
	Report() Report
	// Measure is Run, and also returns what the board reports about the run.
	Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, Telemetry, error)
}

// Compile is [spike.Backend.Compile] for a board.
func Compile(ctx context.Context, b Board, n *spike.Network) (spike.Runner, error) {
	p, err := b.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	program, err := p.Load(ctx)
	if err != nil { // not the nil Program in an interface
		return nil, err
	}
	return program, nil
}

// Fidelity says how close a board is to silicon.
type Fidelity string

const (
	Silicon       Fidelity = "silicon"        // the chip itself
	ExactEmulator Fidelity = "exact_emulator" // the chip's arithmetic, integer for integer
	Approximate   Fidelity = "approximate"    // the chip's behaviour, not its numbers
	Float         Fidelity = "float"          // floating point: no chip's
)

// Capabilities describe what a board can run.
type Capabilities struct {
	Fidelity Fidelity         `json:"fidelity"`
	Axes     []spike.Axis     `json:"axes"`
	Layers   []string         `json:"layers"` // as a model file names their types
	Dynamics []spike.Dynamics `json:"dynamics"`
	Resets   []spike.Reset    `json:"resets"`
	// Widths in bits; 0 is float32.
	WeightBits int `json:"weight_bits"`
	StateBits  int `json:"state_bits"`
	// MaxCount is the largest number of spikes that an input can have in one step.
	MaxCount int `json:"max_count"`
	// Graded says that integrate-and-fire neurons can send graded spikes. It is not part of the protocol of a remote host,
	// which never runs such neurons.
	Graded   bool `json:"-"`
	MaxSteps int  `json:"max_steps"`
	// Sizes are the board's limits for placing; their Used is 0.
	Sizes []Resource `json:"sizes,omitempty"`
}
