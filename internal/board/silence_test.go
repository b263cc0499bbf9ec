package board

import (
	"sync"
	"testing"
	"time"
)

// TestSilenceOpensTheBreakerForAll: however long a run may take and however many may fail, a board that answers nothing at
// all is given up when its silence is over, and nobody waits for it any longer.
func TestSilenceOpensTheBreakerForAll(t *testing.T) {
	t.Parallel()
	r := &rack{}
	s, diary := supervise(t, Options{
		Open: r.open, Fallback: Request, Timeout: 30 * time.Second, Silence: 200 * time.Millisecond, Failures: 100, Retry: time.Hour, Canary: -1,
	})
	runner := compile(t, s)
	r.tell("hangs")
	began := time.Now()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a := ask(t, runner, 1); a.err != nil || a.account.Backend != "simulator" {
				t.Errorf("%+v", a)
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took > 20*time.Second || s.Status().State != Open {
		t.Errorf("after %v the breaker is %s", took, s.Status().State)
	}
	diary.read(func() {
		if diary.failures[TimedOut] == 0 || diary.failures[Unavailable] != 7 {
			t.Errorf("%v", diary.failures)
		}
	})
	r.kill(t) // it would hang on
}

// TestAnAnswerEndsASilence: a board that is slow now and then is not silent.
func TestAnAnswerEndsASilence(t *testing.T) {
	s, _ := supervise(t, Options{Open: emulator, Silence: 30 * time.Millisecond, Canary: -1})
	runner := compile(t, s)
	for range 10 {
		if a := ask(t, runner, 1); a.err != nil {
			t.Fatal(a.err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond) // and one that is not asked is not silent either
	if st := s.Status(); st.State != Closed {
		t.Errorf("%+v", st)
	}
}

// TestAnAnswerDoesNotEndTheSilenceOfOthers: with several runs at a time, one answer says nothing of those that hang.
func TestAnAnswerDoesNotEndTheSilenceOfOthers(t *testing.T) {
	b := &stubborn{release: make(chan struct{})}
	s, _ := supervise(t, Options{Open: b.open, Runs: 2, Timeout: time.Minute, Silence: 200 * time.Millisecond, Canary: -1, Retry: time.Hour})
	runner := compile(t, s)
	b.held.Store(true)
	hangs := make(chan asked, 1)
	go func() { hangs <- ask(t, runner, 1) }()
	until(t, "run under way", func() bool { return len(s.session.slots) == 1 })
	b.held.Store(false)
	if a := ask(t, runner, 2); a.err != nil {
		t.Fatal(a.err)
	}
	until(t, "open breaker", func() bool { return s.Status().State == Open })
	if a := <-hangs; a.kind != TimedOut {
		t.Errorf("%+v", a)
	}
	close(b.release)
}
