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
