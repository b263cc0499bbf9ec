package board

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

// attempt connects and returns a session that has answered the canary correctly. The session then holds the board.
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
	ended := make(chan struct{}) // heed after the context: the board has had time to say what it waited for
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

// heed is how long a board may take, after the end of its context, to return an error that says what it waited for.
const heed = time.Second

// connect opens the board and loads the network onto it.
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

// retire ends a session. The board is free once all of the session's runs have ended.
func (s *Supervisor) retire(old *session) {
	s.work.Add(1)
	old.end(func() {
		<-s.owner
		s.work.Done()
	})
}
