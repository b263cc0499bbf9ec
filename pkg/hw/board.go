package hw

import (
	"context"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Board is a place where networks run. It is safe for concurrent use.
type Board interface {
	// A Runner that Compile gives is a [Program]; Compile is Place and Load.
	spike.Backend
	Capabilities() Capabilities
	// Place finds room for a network and turns its numbers into the board's. The error is a *[Refusal] when the board
	// cannot run the network, and wraps [spike.ErrNetwork] when no back end could.
	//
	// An emulator in this process, and an adapter whose toolchain has placed the network, take no hardware for it. A board
	// host does: it is sent the network, so that Place waits for its turn and makes this process the board's owner. Place
	// stops with the context's error.
	Place(context.Context, *spike.Network) (Placement, error)
	// Health says why the board cannot run anything at the moment, or nil.
	Health(context.Context) error
	// Close lets go of the board, after which everything but Name and Capabilities fails with ErrClosed.
	Close() error
}

// Placement is a network that fits a board.
type Placement interface {
	Report() Report
	Load(context.Context) (Program, error)
}

// Quantised is a Placement that knows what becomes of the network.
type Quantised interface {
	// Quantised is the network with the board's numbers, for the simulator, or nil where it has none. exact says that the
	// simulator then gives the board's spikes as long as no state saturates.
	Quantised() (n *spike.Network, exact bool)
}

// Quantise is the network that a placement of n runs, for the simulator, as [Quantised] has it: n itself where the
// placement is exact, and nil where nothing is known.
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
	// Measure is Run, and what the board can tell of it.
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

// Fidelity is how near a board is to silicon.
type Fidelity string

const (
	Silicon       Fidelity = "silicon"        // the chip itself
	ExactEmulator Fidelity = "exact_emulator" // the chip's arithmetic, integer for integer
	Approximate   Fidelity = "approximate"    // the chip's behaviour, not its numbers
	Float         Fidelity = "float"          // floating point: no chip's
)

// Capabilities is what a board can run.
type Capabilities struct {
	Fidelity Fidelity         `json:"fidelity"`
	Axes     []spike.Axis     `json:"axes"`
	Layers   []string         `json:"layers"` // as a model file names their types
	Dynamics []spike.Dynamics `json:"dynamics"`
	Resets   []spike.Reset    `json:"resets"`
	// Widths in bits; 0 is float32.
	WeightBits int `json:"weight_bits"`
	StateBits  int `json:"state_bits"`
	// MaxCount is the most spikes that an input can bring in one step.
	MaxCount int `json:"max_count"`
	// Graded says that its neurons that integrate and fire can do so several times a step. A remote host has no way to say
	// it: it never runs such neurons.
	Graded   bool `json:"-"`
	MaxSteps int  `json:"max_steps"`
	// Sizes are the limits that placing counts against; Used is 0.
	Sizes []Resource `json:"sizes,omitempty"`
}
