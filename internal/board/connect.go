package board

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

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

// connect opens the board and puts the network onto it.
func (s *Supervisor) connect(ctx context.Context) (made *session, err error) {
	b, err := s.opt.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if made == nil {
			err = errors.Join(err, b.Close())
		}
	}()
	placed, err := b.Place(ctx, s.net)
	if err != nil {
		return nil, err
	}
	if err := s.plan(ctx, placed, b); err != nil {
		return nil, err
	}
	program, err := placed.Load(ctx)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // nobody waits any more
		return nil, err
	}
	holds, err := hw.NewInvariants(s.net)
	if err != nil {
		return nil, err
	}
	return &session{
		board: b, program: program, holds: holds, slots: make(chan struct{}, s.opt.Runs), over: make(chan struct{}), silent: make(chan struct{}),
	}, nil
}

// retire ends a session; the board is free once all of it is over.
func (s *Supervisor) retire(old *session) {
	s.work.Add(1)
	old.end(func() {
		<-s.owner
		s.work.Done()
	})
}
