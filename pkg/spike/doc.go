// Package spike holds networks of spiking neurons, their time axes, the time-stepped simulator, and what it records.
//
// It knows nothing of pictures' formats, model files, HTTP or boards. A [Network] takes spikes and gives spikes; who runs
// it is a [Backend]: the [Simulator] here, or somebody else's. What flows between layers is spike counts, whole numbers from 0 to 255 a step,
// held in a [Train].
package spike
