package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// diary is a Watcher.
type diary struct {
	mu       sync.Mutex
	states   []State
	failures map[Kind]int
	canaries map[bool]int
}

func (d *diary) State(s State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states = append(d.states, s)
}

func (d *diary) Failed(k Kind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures[k]++
}

func (d *diary) Canary(right bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.canaries[right]++
}

func (d *diary) read(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func supervise(t *testing.T, o Options) (*Supervisor, *diary) {
	t.Helper()
	d := &diary{failures: map[Kind]int{}, canaries: map[bool]int{}}
	o.Name, o.Log, o.Watcher = "loihi", slog.New(slog.NewTextHandler(t.Output(), nil)), d
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, d
}

func emulator(context.Context) (hw.Board, error) { return loihi.Open(loihi.Options{}) }

func plan(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	b, err := emulator(ctx)
	if err != nil {
		return nil, err
	}
	return b.Place(ctx, n)
}

// asked is what a request comes to.
type asked struct {
	out     []uint8
	account hw.Account
	kind    Kind // "" without an error
	err     error
}

func ask(t *testing.T, r spike.Runner, seed uint64) asked {
	t.Helper()
	n := hwtest.Network()
	in := hwtest.Input(n, seed)
	out := hwtest.Output(t, n, in)
	a := asked{out: out.Counts}
	if supervisor, tells := r.(hw.Accountant); tells {
		_, a.account, a.err = supervisor.Account(t.Context(), in, out, spike.RunOptions{})
	} else {
		_, a.err = r.Run(t.Context(), in, out, spike.RunOptions{})
	}
	var lost *Error
	if errors.As(a.err, &lost) {
		a.kind = lost.Kind
	} else if a.err != nil {
		t.Error(a.err)
	}
	return a
}

// simulated is the right answer.
func simulated(t *testing.T, seed uint64) []uint8 {
	t.Helper()
	r, err := spike.Simulator{}.Compile(t.Context(), hwtest.Network())
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, r, seed).out
}

// until waits for what comes in its own time.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for range 6000 {
		if true() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s after a minute", what)
}

