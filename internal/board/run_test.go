package board

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestTheQueueIsBounded: one run at a time, one that waits, and no more.
func TestTheQueueIsBounded(t *testing.T) {
	r := &rack{}
	s, _ := supervise(t, Options{Open: r.open, Queue: 1, Timeout: time.Minute, Failures: 1, Canary: -1})
	runner := compile(t, s)
	r.tell("hangs")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			n := hwtest.Network()
			in := hwtest.Input(n, 1)
			if _, err := runner.Run(ctx, in, hwtest.Output(t, n, in), spike.RunOptions{}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	until(t, "run that waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waiting == 1
	})
	if a := ask(t, runner, 1); a.kind != Busy {
		t.Errorf("the third: %v", a.err)
	}
	cancel()
	wg.Wait()
	time.Sleep(100 * time.Millisecond)
	if s.Status().State != Closed {
		t.Error("who is gone counts as the board's failure")
	}
}

// TestWhoWaitsForABoardThatHangsIsAnswered although the board takes the time of several runs until it is given up.
func TestWhoWaitsForABoardThatHangsIsAnswered(t *testing.T) {
	t.Parallel()
	r := &rack{}
	s, diary := supervise(t, Options{Open: r.open, Fallback: Request, Timeout: time.Second, Failures: 100, Canary: -1})
	runner := compile(t, s)
	r.tell("hangs")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n := hwtest.Network()
			in := hwtest.Input(n, 1)
			_, a, err := runner.(hw.Accountant).Account(ctx, in, hwtest.Output(t, n, in), spike.RunOptions{})
			if err != nil || a.Backend != "simulator" {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	wg.Wait()
	diary.read(func() {
		if diary.failures[Busy] == 0 || diary.failures[TimedOut] == 0 {
			t.Errorf("%v", diary.failures)
		}
	})
}

// TestWhoDoesNotWaitHidesNoBoardThatHangs: requests that are given up before the board's time is over count all the same.
func TestWhoDoesNotWaitHidesNoBoardThatHangs(t *testing.T) {
	t.Parallel()
	r := &rack{}
	s, _ := supervise(t, Options{Open: r.open, Timeout: 200 * time.Millisecond, Failures: 2, Retry: time.Hour, Canary: -1})
	runner := compile(t, s)
	r.tell("hangs")
	until(t, "open breaker", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		n := hwtest.Network()
		in := hwtest.Input(n, 1)
		if _, err := runner.Run(ctx, in, hwtest.Output(t, n, in), spike.RunOptions{}); err == nil {
			t.Error("a board that hangs has answered")
		}
		return s.Status().State == Open
	})
}
