package board

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestASuccessForgetsTheFailuresBefore: they count in a row only.
func TestASuccessForgetsTheFailuresBefore(t *testing.T) {
	b := newBreaker(3, time.Second)
	b.succeeded()
	for range 5 {
		if first, second := b.failed(), b.failed(); first || second || !b.allow() {
			t.Fatalf("two failures have opened it: %s", b.state)
		}
		b.succeeded()
	}
	if first, second, third := b.failed(), b.failed(), b.failed(); first || second || !third || b.allow() {
		t.Errorf("three failures in a row: %s", b.state)
	}
}

// TestTheWaitDoublesToItsEnd, and begins anew once a trial has succeeded.
func TestTheWaitDoublesToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(1, time.Second)
		for range 2 {
			b.failed()
			for _, seconds := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
				time.Sleep(seconds*time.Second - time.Nanosecond)
				if b.probe() || b.left() != 1 {
					t.Fatalf("a trial before %d s, %v too early", seconds, b.left())
				}
				time.Sleep(time.Nanosecond)
				if !b.probe() || b.state != HalfOpen || b.allow() || b.probe() {
					t.Fatalf("after %d s there is to be one trial, and no request: %s", seconds, b.state)
				}
				if !b.failed() {
					t.Fatal("a trial that failed has not opened it")
				}
			}
			time.Sleep(16 * time.Second)
			b.probe()
			b.succeeded()
			if !b.allow() {
				t.Fatalf("a trial that succeeded has not closed it: %s", b.state)
			}
		}
	})
}

// TestQuarantineWaitsForSomebody: time alone does not end it, nor does what comes late.
func TestQuarantineWaitsForSomebody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(1, time.Second)
		b.quarantine()
		time.Sleep(time.Hour)
		b.succeeded()
		if b.failed() || b.trip() || b.probe() || b.allow() || b.state != Quarantined {
			t.Fatalf("%s", b.state)
		}
		if !b.release() || b.release() || b.state != Open || b.probe() {
			t.Fatalf("released: %s", b.state)
		}
		time.Sleep(time.Second)
		if !b.probe() {
			t.Error("no trial after the wait")
		}
	})
}

// history is what a breaker was told since it was made, a letter each. It has no state: [history.now] reads what the state is
// to be from the whole of it.
type history struct {
	limit  int
	retry  time.Duration
	events []event
}

type event struct {
	what byte // one of the model's letters
	at   time.Time
}

// now is the state, and how long an open breaker still waits.
func (h *history) now() (state State, left time.Duration) {
	state = HalfOpen
	var failures string // in a row
	var opened time.Time
	trials := 0 // begun since it was closed
	waits := func() time.Duration { return h.retry * time.Duration(min(1<<min(trials, 10), 16)) }
	for _, e := range h.events {
		was := state
		switch string(state) + " " + string(e.what) {
		case "closed s":
			failures = ""
		case "closed f":
			if failures += "f"; strings.Count(failures, "f") == h.limit {
				state = Open
			}
		case "closed t", "half_open t", "half_open f":
			state = Open
		case "quarantined r":
			state, trials = Open, 0
		case "half_open s":
			state, failures, trials = Closed, "", 0
		case "open p":
			if e.at.Sub(opened) >= waits() {
				state = HalfOpen
				trials++
			}
		}
		if e.what == 'q' {
			state = Quarantined
		}
		if state == Open && was != Open {
			opened = e.at
		}
	}
	if state == Open && len(h.events) > 0 {
		left = max(0, waits()-time.Since(opened))
	}
	return state, left
}

// TestABreakerIsWhatItsHistorySays takes breakers through random successes, failures, trials and waits, and holds each step to
// the model above.
func TestABreakerIsWhatItsHistorySays(t *testing.T) {
	const letters = "sssffffttpppppqr" // succeeded, failed, trip, probe, quarantine, release, each as often as is good
	synctest.Test(t, func(t *testing.T) {
		reached := map[string]int{}
		for seed := range uint64(300) {
			rng := rand.New(rand.NewPCG(seed, 7))
			h := history{limit: 1 + rng.IntN(4), retry: time.Second}
			b := newBreaker(h.limit, h.retry)
			for step := range 120 {
				switch rng.IntN(3) {
				case 0:
					time.Sleep(b.left()) // to the moment
				case 1:
					time.Sleep(time.Duration(rng.Int64N(int64(2 * h.retry))))
				}
				what := letters[rng.IntN(len(letters))]
				if state, _ := h.now(); seed%2 == 0 && state != Closed && strings.IndexByte("stqr", what) >= 0 && rng.IntN(8) > 0 {
					what = "fp"[rng.IntN(2)] // so that waits grow
				}
				before, _ := h.now()
				h.events = append(h.events, event{what, time.Now()})
				state, left := h.now()
				changed := map[byte]func() bool{
					's': func() bool { b.succeeded(); return before == HalfOpen },
					'f': b.failed, 't': b.trip, 'p': b.probe, 'r': b.release,
					'q': func() bool { b.quarantine(); return before != Quarantined },
				}[what]()
				reached[fmt.Sprintf("%s to %s", before, state)]++
				if left > 8*h.retry {
					reached["the longest wait"]++
				}
				if b.state != state || b.left() != left || b.allow() != (state == Closed) || changed != (state != before) {
					t.Fatalf("seed %d, step %d, %q in state %s: %s with %v to wait, changed: %v; the model has %s with %v",
						seed, step, what, before, b.state, b.left(), changed, state, left)
				}
			}
		}
		for _, way := range []string{
			"closed to open", "open to half_open", "half_open to closed", "half_open to open", "closed to quarantined",
			"open to quarantined", "half_open to quarantined", "quarantined to open", "the longest wait",
		} {
			if reached[way] < 20 {
				t.Errorf("%s %d times: the sequences show too little", way, reached[way])
			}
		}
		if slices.ContainsFunc([]State{Closed, HalfOpen}, func(s State) bool { return reached["quarantined to "+string(s)] > 0 }) {
			t.Errorf("out of quarantine without a wait: %v", reached)
		}
	})
}
