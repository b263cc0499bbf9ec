package loihi

import (
	"context"
	"fmt"
	"sync"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// program is a placed network. Nothing has to be loaded into an emulator, so that it is its own placement.
type program struct {
	board   *board
	net     *spike.Network
	stages  []hw.Stage
	machine *machine
	// simulated is each stage with the chip's numbers.
	simulated []simulated
	report    hw.Report
	rooms     sync.Pool
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

// room is the memory of one run.
type room struct {
	state      *machineState
	spikes     []int32  // in
	counts     []uint8  // of one layer
	operations []uint64 // on their way into each layer
}

func (p *program) newRoom() *room {
	largest := 0
	for _, s := range p.stages {
		largest = max(largest, s.Out.Len())
	}
	return &room{p.machine.NewState(), make([]int32, p.net.Input.Len()), make([]uint8, largest), make([]uint64, len(p.stages))}
}

// Measure shows the train to the machine. Layer i, from 0, is i+1 steps behind it; what it does before and after the
// train's steps reach it is not counted.
func (p *program) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (stats spike.Stats, seen hw.Telemetry, err error) {
	if err := p.board.Health(ctx); err != nil {
		return stats, seen, err
	}
	depth := len(p.stages)
	steps, err := hw.CheckTrains(p.net, p.stages[depth-1].Out, in, out)
	if err != nil {
		return stats, seen, err
	}
	r := p.rooms.Get().(*room)
	defer p.rooms.Put(r)
	r.state.Reset()
	size := len(r.spikes)
	for now := range steps + depth {
		if err := ctx.Err(); err != nil {
			return stats, seen, err
		}
		var step []uint8
		clear(r.spikes)
		if now < steps {
			step = in.Counts[now*size:][:size]
			for i, n := range step {
				if int(n) > p.stages[0].MaxCount {
					return stats, seen, fmt.Errorf("loihi: step %d has %d spikes of one neuron, but the network's source emits at most %d", now, n, p.stages[0].MaxCount)
				}
				r.spikes[i] = int32(n)
			}
		}
		r.state.Step(r.spikes)
		seen.BoardSteps++
		seen.Saturated, stats.Saturated = r.state.Saturated, r.state.Saturated
		// From the last layer, so that the operations into a layer are still those of the step before.
		for i := depth - 1; i >= 0; i-- {
			t := now - i - 1
			if t < 0 || t >= steps {
				continue
			}
			emitted := p.observe(&stats, r, i, opt.Recorder)
			if i+1 < depth {
				r.operations[i+1] = p.stages[i+1].SynapticOperations(emitted)
				continue
			}
			to := out.Counts[t*len(emitted):][:len(emitted)]
			copy(to, emitted)
			if opt.OnStep != nil {
				if err := opt.OnStep(t, to); err != nil {
					return stats, seen, err
				}
			}
		}
		if step != nil {
			r.operations[0] = p.stages[0].SynapticOperations(step)
		}
	}
	return stats, seen, nil
}

// observe counts what a layer did in the last step, and gives its spikes.
func (p *program) observe(stats *spike.Stats, r *room, layer int, rec *spike.Recorder) []uint8 {
	s := &p.stages[layer]
	emitted := r.counts[:s.Out.Len()]
	for i, n := range r.state.Spikes(layer) {
		emitted[i] = uint8(n)
		stats.Spikes += uint64(n)
	}
	stats.NeuronSteps += uint64(len(emitted))
	stats.SynapticOperations += r.operations[layer]
	if rec != nil {
		rec.Observe(s.Neurons.LayerName, spike.Steps, s.Out, emitted, r.operations[layer])
	}
	return emitted
}
