package loihi

import (
	"slices"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// simulated is a stage with the chip's numbers as the simulator takes them. Its unit is one step of the weights, so that
// everything is a multiple of 1/128 and float32 has it as long as the chip's 24 bits have.
type simulated struct {
	weights spike.Weights
	neurons *spike.Neurons // nil where the simulator cannot start as the chip does
	exact   bool
}

func newSimulated(s *hw.Stage, weights []int32, n *lif, start []int32, grid int32) simulated {
	q := simulated{weights: spike.Weights{Int8: make([]int8, len(weights)), Scale: slices.Repeat([]float32{1}, s.Out.C)}}
	for i, w := range weights {
		q.weights.Int8[i] = int8(w)
	}
	if n.BiasMantissa != nil {
		for c := range s.Out.C {
			q.weights.Bias = append(q.weights.Bias, float32(n.bias(c))/potentialSteps)
		}
	}
	if s.Neurons.Start.Kind != spike.StartConstant {
		return q
	}
	neurons := *s.Neurons
	neurons.Start.Value = float32(start[0]) / potentialSteps
	// The first potential above the chip's threshold.
	neurons.Threshold = float32(n.Threshold<<shift/grid*grid+grid) / potentialSteps
	neurons.Decay = float32(decayOne-n.DV) / decayOne
	if neurons.Dynamics != spike.LeakyIntegrateAndFire {
		neurons.Decay = 0
	}
	q.neurons = &neurons
	q.exact = n.DV == 0 // a decay is rounded on the chip
	return q
}

// Quantised implements [hw.Quantised]. It is nil for starting voltages that are drawn at random.
func (p *program) Quantised() (*spike.Network, bool) {
	q, exact, stage := *p.net, true, 0
	q.Layers = slices.Clone(p.net.Layers)
	for i, l := range q.Layers {
		s := &p.simulated[min(stage, len(p.simulated)-1)]
		switch l := l.(type) {
		case *spike.Conv2D:
			conv := *l
			conv.Weights = s.weights
			q.Layers[i] = &conv
		case *spike.Dense:
			dense := *l
			dense.Weights = s.weights
			q.Layers[i] = &dense
		case *spike.Neurons:
			if s.neurons == nil {
				return nil, false
			}
			q.Layers[i] = s.neurons
			exact = exact && s.exact
			stage++
		}
	}
	return &q, exact
}
