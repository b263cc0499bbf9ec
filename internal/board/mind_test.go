package board

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

// TestALostBoardIsLookedForLaterEachTime: the supervisor goes by its breaker's waits.
func TestALostBoardIsLookedForLaterEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []int // seconds after the start
		began := time.Now()
		s, diary := supervise(t, Options{Plan: plan, Fallback: Start, Retry: time.Second, Open: func(context.Context) (hw.Board, error) {
			tries = append(tries, int(time.Since(began).Seconds()))
			return nil, errors.New("there is no board")
		}})
		compile(t, s)
		time.Sleep(64 * time.Second)
		synctest.Wait()
		if want := []int{0, 1, 3, 7, 15, 31, 47, 63}; !slices.Equal(tries, want) {
			t.Errorf("looked for after %d seconds, expected %d", tries, want)
		}
		diary.read(func() {
			if want := []State{Open, HalfOpen, Open}; len(diary.states) != 15 || !slices.Equal(diary.states[:3], want) {
				t.Errorf("the states were %v", diary.states)
			}
		})
	})
}

// TestTheCanaryOfAnIdleBoardTellsWhenItFails: nobody asks it, and its state is known all the same.
func TestTheCanaryOfAnIdleBoardTellsWhenItFails(t *testing.T) {
	for name, spoil := range map[string]func(*stubborn){
		"hangs": func(b *stubborn) { b.held.Store(true) },
		"fails": func(b *stubborn) { b.fails.Store(true) },
	} {
		b := &stubborn{release: make(chan struct{})}
		s, diary := supervise(t, Options{Open: b.open, Canary: 10 * time.Millisecond, Timeout: 50 * time.Millisecond, Retry: time.Hour})
		compile(t, s)
		until(t, "right canary after the first", func() (well bool) {
			diary.read(func() { well = diary.canaries[true] >= 3 })
			return well
		})
		if st := s.Status(); st.State != Closed {
			t.Fatalf("%s: before, the board is %s", name, st.State)
		}
		spoil(b)
		until(t, "open breaker of a board that "+name, func() bool { return s.Status().State == Open })
		close(b.release)
	}
}
