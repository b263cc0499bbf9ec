package board

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Run runs the train on the board, or on the simulator if the fallback allows it. If the board does not answer, the error
// is an *[Error]. OnStep is called only after the board has taken all steps.
func (s *Supervisor) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	stats, _, err := s.Account(ctx, in, out, opt)
	return stats, err
}

// Account is Run, and also returns which back end computed the spikes. It makes a supervisor a [hw.Accountant].
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
	if !s.breaker.allow() {
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
	if s.breaker.state == Quarantined {
		kind = Untrusted
	}
	s.tellLocked(func(w Watcher) { w.Failed(kind) })
	return &Error{s.opt.Name, kind, s.detail}
}
