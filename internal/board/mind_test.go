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
