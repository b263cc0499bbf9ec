// Package spike holds networks of spiking neurons, their time axes, the time-stepped simulator, and what it records.
//
// It knows nothing of pictures' formats, model files, HTTP or boards. A [Network] takes spikes and gives spikes; who runs
// it is a [Backend]: the [Simulator] here, or somebody else's. What flows between layers is spike counts, whole numbers from 0 to 255 a step,
// held in a [Train].
//
// The package is a library: for programs that run spiking networks on the simulator, and for adapters, which run them
// elsewhere. A network is a value, checked when it is compiled:
//
//	runner, err := spike.Simulator{}.Compile(ctx, &spike.Network{
//		Axis: spike.Steps, Steps: 4, Source: source, Input: spike.Shape{H: 1, W: 1, C: 3},
//		Layers: []spike.Layer{&spike.Dense{LayerName: "dense", Units: 2, Weights: weights}, neurons},
//	})
//	if err != nil {
//		return err // says which layer does not fit
//	}
//	in := spike.Train{Axis: spike.Steps, Shape: spike.Shape{H: 1, W: 1, C: 3}, Counts: spikes}
//	out := spike.Train{Axis: spike.Steps, Shape: spike.Shape{H: 1, W: 1, C: 2}, Counts: make([]uint8, 4*2)}
//	stats, err := runner.Run(ctx, in, out, spike.RunOptions{})
package spike
