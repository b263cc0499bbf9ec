package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Options say which board a supervisor runs and how. Name, Open and Log are required. The zero value of any other field
// stands for the default named beside it.
type Options struct {
	Name string
	// Open connects to the board; it is called again after each loss, once the board before has been closed.
	Open func(context.Context) (hw.Board, error)
	// Plan places a network without the board, where that can be done: then the quantised network is known when the
	// board is not there.
	Plan func(context.Context, *spike.Network) (hw.Placement, error)

	Fallback Fallback // Off
	Runs     int      // at a time on the board: 1
	Queue    int      // that may wait for it: 16; none if below 0
	// Timeout bounds a run: 10 s. One that has passed it holds the board until it ends.
	Timeout time.Duration
	// StartTimeout bounds connecting, placing, loading and the first canary: 1 min.
	StartTimeout time.Duration
	// Failures in a row open the breaker: 3.
	Failures int
	// Silence is how long a board may go without any answer, while runs are under way, before the breaker opens: 1.5 times
	// Timeout. It bounds how long requests wait for a board that hangs, whatever Failures is.
	Silence time.Duration
	// Retry is how long an open breaker waits to try the canary, twice as long after each failure up to 16 times: 5 s.
	Retry time.Duration
	// Canary is how often the canary is tried while the board works: 1 min; never if below 0.
	Canary time.Duration
	// CanaryAnswers is after how many answers it is tried as well: 100; never if below 0.
	CanaryAnswers int
	// Check is the share of the answers that are computed again on the simulator, where the board's network is known
	// exactly: all. None if below 0.
	Check float64
	// Tolerance is the share of the canary's spikes that may be too many or too few: 0.
	Tolerance float64
	// Kernel is the processor tier of the simulator beside the board, as [spike.Simulator] has it: the preferred one.
	Kernel string

	Log     *slog.Logger
	Watcher Watcher // may be nil
}

func (o Options) withDefaults() (Options, error) {
	or := func(field *time.Duration, standard time.Duration) {
		if *field == 0 {
			*field = standard
		}
	}
	or(&o.Timeout, 10*time.Second)
	or(&o.Silence, o.Timeout+o.Timeout/2)
	or(&o.StartTimeout, time.Minute)
	or(&o.Retry, 5*time.Second)
	or(&o.Canary, time.Minute)
	if o.Fallback == "" {
		o.Fallback = Off
	}
	if o.Queue == 0 {
		o.Queue = 16
	}
	o.Queue = max(o.Queue, 0)
	if o.Runs == 0 {
		o.Runs = 1
	}
	if o.CanaryAnswers == 0 {
		o.CanaryAnswers = 100
	}
	if o.Check == 0 {
		o.Check = 1
	}
	if o.Failures == 0 {
		o.Failures = 3
	}
	switch {
	case o.Name == "" || o.Open == nil || o.Log == nil:
		return o, errors.New("board: Name, Open and Log must be given")
	case o.Kernel != "" && !slices.Contains(spike.Kernels(), o.Kernel):
		return o, fmt.Errorf("board: %w: %q, must be one of %s", spike.ErrKernel, o.Kernel, strings.Join(spike.Kernels(), ", "))
	case o.Fallback != Off && o.Fallback != Start && o.Fallback != Request:
		return o, fmt.Errorf("board: unknown fallback %q, must be %s, %s or %s", o.Fallback, Off, Start, Request)
	case o.Runs < 1 || o.Failures < 1 || o.Timeout < 0 || o.Silence < 0 || o.StartTimeout < 0 || o.Retry < 0 || !(o.Check <= 1) || !(o.Tolerance >= 0 && o.Tolerance < 1):
		return o, errors.New("board: runs, failures and times must be above 0, and the canary's tolerance and the share checked 0 to 1")
	}
	return o, nil
}

// simulator checks the board's answers and answers instead of it.
func (o Options) simulator() spike.Simulator { return spike.Simulator{Kernel: o.Kernel} }
