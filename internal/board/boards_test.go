package board

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// stubborn opens emulators with runs that end when they like, or fail.
type stubborn struct {
	held    atomic.Bool
	fails   atomic.Bool
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
	if p.board.fails.Load() {
		return spike.Stats{}, hw.Telemetry{}, errors.New("the cable is out")
	}
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
