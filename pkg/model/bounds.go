package model

import (
	"math"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/spike"
)

// maxValue is the largest value that a network may be able to reach, 2^100. It is far beyond a working network's, and so
// far below float32's 2^128 that neither a sum, whatever its order and rounding, nor a mean over steps can overflow:
// what the softmax gets is always finite.
const maxValue = 1 << 100

// reaching checks the largest value that a layer can produce: it must be a number of at most maxValue.
func (b *builder) reaching(i int, l *Layer, field string, value float64) error {
	if b.reach = value; !(value <= maxValue) {
		return layerError(i, l, field, "values of up to %.3g can be reached, must be at most %.3g", value, float64(maxValue))
	}
	return nil
}

// neurons gives the largest value that a layer of neurons over a map can hand on. A membrane potential that no
// spike ever lowers adds up over all steps.
func (b *builder) neurons(i int, l *Layer, n *spike.Neurons, over spike.Shape) error {
	steps, gain := b.network.steps, 1.0
	if b.network.axis == spike.Rows {
		steps = over.H
	}
	if n.Dynamics == spike.SpikingReLU {
		gain = float64(n.DT)
	}
	if err := b.reaching(i, l, "start", math.Abs(float64(n.Start.Value))+float64(steps)*gain*b.reach); err != nil {
		return err
	}
	return b.reaching(i, l, "model", float64(n.Value(kernel.MaxCount)))
}

// magnitude is the largest magnitude of an output of weights [..][out] whose inputs are at most in: the largest sum
// over |w| in, and |b|.
func magnitude(in float64, out int, w *spike.Weights) float64 {
	sums := make([]float64, out)
	addMagnitudes(sums, w.Float32)
	addMagnitudes(sums, w.Int8)
	largest := 0.0
	for o, sum := range sums {
		sum *= in
		if w.Scale != nil {
			sum *= math.Abs(float64(w.Scale[o]))
		}
		if w.Bias != nil {
			sum += math.Abs(float64(w.Bias[o]))
		}
		largest = max(largest, sum)
	}
	return largest
}

func addMagnitudes[T float32 | int8](sums []float64, weights []T) {
	for len(weights) > 0 {
		for o, w := range weights[:len(sums)] {
			sums[o] += math.Abs(float64(w))
		}
		weights = weights[len(sums):]
	}
}
