package loihi

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Options choose what is emulated.
type Options struct {
	Chip  Chip // Loihi2 if it has no name
	Chips int  // 1 if 0
}

// Open returns an emulated board.
func Open(o Options) (hw.Board, error) {
	if o.Chip.Name == "" {
		o.Chip = Loihi2
	}
	if o.Chips == 0 {
		o.Chips = 1
	}
	if o.Chips < 1 || o.Chips > 1<<16 || o.Chip.Cores < 1 || o.Chip.CoreNeurons < 1 {
		return nil, fmt.Errorf("loihi: %d chips of %d cores of %d neurons", o.Chips, o.Chip.Cores, o.Chip.CoreNeurons)
	}
	return &board{chip: o.Chip, chips: o.Chips}, nil
}

type board struct {
	chip   Chip
	chips  int
	closed atomic.Bool
}

// Name is "loihi".
func (b *board) Name() string { return "loihi" }

func (b *board) Capabilities() hw.Capabilities {
	c := hw.Capabilities{
		Fidelity:   hw.ExactEmulator,
		Axes:       []spike.Axis{spike.Steps},
		Layers:     []string{"conv2d", "dense", "flatten", "neurons"},
		Dynamics:   []spike.Dynamics{spike.IntegrateAndFire, spike.LeakyIntegrateAndFire},
		Resets:     []spike.Reset{spike.ResetToZero},
		WeightBits: 8,
		StateBits:  24,
		MaxCount:   1,
		MaxSteps:   spike.MaxSteps,
		Sizes:      b.sizes(0, 0, 0),
	}
	if b.chip.Graded {
		c.MaxCount = 255
	}
	return c
}

func (b *board) sizes(cores, neurons, synapses int) []hw.Resource {
	all := b.chips * b.chip.Cores
	return []hw.Resource{
		{Name: "cores", Used: cores, Available: all},
		{Name: "neurons", Used: neurons, Available: all * b.chip.CoreNeurons},
		{Name: "synapses", Used: synapses, Available: all * b.chip.CoreSynapses},
	}
}

func (b *board) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	return hw.Compile(ctx, b, n)
}

func (b *board) Health(ctx context.Context) error {
	if b.closed.Load() {
		return hw.ErrClosed
	}
	return ctx.Err()
}

func (b *board) Close() error {
	b.closed.Store(true)
	return nil
}

// Place needs no hardware.
func (b *board) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	if err := b.Health(ctx); err != nil {
		return nil, err
	}
	stages, err := hw.Stages(n)
	if err != nil {
		return nil, err
	}
	refusal := &hw.Refusal{Board: b.Name()}
	b.refuse(n, stages, refusal)
	b.measure(stages, refusal)
	if err := refusal.Err(); err != nil {
		return nil, err
	}
	p := &program{board: b, net: n, stages: stages, report: hw.Report{Board: b.Name(), Exact: true}}
	var layers []machineLayer
	for i := range stages {
		if err := b.Health(ctx); err != nil {
			return nil, err
		}
		layer, simulated, report := quantise(&stages[i], i+1, n.Steps, refusal)
		layers = append(layers, layer)
		p.simulated = append(p.simulated, simulated)
		p.report.Layers = append(p.report.Layers, report)
		p.report.Exact = p.report.Exact && report.Exact
	}
	if err := refusal.Err(); err != nil {
		return nil, err
	}
	b.place(stages, &p.report, refusal)
	if err := refusal.Err(); err != nil {
		return nil, err
	}
	if p.machine, err = newMachine(layers...); err != nil {
		return nil, err
	}
	p.rooms.New = func() any { return p.newRoom() }
	return p, nil
}

// refuse names everything in a network that the chip has no way to run.
func (b *board) refuse(n *spike.Network, stages []hw.Stage, refusal *hw.Refusal) {
	if n.Axis != spike.Steps {
		refusal.Add("", "its time runs along the rows of the picture; the chip is shown the whole picture for several steps")
	}
	if len(stages) == 0 {
		refusal.Add("", "it has no layer between its first neurons and its read-out")
	}
	if len(stages) > 0 && stages[0].MaxCount > 1 && !b.chip.Graded {
		refusal.Add(n.Source.LayerName, "a neuron sends several spikes in a step, and %s has no graded spikes", b.chip.Name)
	}
	for _, l := range n.Layers {
		switch l := l.(type) {
		case *spike.MaxPool2D:
			refusal.Add(l.LayerName, "max-pooling; the chip adds spikes up and cannot take a maximum")
		case *spike.Neurons:
			switch {
			case l.Dynamics == spike.SpikingReLU:
				refusal.Add(l.LayerName, "a spiking_relu neuron fires several times a step and keeps the rest; the chip's neurons fire once and are reset to zero")
			case l.MaxCount() > 1:
				refusal.Add(l.LayerName, "its spikes are graded, up to %d in a step; the chip's integrate-and-fire neurons send binary spikes", l.Most)
			case l.Reset != spike.ResetToZero:
				refusal.Add(l.LayerName, "reset %q: the chip resets to zero", l.Reset)
			}
		}
	}
}

// measure refuses what could not fit however it were placed, before anything is made for it.
func (b *board) measure(stages []hw.Stage, refusal *hw.Refusal) {
	neurons, synapses := 0, 0
	for i := range stages {
		neurons += stages[i].Out.Len()
		synapses += stages[i].Synapses()
	}
	for _, s := range b.sizes(0, neurons, synapses) {
		if s.Available > 0 && s.Used > s.Available {
			refusal.Add("", "it has %d %s, the board has %d", s.Used, s.Name, s.Available)
		}
	}
}

// place gives the neurons to cores, from the last layer to the first, since a neuron needs an axon for every core that
// hears of it.
func (b *board) place(stages []hw.Stage, report *hw.Report, refusal *hw.Refusal) {
	cores, neurons, synapses := 0, 0, 0
	var readers []int
	for i := len(stages) - 1; i >= 0; i-- {
		s, r := &stages[i], &report.Layers[i]
		w, err := s.Weighted.Window(s.In)
		if err != nil {
			refusal.Add(r.Layer, "%v", err)
			return
		}
		m := mapping{in: s.In, out: s.Out, kernel: s.Weighted.Kernel, stride: s.Weighted.Stride, paddings: [2]int{w.PadTop, w.PadLeft}}
		var ok bool
		if r.Cores, readers, ok = m.cores(b.chip, readers); !ok {
			refusal.Add(r.Layer, "a neuron has more connections than a core of %s can hold", b.chip.Name)
			return
		}
		cores += r.Cores
		neurons += r.NeuronCount
		synapses += r.Synapses
	}
	report.Resources = b.sizes(cores, neurons, synapses)
	if all := b.chips * b.chip.Cores; cores > all {
		refusal.Add("", "it needs %d cores of %s, there are %d", cores, b.chip.Name, all)
	}
}
