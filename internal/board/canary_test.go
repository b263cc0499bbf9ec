package board

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

func TestCanary(t *testing.T) {
	fresh := func(known bool) *canary {
		return &canary{out: spike.Train{Counts: []uint8{1, 0, 1, 1, 0, 1}}, known: known, simulated: known, saturates: true}
	}
	for _, c := range []struct {
		name      string
		known     bool
		out       []uint8
		saturated uint64
		tolerance float64
		right     bool
	}{
		{"the same", true, []uint8{1, 0, 1, 1, 0, 1}, 0, 0, true},
		{"one more", true, []uint8{1, 1, 1, 1, 0, 1}, 0, 0, false},
		{"one fewer", true, []uint8{0, 0, 1, 1, 0, 1}, 0, 0, false},
		{"within tolerance", true, []uint8{0, 0, 1, 1, 0, 1}, 0, 0.25, true},
		{"beyond it", true, []uint8{0, 1, 1, 1, 0, 1}, 0, 0.25, false},
		{"saturated at the first", true, []uint8{0, 0, 0, 0, 0, 0}, 1, 0, true},
		{"the first, unknown", false, []uint8{0, 0, 0, 0, 0, 1}, 0, 0, true},
	} {
		k := fresh(c.known)
		if err := k.check(c.out, c.saturated, c.tolerance); (err == nil) != c.right {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.right && c.tolerance == 0 {
			if err := k.check(c.out, 0, 0); err != nil {
				t.Errorf("%s, again: %v", c.name, err)
			}
			if k.check([]uint8{0, 1, 0, 0, 1, 0}, 1, 0) == nil {
				t.Errorf("%s: later, saturation is no excuse", c.name)
			}
		}
	}
	k := fresh(true)
	k.saturates = false
	if k.check(make([]uint8, 6), 1, 0) == nil {
		t.Error("saturation is no excuse where nothing can saturate")
	}
}

// TestAWrongCanaryQuarantines: an answer that could be right is found out by the canary alone, and the board is then
// left alone although it is well again, until an operator says so.
func TestAWrongCanaryQuarantines(t *testing.T) {
	r := &rack{}
	s, diary := supervise(t, Options{Open: r.open, Canary: 20 * time.Millisecond, Retry: time.Millisecond})
	runner := compile(t, s)
	r.tell("wrong")
	until(t, "quarantine", func() bool { return s.Status().State == Quarantined })
	r.tell("")
	for range 20 {
		time.Sleep(10 * time.Millisecond)
		if a := ask(t, runner, 1); a.kind != Untrusted {
			t.Fatalf("a quarantined board: %v", a.err)
		}
	}
	if st := s.Status(); st.Answers || st.State != Quarantined {
		t.Errorf("%+v", st)
	}
	diary.read(func() {
		if diary.canaries[false] != 1 || diary.canaries[true] == 0 {
			t.Errorf("canaries %v", diary.canaries)
		}
	})
	s.Release()
	until(t, "board", func() bool { return s.Status().State == Closed })
	if a := ask(t, runner, 1); a.err != nil {
		t.Error(a.err)
	}
}

func TestAWrongCanaryAtTheStart(t *testing.T) {
	r := &rack{}
	r.tell("wrong")
	s, _ := supervise(t, Options{Open: r.open})
	_, err := s.Compile(t.Context(), hwtest.Network())
	if lost := (*Error)(nil); !errors.As(err, &lost) || lost.Kind != Untrusted {
		t.Errorf("without a fallback: %v", err)
	}
	s, _ = supervise(t, Options{Open: r.open, Fallback: Start})
	runner := compile(t, s)
	a := ask(t, runner, 1)
	if a.err != nil || a.account.Degraded != string(Untrusted) || !slices.Equal(a.out, simulated(t, 1)) || s.Status().State != Quarantined {
		t.Errorf("with one: %+v, %+v", a, s.Status())
	}
}
