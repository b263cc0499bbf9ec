package board

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// session is one connection to the board, with the network on it.
type session struct {
	board   hw.Board
	program hw.Program
	holds   *hw.Invariants
	slots   chan struct{} // one element for each run
	over    chan struct{} // closed when no more runs are taken
	silent  chan struct{} // closed when it has been silent for too long

	mu    sync.Mutex
	ended bool
	runs  sync.WaitGroup

	asked   int         // runs that are out; needs the supervisor's mu, as what follows
	silence *time.Timer // since the first of them without a sign of life; nil without any
}

// answer is what a run came to.
type answer struct {
	out   []uint8
	stats spike.Stats
	seen  hw.Telemetry
	rec   *spike.Recorder
	err   error
	on    *session
	late  bool // and nothing else is known
}

// end takes no more runs. Once those are over that there were, and the board is closed, done is called.
func (s *session) end(done func()) {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	close(s.over)
	go func() {
		_ = guard(s.board.Close) // there is nothing to do about a board that is lost anyway
		s.runs.Wait()
		done()
	}()
}

// start runs the train in a goroutine of its own, on memory of its own: a run that hangs or comes late has nothing that
// it could spoil. The caller holds a slot, which is given back when the run ends. If that is not until patience is over,
// the answer is late. judge is called with the answer before it is given, whoever still waits for it then.
func (s *session) start(ctx context.Context, in, out spike.Train, rasters *spike.Recorder, patience time.Duration, judge func(answer)) <-chan answer {
	in.Counts, out.Counts = slices.Clone(in.Counts), make([]uint8, len(out.Counts))
	result := make(chan answer, 1)
	give := func(a answer) {
		judge(a)
		result <- a
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		<-s.slots
		give(answer{err: errOver})
		return result
	}
	defer s.mu.Unlock()
	timer := time.AfterFunc(patience, func() { give(answer{late: true}) })
	s.runs.Go(func() {
		a := answer{out: out.Counts}
		if rasters != nil {
			a.rec = &spike.Recorder{Rasters: rasters.Rasters}
		}
		a.err = guard(func() (err error) {
			a.stats, a.seen, err = s.program.Measure(ctx, in, out, spike.RunOptions{Recorder: a.rec})
			return err
		})
		a.stats.Saturated = a.seen.Saturated
		if a.err == nil {
			a.err = s.holds.Check(in, out, a.stats, a.seen)
		}
		<-s.slots
		if timer.Stop() {
			give(a)
		}
	})
	return result
}

// errOver is the error of a run that has come to its turn as the session ended.
var errOver = errors.New("the connection is over")

// guard makes an error of a panic.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return f()
}

// patience is how long a run may last before it counts as stuck. A board that respects its context has ended it by then.
func patience(timeout time.Duration) time.Duration { return timeout + timeout/4 }
