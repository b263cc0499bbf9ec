package spinnaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

var (
	// ErrSilent is wrapped by the error of a board that does not answer. It is a [hw.ErrLate].
	ErrSilent = hw.NewError(hw.ErrLate, "no answer")
	// ErrStopped is wrapped by the error of a run that the toolchain ended before it was over.
	ErrStopped = errors.New("spinnaker: the toolchain stopped the network")
	// ErrNotReset is wrapped by the error of a run that did not begin at time zero.
	ErrNotReset = errors.New("spinnaker: the toolchain went on with the network instead of resetting it")
)

// Options say where the board and the toolchain are. The zero value is a board on the network and a toolchain on this machine.
type Options struct {
	// Notify is the address at which the toolchain announces its runs, 127.0.0.1:19999 if empty. Whoever can send to it can
	// choose the database that is read, so no other machine should be able to.
	Notify string
	// Databases is the folder in which databases must lie; any folder if empty.
	Databases string
	// Board, HOST:PORT, is used instead of the addresses in the database.
	Board string
	// Local is the address that spikes come back to, any port of any address if empty.
	Local string
	// Marker is the population that separates one step from the next; "marker" if empty.
	Marker string
	// Timeout is how long a board may take to answer or to send a step back, 2 s if 0.
	Timeout time.Duration
	// Keep is how often the board is told again where to send its spikes, 10 s if 0.
	Keep time.Duration
	// After each Burst packets of spikes there is a Pause, as in the toolchain's own sender: 6 and 100 ms if 0. A board with
	// slow steps needs the pauses so that its monitor can keep up. A negative Burst means no pauses.
	Burst int
	Pause time.Duration
}

func (o *Options) fill() {
	set := func(s *string, to string) {
		if *s == "" {
			*s = to
		}
	}
	set(&o.Notify, "127.0.0.1:19999")
	set(&o.Local, ":0")
	set(&o.Marker, "marker")
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Second
	}
	o.Timeout = max(o.Timeout, time.Millisecond)
	if o.Keep <= 0 {
		o.Keep = 10 * time.Second
	}
	if o.Burst == 0 {
		o.Burst, o.Pause = 6, 100*time.Millisecond
	}
}

type board struct {
	opt       Options
	toolchain *toolchain
	link      *link
	owner     chan struct{} // one run at a time
	stop      context.CancelFunc
	running   context.Context
	keeper    sync.WaitGroup
	closing   sync.Once
	closeErr  error

	mu   sync.Mutex
	tags []liveTag // to keep
}

// Open waits until the toolchain announces a loaded network, or until ctx ends.
func Open(ctx context.Context, o Options) (hw.Board, error) {
	o.fill()
	var via netip.AddrPort
	if o.Board != "" {
		addr, err := net.ResolveUDPAddr("udp4", o.Board)
		if err != nil {
			return nil, fmt.Errorf("spinnaker: %w", err)
		}
		via = netip.AddrPortFrom(addr.AddrPort().Addr().Unmap(), addr.AddrPort().Port())
	}
	t, err := newToolchain(o.Notify, o.Databases)
	if err != nil {
		return nil, fmt.Errorf("spinnaker: %w", err)
	}
	if _, err := t.announced(ctx, false); err != nil {
		t.close()
		return nil, fmt.Errorf("spinnaker: waiting for the toolchain: %w", err)
	}
	l, err := newLink(o.Local, via, o.Timeout)
	if err != nil {
		t.close()
		return nil, fmt.Errorf("spinnaker: %w", err)
	}
	b := &board{opt: o, toolchain: t, link: l, owner: make(chan struct{}, 1)}
	b.running, b.stop = context.WithCancel(context.WithoutCancel(ctx)) // until Close, however long ctx lives
	b.keeper.Go(b.keep)
	return b, nil
}

// Name is "spinnaker".
func (b *board) Name() string { return "spinnaker" }

