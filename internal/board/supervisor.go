package board

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Supervisor is a back end that looks after a board with a network on it. It is safe for concurrent use.
type Supervisor struct {
	opt    Options
	net    *spike.Network
	output spike.Shape

	ctx   context.Context // of all that is done in the background
	stop  context.CancelFunc
	owner chan struct{} // full while the board is held: by an attempt to connect, or by a session until all of its runs have ended
	wake  chan struct{} // the state is another
	due   chan struct{} // there were enough answers for a canary
	work  sync.WaitGroup

	mu        sync.Mutex
	breaker   *breaker
	detail    error    // why it is not closed
	session   *session // while it is
	reached   bool     // there has been a session
	waiting   int
	placement *hw.Report       // of the board, once it has placed the network
	planned   []hw.LayerReport // of a placement without the board, until there is one
	reference spike.Runner     // the quantised network on the simulator; nil where it is not known
	exact     bool             // and gives the board's spikes as long as no state saturates
	canary    *canary
	credit    float64 // of Options.Check; an answer is computed again at 1
	answers   int     // since the last canary
}

// New returns a supervisor that has not connected to its board yet; Compile does that, once. Its background work uses the
// context's values, but only Close ends it.
func New(ctx context.Context, o Options) (*Supervisor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Supervisor{
		opt: o, breaker: newBreaker(o.Failures, o.Retry),
		owner: make(chan struct{}, 1), wake: make(chan struct{}, 1), due: make(chan struct{}, 1),
	}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// Name is the one that the supervisor was given.
func (s *Supervisor) Name() string { return s.opt.Name }

// Taken reports whether the supervisor has a network.
func (s *Supervisor) Taken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.net != nil
}

// Status is how a board is.
type Status struct {
	Name  string
	State State
	// Answers says that requests are answered, by the board or by the simulator instead.
	Answers bool
}

// Status is how the board is now.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{s.opt.Name, s.breaker.state, s.net != nil && (s.session != nil || s.fallsBack())}
}

// Compile connects to the board, loads the network onto it and tries the canary. The error is the board's *[hw.Refusal], or
// an *[Error] if the board cannot be used and there is no fallback. If the context ends, Compile stops and returns an error
// under every fallback. A supervisor takes one network, once.
func (s *Supervisor) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	taken := s.net != nil
	if !taken {
		s.net, s.output = n, n.Input
		if len(shapes) > 0 {
			s.output = shapes[len(shapes)-1]
		}
	}
	s.mu.Unlock()
	if taken {
		return nil, fmt.Errorf("board %s has a network already", s.opt.Name)
	}
	s.owner <- struct{}{}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // Close
	made, err := s.attempt(ctx)
	if err == nil {
		s.begin(made)
	} else if err := s.without(ctx, err); err != nil {
		return nil, err
	}
	s.work.Go(s.mind)
	return s, nil
}

func (s *Supervisor) tell(f func(Watcher)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tellLocked(f)
}

func (s *Supervisor) tellLocked(f func(Watcher)) {
	if s.opt.Watcher != nil {
		f(s.opt.Watcher)
	}
}

// Close releases the board and waits until it is free, at most as long as a run may last.
func (s *Supervisor) Close() error {
	s.stop()
	s.mu.Lock()
	if s.session != nil {
		s.retire(s.session)
		s.session = nil
	}
	s.mu.Unlock()
	over := make(chan struct{})
	go func() {
		s.work.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-time.After(patience(s.opt.Timeout)):
		return &Error{s.opt.Name, TimedOut, errors.New("its last run has not ended")}
	}
}