func compile(t *testing.T, s *Supervisor) spike.Runner {
	t.Helper()
	r, err := s.Compile(t.Context(), hwtest.Network())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKeepsTheBoardsContract: what is supervised passes the suite that the board itself passes.
func TestKeepsTheBoardsContract(t *testing.T) {
	hwtest.Run(t, func(t *testing.T) hw.Board {
		b, err := emulator(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return &supervised{Board: b, t: t, open: emulator}
	})
}

// TestFaultsAreAnsweredForAndGoneWhenTheBoardIsWell has a host in another process misbehave in every way, with the
// simulator answering meanwhile or nobody.
func TestFaultsAreAnsweredForAndGoneWhenTheBoardIsWell(t *testing.T) {
	for _, fault := range []struct {
		name string
		kind Kind
		deaf bool
	}{
		{"killed", Failed, false},
		{"dies", Failed, false},
		{"hangs", TimedOut, false},
		{"hangs", TimedOut, true},
		{"late", TimedOut, false},
		{"garbage", Failed, false},
		{"wrong shape", Failed, false},
		{"impossible", WrongAnswer, false},
	} {
		for _, fallback := range []Fallback{Off, Request} {
			name := fault.name + " " + string(fallback)
			if fault.deaf {
				name += " deaf"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := &rack{}
				s, diary := supervise(t, Options{
					Open: r.open, Fallback: fallback, Timeout: faultTimeout, Failures: 1, Retry: 10 * time.Millisecond, Canary: -1,
				})
				runner := compile(t, s)
				if a := ask(t, runner, 1); a.err != nil || a.account.Backend != "loihi" || a.account.BoardSteps == 0 || !slices.Equal(a.out, simulated(t, 1)) {
					t.Fatalf("a healthy board: %+v", a)
				}
				r.deaf.Store(fault.deaf)
				if fault.name == "killed" {
					r.gone.Store(true)
					r.kill(t)
				} else {
					r.tell(fault.name)
				}
				for try := range 2 { // at the fault, and with the breaker open
					a := ask(t, runner, 2)
					if try == 1 && a.kind == Unavailable || a.account.Degraded == string(Unavailable) {
						a.kind, a.account.Degraded = fault.kind, string(fault.kind)
					}
					if fallback == Off {
						if a.kind != fault.kind {
							t.Errorf("try %d: %v, expected %s", try, a.err, fault.kind)
						}
					} else if a.err != nil || !slices.Equal(a.out, simulated(t, 2)) ||
						!cmp.Equal(a.account, hw.Account{Backend: "simulator", Degraded: string(fault.kind)}) {
						t.Errorf("try %d: %v, %+v, expected %s from the simulator", try, a.err, a.account, fault.kind)
					}
				}
				if s.Status().Answers != (fallback == Request) {
					t.Errorf("while the board is away, requests are answered: %v", s.Status().Answers)
				}
				r.tell("")
				r.gone.Store(false)
				r.deaf.Store(false)
				if fault.name == "impossible" { // no accident: the canary's answer was as wrong
					until(t, "decision", func() bool { return s.Status().State == Quarantined || s.Status().State == Closed })
					s.Release()
				}
				until(t, "board", func() bool { return s.Status().State == Closed })
				if a := ask(t, runner, 3); a.err != nil || a.account.Backend != "loihi" || !slices.Equal(a.out, simulated(t, 3)) {
					t.Errorf("a board that is healthy again: %+v", a)
				}
				diary.read(func() {
					if diary.failures[fault.kind] == 0 || diary.canaries[true] < 2 || !slices.Contains(diary.states, Open) || !slices.Contains(diary.states, HalfOpen) {
						t.Errorf("%v, failures %v, canaries %v", diary.states, diary.failures, diary.canaries)
					}
				})
			})
		}
	}
}

func TestSaturationIsAnExcuseOnlyForABoardThatCan(t *testing.T) {
	for _, reach := range []float64{1, 1.1} {
		s, _ := supervise(t, Options{Open: func(ctx context.Context) (hw.Board, error) {
			b, err := (&stubborn{}).open(ctx)
			return saturating{b.(stubbornBoard), reach}, err
		}})
		_, err := s.Compile(t.Context(), hwtest.Network())
		if lost := (*Error)(nil); reach > 1 && err != nil || reach == 1 && (!errors.As(err, &lost) || lost.Kind != Untrusted) {
			t.Errorf("a first answer that has saturated with a reach of %v: %v", reach, err)
		}
	}
}

// TestASearchThatEndsSaysWhatItWaitedFor, whether its time is over or who asked for it gives up. No fallback answers for who
// has given up.
func TestASearchThatEndsSaysWhatItWaitedFor(t *testing.T) {
	looking := make(chan struct{}, 1)
	open := func(ctx context.Context) (hw.Board, error) {
		looking <- struct{}{}
		<-ctx.Done()
		return nil, fmt.Errorf("waiting for the toolchain: %w", ctx.Err())
	}
	for _, timeout := range []time.Duration{50 * time.Millisecond, time.Hour} {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		fallback := Off
		if timeout == time.Hour {
			fallback = Request
			go func() {
				<-looking
				cancel()
			}()
		}
		s, _ := supervise(t, Options{Open: open, StartTimeout: timeout, Fallback: fallback, Plan: plan})
		_, err := s.Compile(ctx, hwtest.Network())
		if lost := (*Error)(nil); !errors.As(err, &lost) || lost.Kind != Unavailable || !strings.Contains(err.Error(), "waiting for the toolchain") {
			t.Errorf("%v", err)
		}
		if timeout < time.Hour {
			<-looking
		}
	}
}

// TestABoardThatIsNotLetGoOfIsNotOpenedAgain: as long as a run neither ends at its timeout nor when the board is closed,
// the board has an owner.
func TestABoardThatIsNotLetGoOfIsNotOpenedAgain(t *testing.T) {
	b := &stubborn{release: make(chan struct{})}
	s, _ := supervise(t, Options{Open: b.open, Timeout: 50 * time.Millisecond, Retry: time.Millisecond, Canary: -1})
	runner := compile(t, s)
	b.held.Store(true)
	if a := ask(t, runner, 1); a.kind != TimedOut {
		t.Errorf("%+v", a)
	}
	until(t, "open breaker", func() bool { return s.Status().State == Open })
	time.Sleep(100 * time.Millisecond)
	if b.opened.Load() != 1 {
		t.Errorf("opened %d times", b.opened.Load())
	}
	close(b.release)
	until(t, "board", func() bool { return s.Status().State == Closed })
	if b.opened.Load() != 2 {
		t.Errorf("opened %d times", b.opened.Load())
	}
}

func TestAPanicIsAFailure(t *testing.T) {
	s, _ := supervise(t, Options{Fallback: Request, Retry: time.Hour, Open: func(ctx context.Context) (hw.Board, error) {
		b, err := emulator(ctx)
		return panickingBoard{b}, err
	}})
	runner := compile(t, s)
	if a := ask(t, runner, 1); a.err != nil || a.account.Degraded != string(Unavailable) || !slices.Equal(a.out, simulated(t, 1)) {
		t.Errorf("%+v", a)
	}
}

func TestRefusalsAndMistakes(t *testing.T) {
	n := hwtest.Network()
	n.Layers[1].(*spike.Neurons).Reset = spike.ResetBySubtraction
	for _, fallback := range []Fallback{Off, Start, Request} {
		s, _ := supervise(t, Options{Open: emulator, Fallback: fallback})
		_, err := s.Compile(t.Context(), n)
		if refusal := (*hw.Refusal)(nil); !errors.As(err, &refusal) {
			t.Errorf("fallback %s: %v, expected a refusal", fallback, err)
		}
	}
	drawn := hwtest.Network()
	drawn.Layers[1].(*spike.Neurons).Start = spike.Start{Kind: spike.StartUniform, Seed: 3}
	s, _ := supervise(t, Options{Open: emulator, Fallback: Request})
	if _, err := s.Compile(t.Context(), drawn); !errors.Is(err, errNoFallback) {
		t.Errorf("no quantised network to fall back to: %v", err)
	}
	s, _ = supervise(t, Options{Open: emulator})
	if _, err := s.Compile(t.Context(), drawn); err != nil { // its canary is the first answer
		t.Error(err)
	}
	if _, err := s.Compile(t.Context(), drawn); err == nil {
		t.Error("a board takes a second network")
	}
	log := slog.New(slog.DiscardHandler)
	for _, o := range []Options{
		{}, {Name: "x", Open: emulator}, {Name: "x", Open: emulator, Log: log, Fallback: "sometimes"},
		{Name: "x", Open: emulator, Log: log, Runs: -1}, {Name: "x", Open: emulator, Log: log, Tolerance: 1},
	} {
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("%+v makes a supervisor", o)
		}
	}
}
