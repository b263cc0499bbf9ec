package hw

import (
	"context"
	"time"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Telemetry is what a board tells of one run beside its spikes. What it did not measure is nil.
type Telemetry struct {
	// BoardSteps is the steps that the board took: a pipeline of layers takes some more than the network has.
	BoardSteps int `json:"board_steps"`
	// Saturated counts currents and membrane potentials that ran into the end of their range. With any, the spikes may
	// differ from those of a wider state.
	Saturated uint64 `json:"saturated"`
	// Link is nil where spikes travel to the board and back without loss.
	Link       *Link          `json:"link,omitempty"`
	Energy     *float64       `json:"energy_joules,omitempty"`
	DeviceTime *time.Duration `json:"device_time_ns,omitempty"`
}

// Link is what became of spikes on a network that loses some. With anything but zeros, the answer is not the one that the
// board would have given.
type Link struct {
	// LostIn counts spikes that the board never had, LostOut packets of spikes that it sent and that never came.
	LostIn  uint64 `json:"lost_in"`
	LostOut uint64 `json:"lost_out"`
	// Late counts spikes that entered the network in another step than their own, or came back after their step was told.
	Late uint64 `json:"late"`
	// Idle counts the steps that the board took while it waited for spikes.
	Idle uint64 `json:"idle"`
	// Foreign counts packets and spikes that belong to nothing in the network.
	Foreign uint64 `json:"foreign"`
}

// Lost counts the spikes, or packets of them, that were lost, late or foreign on the way to the board and back: 0 where l is
// nil.
func (l *Link) Lost() uint64 {
	if l == nil {
		return 0
	}
	return l.LostIn + l.LostOut + l.Late + l.Foreign
}

// Account says who gave the spikes of a run, and what the board told of it.
type Account struct {
	// Backend gave the spikes. Degraded says, in a word, why it was not the one that was asked; it is empty where it was.
	Backend, Degraded string
	// Telemetry is the board's, and zero where the answer is degraded.
	Telemetry
}

// Accountant is a runner behind which one of several may run: a board, or what stands in for it.
type Accountant interface {
	spike.Runner
	// Account is Run, and who ran.
	Account(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, Account, error)
}
