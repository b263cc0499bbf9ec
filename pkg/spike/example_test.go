package spike_test

import (
	"context"
	"fmt"

	"github.com/spikeray/spikeray/pkg/spike"
)

// A network of two neurons behind a source of three is shown spikes for four steps.
func Example() {
	neurons := func(name string) *spike.Neurons {
		return &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Threshold: 1, Amplitude: 1, Reset: spike.ResetBySubtraction,
			Start: spike.Start{Kind: spike.StartConstant},
		}
	}
	network := &spike.Network{
		Axis: spike.Steps, Steps: 4,
		Source: neurons("source"), Input: spike.Shape{H: 1, W: 1, C: 3},
		Layers: []spike.Layer{
			&spike.Dense{LayerName: "dense", Units: 2, Weights: spike.Weights{Float32: []float32{
				0.5, 0, // from the first neuron of the source
				0.5, 1,
				0, -1,
			}}},
			neurons("spike"),
		},
	}
	runner, err := spike.Simulator{}.Compile(context.Background(), network)
	if err != nil {
		fmt.Println(err)
		return
	}
	in := spike.Train{Axis: spike.Steps, Shape: network.Input, Counts: []uint8{
		1, 0, 0,
		1, 1, 0,
		0, 1, 1,
		1, 1, 0,
	}}
	out := spike.Train{Axis: spike.Steps, Shape: spike.Shape{H: 1, W: 1, C: 2}, Counts: make([]uint8, 4*2)}
	stats, err := runner.Run(context.Background(), in, out, spike.RunOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for step := range out.Steps() {
		fmt.Println(step, out.Step(step))
	}
	fmt.Println(stats.Spikes, "spikes,", stats.SynapticOperations, "synaptic operations")
	// Output:
	// 0 [0 0]
	// 1 [1 1]
	// 2 [1 0]
	// 3 [1 1]
	// 5 spikes, 14 synaptic operations
}

// A source of neurons makes spikes of currents.
func ExampleNeurons_Encode() {
	source := &spike.Neurons{LayerName: "source", Dynamics: spike.SpikingReLU, DT: 1}
	voltages, counts := make([]float32, 3), make([]uint8, 3)
	for range 4 {
		source.Encode(counts, voltages, []float32{0.25, 0.5, 2})
		fmt.Println(counts, voltages)
	}
	// Output:
	// [0 0 2] [0.25 0.5 0]
	// [0 1 2] [0.5 0 0]
	// [0 0 2] [0.75 0.5 0]
	// [1 1 2] [0 0 0]
}
