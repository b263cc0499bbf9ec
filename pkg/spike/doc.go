// Package spike defines networks of spiking neurons and the time axes that they run along. It has the time-stepped
// simulator and a recorder of what the simulator did.
//
// It knows nothing of picture formats, model files, HTTP or boards. A [Network] takes spikes and gives spikes. A [Backend]
// runs it: the [Simulator] of this package, or another one. Between layers flow spike counts, whole numbers from 0 to 255
// a step, held in a [Train].
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
