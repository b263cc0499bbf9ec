package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// block is a task that runs until release is closed.
func block(release <-chan struct{}) Task {
	return Task{Run: func(context.Context, time.Duration) error { <-release; return nil }}
}

func TestQueueRunsAsManyAsItHasWorkers(t *testing.T) {
	q := NewQueue(3, 100)
	var running, most atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := q.Do(context.Background(), Task{Run: func(context.Context, time.Duration) error {
				now := running.Add(1)
				defer running.Add(-1)
				for {
					seen := most.Load()
					if now <= seen || most.CompareAndSwap(seen, now) {
						break
					}
				}
				time.Sleep(time.Millisecond)
				return nil
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 3 {
		t.Errorf("%d ran at a time, want 3", most.Load())
	}
	if q.Busy() != 0 || q.Depth() != 0 {
		t.Errorf("%d busy and %d waiting after the end", q.Busy(), q.Depth())
	}
}

func TestQueueRefusesWhatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 2)
		release := make(chan struct{})
		for range 2 {
			go q.Do(t.Context(), block(release))
		}
		synctest.Wait()
		if q.Busy() != 1 || q.Depth() != 1 {
			t.Errorf("%d busy and %d waiting, want 1 and 1", q.Busy(), q.Depth())
		}
		// One place is left: two tasks together do not fit, one does.
		if _, err := q.Do(t.Context(), block(release), block(release)); !errors.Is(err, ErrQueueFull) {
			t.Errorf("two into one place: %v", err)
		}
		go q.Do(t.Context(), block(release))
		synctest.Wait()
		if _, err := q.Do(t.Context(), block(release)); !errors.Is(err, ErrQueueFull) {
			t.Errorf("one into a full queue: %v", err)
		}
		close(release)
	})
}

func TestQueueTellsHowLongATaskWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 1)
		release := make(chan struct{})
		go q.Do(t.Context(), block(release))
		synctest.Wait()
		go func() {
			time.Sleep(3 * time.Second)
			close(release)
		}()
		var waited time.Duration
		_, err := q.Do(t.Context(), Task{Run: func(_ context.Context, w time.Duration) error { waited = w; return nil }})
		if err != nil || waited != 3*time.Second {
			t.Errorf("waited %v (%v), want 3s", waited, err)
		}
	})
}

func TestQueueFreesThePlaceOfACallerThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 1)
		release := make(chan struct{})
		go q.Do(t.Context(), block(release))
		synctest.Wait()

		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		ran := false
		result := make(chan error, 1)
		go func() {
			errs, err := q.Do(ctx, Task{Run: func(context.Context, time.Duration) error { ran = true; return nil }})
			result <- errors.Join(append(errs, err)...)
		}()
		synctest.Wait()
		cancel(gone)
		if err := <-result; !errors.Is(err, gone) {
			t.Errorf("got %v, want the cause", err)
		}
		if ran {
			t.Error("the task ran though its caller had left")
		}
		if q.Depth() != 0 {
			t.Errorf("%d still wait", q.Depth())
		}
		close(release)
	})
}

func TestQueueRunsTasksOfOneCallerSideBySide(t *testing.T) {
	q := NewQueue(2, 0)
	if errs, err := q.Do(t.Context()); err != nil || len(errs) != 0 {
		t.Errorf("no tasks: %v, %v", errs, err)
	}
	meet := make(chan struct{})
	one := Task{Run: func(context.Context, time.Duration) error { meet <- struct{}{}; return errors.New("one") }}
	two := Task{Run: func(context.Context, time.Duration) error { <-meet; return nil }}
	errs, err := q.Do(context.Background(), one, two)
	if err != nil || errs[0] == nil || errs[1] != nil {
		t.Errorf("got %v, %v", errs, err)
	}
}

func TestQueueSurvivesAPanic(t *testing.T) {
	q := NewQueue(1, 1)
	boom := Task{Run: func(context.Context, time.Duration) error { panic("boom") }}
	fine := Task{Run: func(context.Context, time.Duration) error { return nil }}
	errs, err := q.Do(context.Background(), boom, fine)
	var p *PanicError
	if err != nil || !errors.As(errs[0], &p) || p.Value != "boom" || len(p.Stack) == 0 {
		t.Errorf("got %v, %v", errs, err)
	}
	if errs[1] != nil || q.Busy() != 0 {
		t.Errorf("after the panic: %v, %d busy", errs[1], q.Busy())
	}
}

func TestQueueCloseWaitsForWhatWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 1)
		release := make(chan struct{})
		for range 2 {
			go q.Do(t.Context(), block(release))
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed with %v while tasks were there", err)
		}
		if _, err := q.Do(t.Context(), block(release)); !errors.Is(err, ErrQueueClosed) {
			t.Errorf("a closed queue took work: %v", err)
		}
		close(release)
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestQueueCloseOfAnIdleQueueReturns(t *testing.T) {
	q := NewQueue(1, 0)
	for range 2 {
		if err := q.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// TestWithAWaitTasksRunApartWhileOthersWait: then a computing task must not keep the threads that read requests busy.
func TestWithAWaitTasksRunApartWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(1, 10)
		q.Wait = time.Hour
		var apart []bool
		var tasks sync.WaitGroup
		for range 3 {
			tasks.Go(func() {
				if _, err := q.Do(t.Context(), Task{Run: func(context.Context, time.Duration) error {
					q.mu.Lock()
					apart = append(apart, q.working[0].apart)
					q.mu.Unlock()
					time.Sleep(time.Millisecond)
					return nil
				}}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		tasks.Wait()
		if want := []bool{false, true, false}; !slices.Equal(apart, want) {
			t.Errorf("%v ran apart, expected %v: one of three has another waiting behind it when it begins", apart, want)
		}
		time.Sleep(2 * linger) // for the thread to end
	})
}
