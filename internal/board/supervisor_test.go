package board

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/hw/remote"
	"github.com/spikeray/spikeray/pkg/hw/spinnaker"
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

func emulator(context.Context) (hw.Board, error) { return loihi.New(loihi.Options{}) }

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

// supervised is a board whose programs are supervised, each on a board of its own.
type supervised struct {
	hw.Board
	t    *testing.T
	open func(context.Context) (hw.Board, error)

	mu  sync.Mutex
	all []*Supervisor
}

type supervisedPlacement struct {
	hw.Placement
	board *supervised
	net   *spike.Network
}

type supervisedProgram struct {
	hw.Accountant
	supervisedPlacement
}

func (b *supervised) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	return supervisedPlacement{p, b, n}, nil
}

func (b *supervised) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	return hw.Compile(ctx, b, n)
}

func (b *supervised) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.Board.Close()
	for _, s := range b.all {
		err = errors.Join(err, s.Close())
	}
	return err
}

func (p supervisedPlacement) Load(ctx context.Context) (hw.Program, error) {
	if err := p.board.Health(ctx); err != nil {
		return nil, err
	}
	s, _ := supervise(p.board.t, Options{Open: p.board.open})
	p.board.mu.Lock()
	p.board.all = append(p.board.all, s)
	p.board.mu.Unlock()
	r, err := s.Compile(ctx, p.net)
	if err != nil {
		return nil, err
	}
	return supervisedProgram{r.(hw.Accountant), p}, nil
}

func (p supervisedProgram) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	stats, a, err := p.Account(ctx, in, out, opt)
	if err == nil && (a.Backend != "loihi" || a.Degraded != "") {
		p.board.t.Errorf("a run on the board is accounted to %+v", a)
	}
	return stats, a.Telemetry, err
}

func (p supervisedProgram) Load(context.Context) (hw.Program, error) { return p, nil }

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
					t.Fatalf("a well board: %+v", a)
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
							t.Errorf("try %d: %v, %s is wanted", try, a.err, fault.kind)
						}
					} else if a.err != nil || !slices.Equal(a.out, simulated(t, 2)) ||
						!cmp.Equal(a.account, hw.Account{Backend: "simulator", Degraded: string(fault.kind)}) {
						t.Errorf("try %d: %v, %+v, %s is wanted from the simulator", try, a.err, a.account, fault.kind)
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
					t.Errorf("a board that is well again: %+v", a)
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

// saturating is a board whose runs say that a state has saturated.
type saturating struct {
	stubbornBoard
	reach float64
}

type saturatingProgram struct {
	*stubbornProgram
	reach float64
}

func (b saturating) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.stubbornBoard.Place(ctx, n)
	return saturatingProgram{p.(*stubbornProgram), b.reach}, err
}

func (p saturatingProgram) Report() hw.Report {
	r := p.stubbornProgram.Report()
	r.Layers = slices.Clone(r.Layers)
	r.Layers[1].Reach = p.reach
	return r
}

func (p saturatingProgram) Quantised() (*spike.Network, bool) {
	return p.Placement.(hw.Quantised).Quantised()
}

func (p saturatingProgram) Load(ctx context.Context) (hw.Program, error) {
	_, err := p.stubbornProgram.Load(ctx)
	return p, err
}

func (p saturatingProgram) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	stats, seen, err := p.stubbornProgram.Measure(ctx, in, out, opt)
	out.Counts[0] ^= 1
	seen.Saturated = 1
	return stats, seen, err
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

