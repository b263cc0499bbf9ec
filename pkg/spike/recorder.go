package spike

import "slices"

// Recorder records what the layers of neurons did in one run. It is not safe for concurrent use.
type Recorder struct {
	// Rasters names the layers for which each neuron's spikes at each step are kept.
	Rasters []string
	// Layers are the records of the run, in the network's order.
	Layers []LayerRecord
}

// LayerRecord is what one layer of neurons did.
type LayerRecord struct {
	Name string
	// Spikes emitted, a number a step.
	Spikes []uint64
	// SynapticOperations that the layer's incoming spikes caused; 0 for the network's source.
	SynapticOperations uint64
	// Active counts the neurons that fired, and NeuronSteps all neurons; each neuron counts once a step.
	Active, NeuronSteps uint64
	// Raster is every neuron's count at every step; its counts are nil unless they were asked for.
	Raster Train
}

// Sparsity is the share of neurons that did not fire in a step.
func (l LayerRecord) Sparsity() float64 {
	if l.NeuronSteps == 0 {
		return 0
	}
	return 1 - float64(l.Active)/float64(l.NeuronSteps)
}

// Observe records what a layer emitted and the synaptic operations behind it: one map of shape s along Rows, or one step
// along Steps. The first calls for the layers must come in the network's order.
func (r *Recorder) Observe(layer string, axis Axis, s Shape, counts []uint8, synapticOperations uint64) {
	i := slices.IndexFunc(r.Layers, func(l LayerRecord) bool { return l.Name == layer })
	if i < 0 {
		i = len(r.Layers)
		r.Layers = append(r.Layers, LayerRecord{Name: layer, Raster: Train{Axis: axis, Shape: s}})
	}
	l := &r.Layers[i]
	steps := 1
	if axis == Rows {
		steps = s.H
	}
	for step := range slices.Chunk(counts, len(counts)/steps) {
		var spikes uint64
		for _, n := range step {
			spikes += uint64(n)
			if n > 0 {
				l.Active++
			}
		}
		l.Spikes = append(l.Spikes, spikes)
	}
	l.NeuronSteps += uint64(len(counts))
	l.SynapticOperations += synapticOperations
	if slices.Contains(r.Rasters, layer) {
		l.Raster.Counts = append(l.Raster.Counts, counts...)
	}
}
