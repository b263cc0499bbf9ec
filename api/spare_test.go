package api

import (
	"context"
	"errors"
	"testing"
	"time"
)

// spared runs a task of so many bytes on a worker that nobody needs; begun is closed once it runs, and it ends with its context or when
// end is closed.
func spared(q *Queue, memory int64, end <-chan struct{}) (begun <-chan struct{}, ended <-chan error) {
	started, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- q.Spare(context.Background(), memory, func(ctx context.Context) error {
			close(started)
			select {
			case <-ctx.Done():
			case <-end:
			}
			return nil
		})
	}()
	return started, done
}

func TestASpareWorkerIsGivenUpAtOnce(t *testing.T) {
	q := NewQueue(2, 4)
	end := make(chan struct{})
	defer close(end)
	begun, ended := spared(q, 1, end)
	<-begun
	// One worker is still free, so that a task needs none of the spare one's.
	release := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := q.Do(t.Context(), block(release)); err != nil {
			t.Error(err)
		}
	}()
	for q.Busy() != 1 {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatalf("it was stopped while a worker was free: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	// The second needs it, and does not wait for it.
	ran := make(chan struct{})
	go func() {
		_, err := q.Do(t.Context(), Task{Run: func(context.Context, time.Duration) error {
			close(ran)
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-ran:
	case <-time.After(10 * time.Second):
		t.Fatal("a task waits for what nobody needs")
	}
	if err := <-ended; !errors.Is(err, errPreempted) {
		t.Errorf("%v", err)
	}
	close(release)
	<-done
}

func TestASpareTaskWaitsForAFreeWorkerAndForMemory(t *testing.T) {
	for name, c := range map[string]struct {
		workers int
		memory  int64
		holds   Task
	}{
		"worker": {1, 0, Task{}}, "memory": {2, 100, Task{Memory: 60}},
	} {
		t.Run(name, func(t *testing.T) {
			q := NewQueue(c.workers, 4)
			q.Memory = c.memory
			release, done := make(chan struct{}), make(chan struct{})
			task := block(release)
			task.Memory = c.holds.Memory
			go func() {
				defer close(done)
				if _, err := q.Do(t.Context(), task); err != nil {
					t.Error(err)
				}
			}()
			for q.Busy() != 1 {
				time.Sleep(time.Millisecond)
			}
			end := make(chan struct{})
			begun, ended := spared(q, 10, end)
			select {
			case <-begun:
				t.Fatal("it runs beside a task that needs what it takes")
			case <-time.After(20 * time.Millisecond):
			}
			if err := q.Spare(t.Context(), 1, nil); !errors.Is(err, errSpareTaken) && !errors.Is(err, context.Canceled) {
				t.Errorf("a second one: %v", err)
			}
			close(release)
			<-done
			<-begun
			close(end)
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAQueueThatClosesWaitsForNoSpareTask(t *testing.T) {
	q := NewQueue(1, 1)
	begun, ended := spared(q, 1, nil)
	<-begun
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrQueueClosed) {
		t.Errorf("%v", err)
	}
	if err := q.Spare(t.Context(), 1, nil); !errors.Is(err, ErrQueueClosed) {
		t.Errorf("on a closed queue: %v", err)
	}
}
