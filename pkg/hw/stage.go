package hw

import (
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Stage is a weighted layer of a network with the neurons that it drives.
type Stage struct {
	// Weighted is the layer; a dense one as the convolution of 1x1 over a map of 1x1 that it is.
	Weighted *spike.Conv2D
	Neurons  *spike.Neurons
	In, Out  spike.Shape
	// Value is what one incoming spike stands for.
	Value float32
	// MaxCount is the largest number of spikes that an input can have in a step.
	MaxCount int
	// Fan is the outgoing connections of the inputs at row y and column x of a map: FanRows[y] * FanCols[x] * Out.C.
	FanRows, FanCols []int
}

// Stages returns a network's weighted layers with their neurons, in order. Errors wrap [spike.ErrNetwork].
func Stages(n *spike.Network) ([]Stage, error) {
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	var stages []Stage
	in, from := n.Input, n.Source
	for i, l := range n.Layers {
		var conv *spike.Conv2D
		switch l := l.(type) {
		case *spike.Conv2D:
			conv = l
		case *spike.Dense:
			conv = &spike.Conv2D{LayerName: l.LayerName, Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}, Channels: l.Units, Weights: l.Weights}
		}
		if conv != nil {
			window, err := conv.Window(in)
			if err != nil {
				return nil, fmt.Errorf("%w: layer %q: %v", spike.ErrNetwork, l.Name(), err)
			}
			s := Stage{Weighted: conv, Neurons: n.Layers[i+1].(*spike.Neurons), In: in, Out: shapes[i], Value: from.Value(1), MaxCount: from.MaxCount()}
			s.FanRows, s.FanCols = window.Cover()
			stages = append(stages, s)
			from = s.Neurons
		}
		in = shapes[i]
	}
	return stages, nil
}

// Synapses is the number of connections.
func (s *Stage) Synapses() int {
	rows, cols := 0, 0
	for _, n := range s.FanRows {
		rows += n
	}
	for _, n := range s.FanCols {
		cols += n
	}
	return rows * cols * s.In.C * s.Out.C
}

// SynapticOperations counts the operations that a map of incoming spikes causes: a neuron that fires sends one message,
// whatever its count, and the message counts once for every connection that it reaches.
func (s *Stage) SynapticOperations(counts []uint8) (operations uint64) {
	for y, rows := range s.FanRows {
		for x, cols := range s.FanCols {
			messages := 0
			for _, n := range counts[(y*s.In.W+x)*s.In.C:][:s.In.C] {
				if n > 0 {
					messages++
				}
			}
			operations += uint64(messages * rows * cols)
		}
	}
	return operations * uint64(s.Out.C)
}

// CheckTrains checks that the trains in and out fit a network of these shapes, and returns their number of steps.
func CheckTrains(n *spike.Network, output spike.Shape, in, out spike.Train) (steps int, err error) {
	steps = len(in.Counts) / n.Input.Len()
	switch {
	case in.Shape != n.Input || len(in.Counts) != steps*n.Input.Len() || len(out.Counts) != steps*output.Len():
		return 0, fmt.Errorf("hw: %d counts of shape %v in and %d out do not fit the network", len(in.Counts), in.Shape, len(out.Counts))
	case steps > n.Steps:
		return 0, errors.New("hw: more steps than the network has")
	}
	return steps, nil
}