// TestFallbackAtTheStart answers for a board that is not there when the program starts, and no more once it was.
func TestFallbackAtTheStart(t *testing.T) {
	r := &rack{}
	r.gone.Store(true)
	s, _ := supervise(t, Options{Open: r.open, Fallback: Off, Plan: plan})
	if _, err := s.Compile(t.Context(), hwtest.Network()); err == nil {
		t.Error("started without a board and without a fallback")
	}
	s, _ = supervise(t, Options{Open: r.open, Fallback: Start})
	if _, err := s.Compile(t.Context(), hwtest.Network()); err == nil {
		t.Error("started with nothing that could answer for the board")
	}
	s, _ = supervise(t, Options{Open: r.open, Plan: plan, Fallback: Start, Retry: 10 * time.Millisecond, Canary: -1, Failures: 1})
	runner := compile(t, s)
	if a := ask(t, runner, 1); a.err != nil || a.account.Degraded != string(Unavailable) || !slices.Equal(a.out, simulated(t, 1)) {
		t.Errorf("%+v", a)
	}
	r.gone.Store(false)
	until(t, "board", func() bool { return s.Status().State == Closed })
	if a := ask(t, runner, 1); a.err != nil || a.account.Backend != "loihi" {
		t.Errorf("%+v", a)
	}
	r.gone.Store(true)
	r.kill(t)
	if a := ask(t, runner, 1); a.kind == "" {
		t.Errorf("the fallback is for the start, but: %+v", a)
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

// TestTheQueueIsBounded: one run at a time, one that waits, and no more.
func TestTheQueueIsBounded(t *testing.T) {
	r := &rack{}
	s, _ := supervise(t, Options{Open: r.open, Queue: 1, Timeout: time.Minute, Failures: 1, Canary: -1})
	runner := compile(t, s)
	r.tell("hangs")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			n := hwtest.Network()
			in := hwtest.Input(n, 1)
			if _, err := runner.Run(ctx, in, hwtest.Output(t, n, in), spike.RunOptions{}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	until(t, "run that waits", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waiting == 1
	})
	if a := ask(t, runner, 1); a.kind != Busy {
		t.Errorf("the third: %v", a.err)
	}
	cancel()
	wg.Wait()
	time.Sleep(100 * time.Millisecond)
	if s.Status().State != Closed {
		t.Error("who is gone counts as the board's failure")
	}
}

// TestWhoWaitsForABoardThatHangsIsAnswered although the board takes the time of several runs until it is given up.
func TestWhoWaitsForABoardThatHangsIsAnswered(t *testing.T) {
	t.Parallel()
	r := &rack{}
	s, diary := supervise(t, Options{Open: r.open, Fallback: Request, Timeout: time.Second, Failures: 100, Canary: -1})
	runner := compile(t, s)
	r.tell("hangs")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n := hwtest.Network()
			in := hwtest.Input(n, 1)
			_, a, err := runner.(hw.Accountant).Account(ctx, in, hwtest.Output(t, n, in), spike.RunOptions{})
			if err != nil || a.Backend != "simulator" {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
	wg.Wait()
	diary.read(func() {
		if diary.failures[Busy] == 0 || diary.failures[TimedOut] == 0 {
			t.Errorf("%v", diary.failures)
		}
	})
}

// TestWhoDoesNotWaitHidesNoBoardThatHangs: requests that are given up before the board's time is over count all the same.
func TestWhoDoesNotWaitHidesNoBoardThatHangs(t *testing.T) {
	t.Parallel()
	r := &rack{}
	s, _ := supervise(t, Options{Open: r.open, Timeout: 200 * time.Millisecond, Failures: 2, Retry: time.Hour, Canary: -1})
	runner := compile(t, s)
	r.tell("hangs")
	until(t, "open breaker", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		n := hwtest.Network()
		in := hwtest.Input(n, 1)
		if _, err := runner.Run(ctx, in, hwtest.Output(t, n, in), spike.RunOptions{}); err == nil {
			t.Error("a board that hangs has answered")
		}
		return s.Status().State == Open
	})
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

// stubborn opens emulators with runs that end when they like.
type stubborn struct {
	held    atomic.Bool
	release chan struct{}
	opened  atomic.Int32
}

type stubbornBoard struct {
	hw.Board
	*stubborn
}

type stubbornProgram struct {
	hw.Placement
	hw.Program
	board *stubborn
}

func (b *stubborn) open(ctx context.Context) (hw.Board, error) {
	b.opened.Add(1)
	e, err := emulator(ctx)
	return stubbornBoard{e, b}, err
}

func (b stubbornBoard) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	return &stubbornProgram{Placement: p, board: b.stubborn}, err
}

func (p *stubbornProgram) Report() hw.Report { return p.Placement.Report() }

func (p *stubbornProgram) Load(ctx context.Context) (_ hw.Program, err error) {
	p.Program, err = p.Placement.Load(ctx)
	return p, err
}

func (p *stubbornProgram) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	if p.board.held.Load() {
		<-p.board.release
	}
	return p.Program.Measure(context.WithoutCancel(ctx), in, out, opt)
}

// panicking is the emulator with runs that panic.
type panicking struct{ stubbornProgram }

func (p *panicking) Load(ctx context.Context) (hw.Program, error) { return p, nil }
func (p *panicking) Measure(context.Context, spike.Train, spike.Train, spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	panic("an adapter's bug")
}

type panickingBoard struct{ hw.Board }

func (b panickingBoard) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	return &panicking{stubbornProgram{Placement: p}}, err
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
			t.Errorf("fallback %s: %v, a refusal is wanted", fallback, err)
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

// silent is the emulator without a word of what it makes of a network.
type silent struct{ hw.Board }

func (b silent) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	return struct{ hw.Placement }{p}, err
}

