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

// Supervisor is a back end: a board with a network on it, looked after. It is safe for concurrent use.
type Supervisor struct {
	opt    Options
	net    *spike.Network
	output spike.Shape

	ctx   context.Context // of all that is done in the background
	stop  context.CancelFunc
	owner chan struct{} // full while the board is held: by an attempt to connect, by a session until all of it is over
	wake  chan struct{} // the state is another
	due   chan struct{} // there were enough answers for a canary
	work  sync.WaitGroup

	mu        sync.Mutex
	state     State
	detail    error    // why it is not Closed
	session   *session // while Closed
	reached   bool     // there has been a session
	failures  int      // in a row
	waiting   int
	placement *hw.Report       // of the board, once it has placed the network
	planned   []hw.LayerReport // of a placement without the board, until there is one
	reference spike.Runner     // the quantised network on the simulator; nil where it is not known
	exact     bool             // and gives the board's spikes as long as no state saturates
	canary    *canary
	credit    float64 // of Options.Check; an answer is computed again at 1
	answers   int     // since the last canary
}

// New gives a supervisor that has not looked for its board yet: Compile does, once. What it does in the background has the
// context's values, and ends with Close alone.
func New(ctx context.Context, o Options) (*Supervisor, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Supervisor{opt: o, state: Open, owner: make(chan struct{}, 1), wake: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// Name is the one that the supervisor was given.
func (s *Supervisor) Name() string { return s.opt.Name }

// Taken says whether the supervisor has a network.
func (s *Supervisor) Taken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.net != nil
}

// Status is how a board is.
type Status struct {
	Name  string
	State State
	// Answers says that requests are answered, by the board or in its place.
	Answers bool
}

// Status is how the board is now.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{s.opt.Name, s.state, s.net != nil && (s.session != nil || s.fallsBack())}
}

// fallsBack needs mu.
func (s *Supervisor) fallsBack() bool {
	return s.reference != nil && (s.opt.Fallback == Request || s.opt.Fallback == Start && !s.reached)
}

// Compile connects to the board, puts the network onto it and tries the canary. The error is the board's *[hw.Refusal],
// or an *[Error] where the board cannot be used and no fallback answers for it. The end of the context ends the search, and
// is an error under every fallback. It takes one network, once.
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

// attempt makes a session whose canary is right. The board is held, from now on by the session.
func (s *Supervisor) attempt(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.StartTimeout)
	defer cancel()
	type connected struct {
		*session
		err error
	}
	result := make(chan connected, 1)
	s.work.Go(func() {
		var c connected
		c.err = guard(func() (err error) {
			c.session, err = s.connect(ctx)
			return err
		})
		if c.err != nil {
			<-s.owner
		}
		result <- c
	})
	var c connected
	ended := make(chan struct{}) // and what heeds that has said what it waited for
	defer context.AfterFunc(ctx, func() { time.AfterFunc(heed, func() { close(ended) }) })()
	select {
	case c = <-result:
	case <-ended:
		s.work.Go(func() {
			if c := <-result; c.session != nil {
				s.retire(c.session)
			}
		})
		return nil, fmt.Errorf("connecting: %w", ctx.Err())
	}
	if c.err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("connecting: %w", c.err)
	} else if c.err != nil {
		return nil, c.err
	}
	c.slots <- struct{}{}
	if err := s.try(ctx, c.session, s.opt.StartTimeout, func() {}); err != nil {
		s.retire(c.session)
		return nil, err
	}
	return c.session, nil
}

// heed is how long after the end of its context a board may take to say what it waited for.
const heed = time.Second

// retire ends a session; the board is free once all of it is over.
func (s *Supervisor) retire(old *session) {
	s.work.Add(1)
	old.end(func() {
		<-s.owner
		s.work.Done()
	})
}

// try shows a session the canary; the caller holds a slot. A wrong answer is a *wrongError.
func (s *Supervisor) try(ctx context.Context, on *session, timeout time.Duration, stuck func()) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s.asks(on)
	a := <-on.start(ctx, s.canary.in, s.canary.out, nil, patience(timeout), func(a answer) {
		s.hears(on, a)
		if a.late {
			stuck()
		}
	})
	switch {
	case a.late:
		return errStuck
	case a.err != nil && !errors.Is(a.err, hw.ErrImpossible):
		return a.err
	case a.err == nil:
		a.err = s.canary.check(a.out, a.stats.Saturated, s.opt.Tolerance)
	}
	s.tell(func(w Watcher) { w.Canary(a.err == nil) })
	if a.err != nil {
		return &wrongError{a.err}
	}
	return nil
}

// patience is how long a run may last until it counts as stuck: a board that heeds its context has ended it by then.
func patience(timeout time.Duration) time.Duration { return timeout + timeout/4 }

// Run has the board run the train, or the simulator where the fallback is such. What keeps the board from it is an
// *[Error]. The steps are told of once the board has taken all of them.
func (s *Supervisor) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	stats, _, err := s.Account(ctx, in, out, opt)
	return stats, err
}

