package model

import "github.com/spikeray/spikeray/pkg/spike"

// Additive is a read-out that adds up: the mean of the last spikes over all steps and places, then one dense layer. Its log-odds
// of the positive label are
//
//	Bias + sum over t, y, x, c of Weights[c] * Spike * counts[t][y][x][c] / (T * H * W)
//
// for T steps, but for the rounding of float32. Each term belongs to one step, place and channel, as in the class activation map
// of Zhou and others, "Learning Deep Features for Discriminative Localization" (2016), equation 2.
type Additive struct {
	Layer   string      // the neurons whose spikes are read out
	Shape   spike.Shape // of the map of one step that is read out, behind the poolings that follow the neurons
	Weights []float64   // by channel, those for the positive label less those for the other
	Bias    float64     // likewise
	Spike   float64     // what one spike stands for
}

// Additive returns the model's read-out if it adds up, for two labels. Others have none: a read-out behind a flatten layer, one of
// several layers, networks along rows, and networks without neurons.
func (m *Model) Additive() (Additive, bool) {
	n := m.own.net
	if n.body == nil || n.axis != spike.Steps || len(n.readout.ops) != 2 || len(m.description.Labels) != 2 {
		return Additive{}, false
	}
	dense := &n.readout.ops[1]
	if dense.behindMean == nil || dense.relu {
		return Additive{}, false
	}
	w, positive, other := dense.behindMean, m.positive, 1-m.positive
	a := Additive{Layer: n.last.LayerName, Shape: n.bodyOut, Weights: make([]float64, n.bodyOut.C), Spike: float64(n.last.Value(1))}
	for c := range a.Weights {
		a.Weights[c] = float64(w.Float32[2*c+positive]) - float64(w.Float32[2*c+other])
	}
	if w.Bias != nil {
		a.Bias = float64(w.Bias[positive]) - float64(w.Bias[other])
	}
	return a, true
}

// SpikingLayer is a layer of neurons and the map that they lie over. Along rows, the rows of the map are the steps.
type SpikingLayer struct {
	Name  string
	Shape spike.Shape
}

// SpikingLayers lists the network's layers of neurons in their order. The gate's are not among them.
func (m *Model) SpikingLayers() []SpikingLayer {
	n := m.own.net
	if n.body == nil {
		return nil
	}
	layers := []SpikingLayer{{n.body.Source.LayerName, spike.Shape(n.front.out)}}
	shapes, err := n.body.Shapes()
	if err != nil {
		panic("model: " + err.Error()) // build has checked it
	}
	for i, l := range n.body.Layers {
		if neurons, ok := l.(*spike.Neurons); ok {
			layers = append(layers, SpikingLayer{neurons.LayerName, shapes[i]})
		}
	}
	return layers
}
