package spike

import (
	"errors"
	"fmt"
	"math"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Dynamics names the equation of a neuron's membrane potential V.
type Dynamics string

const (
	// SpikingReLU is the article's activation, KerasSpiking's SpikingActivation without averaging:
	// V = V + max(x, 0)*DT; n = floor(V); V = V - n. It hands on n/DT and may fire several times a step.
	SpikingReLU Dynamics = "spiking_relu"
	// IntegrateAndFire: V = V + x; fires once when V >= Threshold, and is then reset. It hands on n*Amplitude. With Most
	// above 1 its spikes are graded: n = min(Most, floor(V)), none below 0; V = V - n.
	IntegrateAndFire Dynamics = "integrate_and_fire"
	// LeakyIntegrateAndFire: V = Decay*V + x, then as IntegrateAndFire.
	LeakyIntegrateAndFire Dynamics = "leaky_integrate_and_fire"
)

// Reset is what happens to the membrane potential of a neuron that fired.
type Reset string

const (
	ResetBySubtraction Reset = "subtract" // V = V - Threshold
	ResetToZero        Reset = "zero"     // V = 0
)

// Neurons is a layer with one neuron for each element of a step: [W][C] on the axis Rows, [H][W][C] on the axis Steps.
type Neurons struct {
	LayerName string
	Dynamics  Dynamics
	DT        float32 // length of a step; SpikingReLU only
	Threshold float32 // not SpikingReLU
	Decay     float32 // LeakyIntegrateAndFire only, in (0, 1)
	Amplitude float32 // what a spike hands on; not SpikingReLU
	Reset     Reset   // not SpikingReLU
	// Most spikes in a step, 1 to 255; 0 is 1. Above 1, Threshold is 1 and Reset by subtraction. Not SpikingReLU.
	Most  int
	Start Start
}

// Name of the layer.
func (n *Neurons) Name() string { return n.LayerName }

func (n *Neurons) output(in Shape) (Shape, error) {
	positive := func(field string, v float32) error {
		if !(v > 0) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("%s is %v, must be a finite number above 0", field, v)
		}
		return nil
	}
	if err := n.Start.check(); err != nil {
		return in, err
	}
	switch n.Dynamics {
	case SpikingReLU:
		if n.Most != 0 {
			return in, errors.New("most is only for neurons that integrate and fire; spiking_relu fires up to 255 times a step")
		}
		return in, positive("dt", n.DT)
	case LeakyIntegrateAndFire:
		if !(n.Decay > 0 && n.Decay < 1) {
			return in, fmt.Errorf("decay is %v, must be a number between 0 and 1", n.Decay)
		}
	case IntegrateAndFire:
	default:
		return in, fmt.Errorf("neuron model %q is unknown", n.Dynamics)
	}
	if n.Reset != ResetBySubtraction && n.Reset != ResetToZero {
		return in, fmt.Errorf("reset %q is unknown", n.Reset)
	}
	if err := positive("threshold", n.Threshold); err != nil {
		return in, err
	}
	if n.Most < 0 || n.Most > kernel.MaxCount {
		return in, fmt.Errorf("most is %d, must be 1 to %d spikes a step", n.Most, kernel.MaxCount)
	}
	if n.Most > 1 && (n.Threshold != 1 || n.Reset != ResetBySubtraction) {
		return in, fmt.Errorf("most is %d, and more than 1 spike a step needs threshold 1, not %v, and reset %q, not %q", n.Most, n.Threshold, ResetBySubtraction, n.Reset)
	}
	return in, positive("amplitude", n.Amplitude)
}

// MaxCount is the most spikes that a neuron emits in a step.
func (n *Neurons) MaxCount() int {
	if n.Dynamics == SpikingReLU {
		return kernel.MaxCount
	}
	return max(1, n.Most)
}

// Value is what a number of spikes hands on to the next layer.
func (n *Neurons) Value(count uint32) float32 {
	if n.Dynamics == SpikingReLU {
		return float32(count) / n.DT
	}
	return float32(count) * n.Amplitude
}

// values is Value as a table.
func (n *Neurons) values() (table [kernel.MaxCount + 1]float32) {
	for i := range table {
		table[i] = n.Value(uint32(i))
	}
	return table
}

// step takes one step for all neurons; v, x and counts have one element a neuron. Only a SpikingReLU clips: what Most
// holds back is the neuron's own equation.
func (n *Neurons) step(tier kernel.Tier, counts []uint8, v, x []float32) (spikes, clipped uint64) {
	if n.Dynamics == SpikingReLU {
		return tier.SpikingReLU(counts, v, x, n.DT)
	}
	if n.Most > 1 {
		return tier.Graded(n.graded(), counts, v, x), 0
	}
	return tier.LIF(kernel.LIF{Decay: n.decay(), Threshold: n.Threshold, ResetToZero: n.Reset == ResetToZero}, counts, v, x), 0
}

// decay is what is left of a voltage after a step.
func (n *Neurons) decay() float32 {
	if n.Dynamics == LeakyIntegrateAndFire {
		return n.Decay
	}
	return 1
}

// graded is the equation of neurons with Most above 1.
func (n *Neurons) graded() kernel.Graded { return kernel.Graded{Decay: n.decay(), Most: uint8(n.Most)} }

// StateLen is the number of neurons over a map of shape s.
func (n *Neurons) StateLen(s Shape, axis Axis) int {
	if axis == Rows {
		return s.W * s.C
	}
	return s.Len()
}
