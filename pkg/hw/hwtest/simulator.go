package hwtest

import (
	"context"
	"sync/atomic"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Simulator is the built-in simulator as a board. Other boards are compared with it.
func Simulator() hw.Board { return &simulator{} }

type simulator struct {
	spike.Simulator
	closed atomic.Bool
}

func (s *simulator) Capabilities() hw.Capabilities {
	return hw.Capabilities{
		Fidelity: hw.Float,
		Axes:     []spike.Axis{spike.Rows, spike.Steps},
		Layers:   []string{"conv2d", "dense", "max_pool2d", "flatten", "neurons"},
		Dynamics: []spike.Dynamics{spike.SpikingReLU, spike.IntegrateAndFire, spike.LeakyIntegrateAndFire},
		Resets:   []spike.Reset{spike.ResetBySubtraction, spike.ResetToZero},
		MaxCount: 255,
		Graded:   true,
		MaxSteps: spike.MaxSteps,
	}
}

func (s *simulator) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	return hw.Compile(ctx, s, n)
}

func (s *simulator) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	if err := s.Health(ctx); err != nil {
		return nil, err
	}
	runner, err := s.Simulator.Compile(ctx, n)
	if err != nil {
		return nil, err
	}
	stages, err := hw.Stages(n)
	if err != nil {
		return nil, err
	}
	p := &simulation{Runner: runner, board: s, report: hw.Report{Board: s.Name(), Exact: true}}
	neurons, synapses := 0, 0
	for _, st := range stages {
		l := hw.LayerReport{
			Layer: st.Weighted.LayerName, Neurons: st.Neurons.LayerName, Exact: true,
			Weights:   len(st.Weighted.Int8) + len(st.Weighted.Float32),
			Threshold: float64(st.Neurons.Threshold), BoardThreshold: float64(st.Neurons.Threshold), Decay: 1, BoardDecay: 1,
			NeuronCount: st.Neurons.StateLen(st.Out, n.Axis), Synapses: st.Synapses(),
		}
		if st.Neurons.Dynamics == spike.LeakyIntegrateAndFire {
			l.Decay = float64(st.Neurons.Decay)
			l.BoardDecay = l.Decay
		}
		neurons += l.NeuronCount
		synapses += l.Synapses
		p.report.Layers = append(p.report.Layers, l)
	}
	p.report.Resources = []hw.Resource{{Name: "neurons", Used: neurons}, {Name: "synapses", Used: synapses}}
	p.axis, p.input = n.Axis, n.Input
	return p, nil
}

func (s *simulator) Health(ctx context.Context) error {
	if s.closed.Load() {
		return hw.ErrClosed
	}
	return ctx.Err()
}

func (s *simulator) Close() error {
	s.closed.Store(true)
	return nil
}

// simulation is a placement, and since nothing needs loading a program as well.
type simulation struct {
	spike.Runner
	board  *simulator
	report hw.Report
	axis   spike.Axis
	input  spike.Shape
}

func (p *simulation) Report() hw.Report { return p.report }

func (p *simulation) Load(ctx context.Context) (hw.Program, error) {
	if err := p.board.Health(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *simulation) Run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, error) {
	if p.board.closed.Load() {
		return spike.Stats{}, hw.ErrClosed
	}
	return p.Runner.Run(ctx, in, out, opt)
}

func (p *simulation) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	stats, err := p.Run(ctx, in, out, opt)
	steps := p.input.H
	if p.axis == spike.Steps {
		steps = len(in.Counts) / p.input.Len()
	}
	return stats, hw.Telemetry{BoardSteps: steps}, err
}
