package board

import (
	"slices"
	"testing"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
)

// TestAWrongAnswerIsNotGiven: spikes that could be right and are not, between two canaries. Under fallback request the
// simulator's are given, otherwise none, and the board is in quarantine.
func TestAWrongAnswerIsNotGiven(t *testing.T) {
	for _, fallback := range []Fallback{Off, Request} {
		t.Run(string(fallback), func(t *testing.T) {
			t.Parallel()
			r := &rack{}
			s, diary := supervise(t, Options{Open: r.open, Fallback: fallback, Canary: -1, CanaryAnswers: -1})
			runner := compile(t, s)
			if a := ask(t, runner, 1); a.err != nil || a.account.Backend != "loihi" {
				t.Fatalf("%+v", a)
			}
			r.tell("wrong")
			for try, kind := range []Kind{WrongAnswer, Untrusted} {
				a := ask(t, runner, 2)
				if fallback == Off && a.kind != kind {
					t.Errorf("try %d: %v, expected %s", try, a.err, kind)
				}
				if fallback == Request && (a.err != nil || a.account != hw.Account{Backend: "simulator", Degraded: string(kind)} || !slices.Equal(a.out, simulated(t, 2))) {
					t.Errorf("try %d: %+v, %v", try, a.account, a.err)
				}
			}
			if st := s.Status(); st.State != Quarantined {
				t.Errorf("%+v", st)
			}
			diary.read(func() {
				if diary.failures[WrongAnswer] != 1 {
					t.Errorf("%v", diary.failures)
				}
			})
		})
	}
}

// TestEveryNthAnswerIsComputedAgain: with a share of a quarter, three wrong answers of four pass, and the fourth does not.
func TestEveryNthAnswerIsComputedAgain(t *testing.T) {
	r := &rack{}
	s, _ := supervise(t, Options{Open: r.open, Check: 0.25, Canary: -1, CanaryAnswers: -1})
	runner := compile(t, s)
	r.tell("wrong")
	for i := range 4 {
		if a := ask(t, runner, 1); (a.kind == WrongAnswer) != (i == 3) {
			t.Errorf("answer %d: %v", i, a.err)
		}
	}
}

// TestTheCanaryComesAfterSoManyAnswers: without a clock and without recomputing, it is what finds a wrong board.
func TestTheCanaryComesAfterSoManyAnswers(t *testing.T) {
	r := &rack{}
	s, diary := supervise(t, Options{Open: r.open, Check: -1, Canary: -1, CanaryAnswers: 5})
	runner := compile(t, s)
	for range 4 {
		if a := ask(t, runner, 1); a.err != nil {
			t.Fatal(a.err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	diary.read(func() {
		if diary.canaries[true] != 1 { // that of the start
			t.Errorf("%v", diary.canaries)
		}
	})
	r.tell("wrong")
	if a := ask(t, runner, 1); a.err != nil {
		t.Fatal(a.err)
	}
	until(t, "quarantine", func() bool { return s.Status().State == Quarantined })
}
