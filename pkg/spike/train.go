package spike

import "github.com/spikeray/spikeray/internal/kernel"

// Train is the spikes of a layer over time. Along rows, Counts is one map [H][W][C] whose rows are the steps; along
// steps it is [T][H][W][C].
type Train struct {
	Axis   Axis
	Shape  Shape
	Counts []uint8
}

// Steps is the number of time steps.
func (t Train) Steps() int {
	if t.Axis == Rows {
		return t.Shape.H
	}
	return len(t.Counts) / t.Shape.Len()
}

// Step is the counts of one step, [W][C] or [H][W][C].
func (t Train) Step(i int) []uint8 {
	n := len(t.Counts) / t.Steps()
	return t.Counts[i*n : (i+1)*n : (i+1)*n]
}

// Encode runs the neurons on a current. It starts from the voltages v and leaves in v those after the last step. counts and
// current have the same size: one step of the axis Steps, or one map whose rows are the steps; v has [Neurons.StateLen]
// elements in both cases. It returns the number of spikes and how often a neuron was held back by the limit of 255. It uses
// the preferred kernel; every kernel gives the same bits.
func (n *Neurons) Encode(counts []uint8, v, current []float32) (spikes, clipped uint64) {
	tier := kernel.Preferred()
	for at := 0; at < len(counts); at += len(v) {
		s, c := n.step(tier, counts[at:at+len(v)], v, current[at:at+len(v)])
		spikes += s
		clipped += c
	}
	return spikes, clipped
}