// Capabilities are those of sPyNNaker's current-based neurons with delta synapses.
func (b *board) Capabilities() hw.Capabilities {
	return hw.Capabilities{
		Fidelity:   hw.Approximate,
		Axes:       []spike.Axis{spike.Steps},
		Layers:     []string{"conv2d", "dense", "flatten", "neurons"},
		Dynamics:   []spike.Dynamics{spike.IntegrateAndFire, spike.LeakyIntegrateAndFire},
		Resets:     []spike.Reset{spike.ResetToZero},
		WeightBits: 16,
		StateBits:  32,
		MaxCount:   1,
		MaxSteps:   spike.MaxSteps,
	}
}

func (b *board) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	return hw.Compile(ctx, b, n)
}

// Health asks every board that a network is loaded on for its version.
func (b *board) Health(ctx context.Context) error {
	if b.running.Err() != nil {
		return hw.ErrClosed
	}
	m, err := b.loaded()
	if err != nil {
		return err
	}
	asked := map[string]bool{}
	for _, p := range m.Populations {
		for _, t := range p.Live {
			if asked[t.Board] {
				continue
			}
			asked[t.Board] = true
			if _, err := b.link.call(ctx, t.Board, t.X, t.Y, scpRequest{Command: commandVersion}); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (b *board) loaded() (*loadedNetwork, error) {
	b.toolchain.mu.Lock()
	defer b.toolchain.mu.Unlock()
	if b.toolchain.last == nil {
		return nil, unreadable("the toolchain has named no database")
	}
	return b.toolchain.last, nil
}

func (b *board) Close() error {
	b.closing.Do(func() {
		b.stop()
		b.closeErr = errors.Join(b.toolchain.close(), b.link.close())
		b.keeper.Wait()
	})
	return b.closeErr
}

// keep leads the tags here again and again. A board that is silent just now is asked again the next time.
func (b *board) keep() {
	tick := time.NewTicker(b.opt.Keep)
	defer tick.Stop()
	for {
		select {
		case <-b.running.Done():
			return
		case <-tick.C:
			// Not while a run counts the packets of a tag.
			select {
			case b.owner <- struct{}{}:
			default:
				continue
			}
			b.mu.Lock()
			tags := b.tags
			b.mu.Unlock()
			_ = b.link.lead(b.running, tags)
			<-b.owner
		}
	}
}

// Place needs no hardware: it checks the network against the database of what the toolchain has loaded.
func (b *board) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	if b.running.Err() != nil {
		return nil, hw.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stages, err := hw.Stages(n)
	if err != nil {
		return nil, err
	}
	m, err := b.loaded()
	if err != nil {
		return nil, err
	}
	refusal := &hw.Refusal{Board: b.Name()}
	refuse(n, stages, refusal)
	if err := refusal.Err(); err != nil {
		return nil, err
	}
	p := &program{board: b, net: n, stages: stages}
	if _, err := p.bind(m); err != nil {
		return nil, err
	}
	p.report = p.describe(m)
	return p, nil
}

// refuse names what a current-based neuron on the board cannot do.
func refuse(n *spike.Network, stages []hw.Stage, refusal *hw.Refusal) {
	if n.Axis != spike.Steps {
		refusal.Add("", "its time runs along the rows of the picture; the board is shown the whole picture for several steps")
	}
	if len(stages) == 0 {
		refusal.Add("", "it has no layer between its first neurons and its read-out")
	} else if stages[0].MaxCount > 1 {
		refusal.Add(n.Source.LayerName, "a neuron sends several spikes in a step; spikes on the board are not graded")
	}
	for _, l := range n.Layers {
		switch l := l.(type) {
		case *spike.MaxPool2D:
			refusal.Add(l.LayerName, "max-pooling; the board adds spikes up and cannot take a maximum")
		case *spike.Neurons:
			switch {
			case l.Dynamics == spike.SpikingReLU:
				refusal.Add(l.LayerName, "a spiking_relu neuron fires several times a step and keeps the rest; the board's neurons fire once and are reset")
			case l.MaxCount() > 1:
				refusal.Add(l.LayerName, "its spikes are graded, up to %d in a step; spikes on the board are not", l.Most)
			case l.Reset != spike.ResetToZero:
				refusal.Add(l.LayerName, "reset %q: the board resets to a fixed potential", l.Reset)
			}
		}
	}
}
