package spinnaker

import (
	"context"
	"slices"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// program is a network that the toolchain has loaded, so that it is its own placement.
type program struct {
	board  *board
	net    *spike.Network
	stages []hw.Stage
	report hw.Report
}

func (p *program) Report() hw.Report { return p.report }

func (p *program) Load(ctx context.Context) (hw.Program, error) {
	if err := p.board.Health(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *program) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	stats, _, err := p.Measure(ctx, in, out, opt)
	return stats, err
}

// Populations besides those of the stages, which are numbered from 0.
const (
	marker = -2
	source = -1
)

// neuron is whom a key belongs to.
type neuron struct{ population, atom int32 }

// binding is a network in the keys of what is loaded.
type binding struct {
	source []loadedAtom
	marker loadedAtom
	keys   map[uint32]neuron
	tags   []liveTag
	steps  int // that the toolchain runs the network for
}

// bind finds the network in a mapping. The error is a *[hw.Refusal] when another one is loaded.
func (p *program) bind(m *loadedNetwork) (*binding, error) {
	refusal := &hw.Refusal{Board: p.board.Name()}
	if m.Proxied {
		refusal.Add("", "the board is behind a spalloc proxy, which is not supported")
	}
	// A silent step tells when the last spikes of the last layer have come.
	if need := p.net.Steps + len(p.stages) + 1; m.Steps < need {
		refusal.Add("", "the toolchain runs it for %d time steps (0: without end), must be a fixed number of at least %d", m.Steps, need)
	}
	b := &binding{keys: map[uint32]neuron{}, steps: m.Steps}
	found := map[*loadedPopulation]bool{}
	find := func(number int, name string, size int) []loadedAtom {
		pop := m.Populations[name]
		switch {
		case found[pop]:
			refusal.Add(name, "two of its layers, or a layer and the marker, have this name")
			return nil
		case pop == nil:
			refusal.Add(name, "no population with this name is loaded")
			return nil
		case len(pop.Atoms) != size && !pop.whole:
			refusal.Add(name, "its population sends no live spikes")
			return nil
		case len(pop.Atoms) != size:
			refusal.Add(name, "its population has %d neurons, expected %d", len(pop.Atoms), size)
			return nil
		case !pop.whole:
			refusal.Add(name, "its population sends no live spikes")
			return nil
		}
		found[pop] = true
		for i, a := range pop.Atoms {
			b.keys[a.Key] = neuron{int32(number), int32(i)}
		}
		for _, t := range pop.Live {
			if !t.Strip {
				refusal.Add(name, "its spikes leave by tag %d, which does not strip the SDP header", t.Tag)
			}
			if !slices.Contains(b.tags, t) {
				b.tags = append(b.tags, t)
			}
		}
		return pop.Atoms
	}
	if atoms := find(marker, p.board.opt.Marker, 1); atoms != nil {
		b.marker = atoms[0]
	}
	b.source = find(source, p.net.Source.LayerName, p.net.Input.Len())
	for i, s := range p.stages {
		find(i, s.Neurons.LayerName, s.Out.Len())
	}
	return b, refusal.Err()
}

// describe reports the network as it was asked for: what the toolchain made of its numbers, the database does not tell.
func (p *program) describe(m *loadedNetwork) hw.Report {
	r := hw.Report{Board: p.board.Name()}
	neurons, synapses, cores := 0, 0, 0
	for _, s := range p.stages {
		used := map[coreAddress]bool{}
		for _, a := range m.Populations[s.Neurons.LayerName].Atoms {
			used[a.Core] = true
		}
		l := hw.LayerReport{
			Layer: s.Weighted.LayerName, Neurons: s.Neurons.LayerName,
			Weights:   len(s.Weighted.Int8) + len(s.Weighted.Float32),
			Threshold: float64(s.Neurons.Threshold), BoardThreshold: float64(s.Neurons.Threshold), Decay: 1, BoardDecay: 1,
			NeuronCount: s.Out.Len(), Synapses: s.Synapses(), Cores: len(used),
		}
		if s.Neurons.Dynamics == spike.LeakyIntegrateAndFire {
			l.Decay = float64(s.Neurons.Decay)
			l.BoardDecay = l.Decay
		}
		neurons += l.NeuronCount
		synapses += l.Synapses
		cores += l.Cores
		r.Layers = append(r.Layers, l)
	}
	r.Resources = []hw.Resource{{Name: "cores", Used: cores}, {Name: "neurons", Used: neurons}, {Name: "synapses", Used: synapses}}
	return r
}