// TestAnotherPlacementTellsTheNetwork: for a board that does not tell which network it runs, a placement without it does,
// if the two have the same numbers.
func TestAnotherPlacementTellsTheNetwork(t *testing.T) {
	n := hwtest.Network()
	n.Layers[0].(*spike.Conv2D).Scale[2] *= 0.7
	var gone atomic.Bool
	open := func(ctx context.Context) (hw.Board, error) {
		if gone.Load() {
			return nil, errors.New("there is no board")
		}
		b, err := emulator(ctx)
		return silent{b}, err
	}
	other := func(ctx context.Context, n *spike.Network) (hw.Placement, error) {
		m := *n
		m.Layers = slices.Clone(n.Layers)
		conv := *n.Layers[0].(*spike.Conv2D)
		conv.Scale = slices.Repeat([]float32{1.0 / 32}, 4)
		m.Layers[0] = &conv
		return plan(ctx, &m)
	}
	for name, c := range map[string]struct {
		plan func(context.Context, *spike.Network) (hw.Placement, error)
		want error
	}{"none": {nil, errNoFallback}, "the same": {plan, nil}, "another": {other, errNoFallback}} {
		s, _ := supervise(t, Options{Open: open, Plan: c.plan, Fallback: Request})
		if _, err := s.Compile(t.Context(), n); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		plan func(context.Context, *spike.Network) (hw.Placement, error)
		want State
	}{"the same": {plan, Closed}, "another": {other, Quarantined}} { // and the board comes later
		gone.Store(true)
		s, _ := supervise(t, Options{Open: open, Plan: c.plan, Fallback: Request, Retry: time.Millisecond, Canary: -1})
		r, err := s.Compile(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if a := ask(t, r, 1); a.account.Degraded != string(Unavailable) {
			t.Errorf("%s, without the board: %+v", name, a)
		}
		gone.Store(false)
		until(t, "board", func() bool { return s.Status().State == c.want })
		a := ask(t, r, 1)
		if c.want == Closed && (a.err != nil || a.account.Degraded != "") || c.want == Quarantined && (a.kind != Untrusted || s.Status().Answers) {
			t.Errorf("%s, with the board: %+v", name, a)
		}
	}
}

func TestKinds(t *testing.T) {
	for err, want := range map[error]Kind{
		context.DeadlineExceeded: TimedOut, remote.ErrLate: TimedOut, spinnaker.ErrSilent: TimedOut, errStuck: TimedOut,
		remote.ErrAnswer: WrongAnswer, remote.ErrNetworkDiffers: WrongAnswer, hw.ErrImpossible: WrongAnswer,
		remote.ErrNoAnswer: Failed, hw.ErrClosed: Failed, remote.ErrOwned: Failed,
	} {
		if got := kindOf(fmt.Errorf("run: %w", err)); got != want {
			t.Errorf("%v: %s, %s is wanted", err, got, want)
		}
	}
	for _, k := range Kinds {
		if text := (&Error{"x", k, errStuck}).Error(); strings.Contains(text, "  ") || !strings.HasSuffix(text, errStuck.Error()) {
			t.Errorf("%s: %q", k, text)
		}
	}
}

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
