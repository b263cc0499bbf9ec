package hw

import (
	"context"
	"time"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Telemetry is what a board reports about one run besides its spikes. What it did not measure is nil.
type Telemetry struct {
	// BoardSteps counts the steps that the board took: a pipeline of layers takes a few more than the network has.
	BoardSteps int `json:"board_steps"`
	// Saturated counts currents and membrane potentials that reached the end of their range. If it is not 0, the spikes may
	// differ from those of an unlimited state.
	Saturated uint64 `json:"saturated"`
	// Link is nil if spikes travel to the board and back without loss.
	Link       *Link          `json:"link,omitempty"`
	Energy     *float64       `json:"energy_joules,omitempty"`
	DeviceTime *time.Duration `json:"device_time_ns,omitempty"`
}

// Link counts what happened to spikes on a connection that can lose them. If any count is not 0, the answer is not the one
// that the board would have given over a perfect connection.
type Link struct {
	// LostIn counts spikes that never reached the board, LostOut packets of spikes from the board that never arrived.
	LostIn  uint64 `json:"lost_in"`
	LostOut uint64 `json:"lost_out"`
	// Late counts spikes that entered the network in the wrong step, or came back after their step had been reported.
	Late uint64 `json:"late"`
	// Idle counts the steps that the board took while it waited for spikes.
	Idle uint64 `json:"idle"`
	// Foreign counts packets and spikes that do not belong to the network.
	Foreign uint64 `json:"foreign"`
}

// Lost is the sum of LostIn, LostOut, Late and Foreign; 0 if l is nil.
func (l *Link) Lost() uint64 {
	if l == nil {
		return 0
	}
	return l.LostIn + l.LostOut + l.Late + l.Foreign
}

// Account says which back end computed the spikes of a run, and what the board reported about it.
type Account struct {
	// Backend computed the spikes. Degraded is a word for why the board did not; it is empty if the board did.
	Backend, Degraded string
	// Telemetry is the board's; it is zero if the answer is degraded.
	Telemetry
}

// Accountant is a runner that can say which back end computed its answer: a board, or the simulator in its place.
type Accountant interface {
	spike.Runner
	// Account is Run, and also returns the Account of the run.
	Account(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, Account, error)
}