// Account is Run, and who gave the spikes. It makes a supervisor a [hw.Accountant].
func (s *Supervisor) Account(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Account, error) {
	steps, err := s.fit(in, out)
	if err != nil {
		return spike.Stats{}, hw.Account{}, err
	}
	a, err := s.ask(ctx, in, out, opt.Recorder)
	if err == nil {
		err = s.recompute(ctx, in, a)
	}
	var lost *Error
	switch {
	case errors.As(err, &lost):
		s.mu.Lock()
		reference, falls := s.reference, s.fallsBack()
		s.mu.Unlock()
		if !falls {
			return spike.Stats{}, hw.Account{}, err
		}
		stats, err := reference.Run(ctx, in, out, opt)
		return stats, hw.Account{Backend: spike.Simulator{}.Name(), Degraded: string(lost.Kind)}, err
	case err != nil:
		return spike.Stats{}, hw.Account{}, err
	}
	copy(out.Counts, a.out)
	if opt.Recorder != nil {
		opt.Recorder.Layers = append(opt.Recorder.Layers, a.rec.Layers...)
	}
	account := hw.Account{Backend: a.on.board.Name(), Telemetry: a.seen}
	if opt.OnStep == nil || s.net.Axis == spike.Rows {
		return a.stats, account, nil
	}
	size := s.output.Len()
	for t := range steps {
		if err := ctx.Err(); err != nil {
			return a.stats, account, err
		}
		if err := opt.OnStep(t, out.Counts[t*size:][:size:size]); err != nil {
			return a.stats, account, err
		}
	}
	return a.stats, account, nil
}

// fit says whether trains are the network's, and for how many steps.
func (s *Supervisor) fit(in, out spike.Train) (int, error) {
	if s.net.Axis == spike.Steps {
		return hw.CheckTrains(s.net, s.output, in, out)
	}
	if in.Shape != s.net.Input || len(in.Counts) != s.net.Input.Len() || len(out.Counts) != s.output.Len() {
		return 0, fmt.Errorf("board: %d counts of shape %v in and %d out do not fit the network", len(in.Counts), in.Shape, len(out.Counts))
	}
	return 1, nil
}

// ask gives the board's answer. What the board did wrong is an *Error; the context's error is the context's. A run that
// nobody waits for any more has the time that others have, since a board that hangs is known by no other sign.
func (s *Supervisor) ask(ctx context.Context, in, out spike.Train, rec *spike.Recorder) (answer, error) {
	var a answer
	var err error
	if why := waiting(ctx, func() { a, err = s.asked(ctx, in, out, rec) }); why != nil {
		return answer{}, why
	}
	return a, err
}

// asked is ask, without a word of who waits.
func (s *Supervisor) asked(ctx context.Context, in, out spike.Train, rec *spike.Recorder) (answer, error) {
	on, err := s.turn(ctx)
	if err != nil {
		return answer{}, err
	}
	s.asks(on)
	running, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.Timeout)
	result := on.start(running, in, out, rec, patience(s.opt.Timeout), func(a answer) {
		cancel()
		s.hears(on, a)
		if err := a.failure(); err != nil {
			s.lose(on, kindOf(err), err)
		} else {
			s.well(on)
			s.answered()
		}
	})
	select {
	case a := <-result:
		a.on = on
		if err := a.failure(); err != nil {
			return a, &Error{s.opt.Name, kindOf(err), err}
		}
		return a, nil
	case <-on.silent:
		return answer{}, &Error{s.opt.Name, TimedOut, errSilent}
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
}

func (a answer) failure() error {
	if a.late {
		return errStuck
	}
	return a.err
}

var errStuck = errors.New("the run does not end")

// turn waits for a slot of the session, no longer than a run may take.
func (s *Supervisor) turn(ctx context.Context) (*session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	on := s.session
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return nil, hw.ErrClosed
	}
	if on == nil {
		defer s.mu.Unlock()
		return nil, s.refuse()
	}
	select {
	case on.slots <- struct{}{}:
		s.mu.Unlock()
		return on, nil
	default:
	}
	if s.waiting >= s.opt.Queue {
		defer s.mu.Unlock()
		s.tellLocked(func(w Watcher) { w.Failed(Busy) })
		return nil, &Error{s.opt.Name, Busy, nil}
	}
	s.waiting++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.waiting--
		s.mu.Unlock()
	}()
	waited := time.NewTimer(s.opt.Timeout)
	defer waited.Stop()
	select {
	case on.slots <- struct{}{}:
		return on, nil
	case <-waited.C:
		s.tell(func(w Watcher) { w.Failed(Busy) })
		return nil, &Error{s.opt.Name, Busy, nil}
	case <-on.over:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ctx.Err() != nil {
			return nil, hw.ErrClosed
		}
		return nil, s.refuse()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refuse is the error of a request that the board is not asked. It needs mu.
func (s *Supervisor) refuse() error {
	kind := Unavailable
	if s.state == Quarantined {
		kind = Untrusted
	}
	s.tellLocked(func(w Watcher) { w.Failed(kind) })
	return &Error{s.opt.Name, kind, s.detail}
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

// Close lets go of the board and waits until it is free, as long as a run may last.
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
		return &Error{s.opt.Name, TimedOut, errors.New("it does not let go of its last run")}
	}
}
