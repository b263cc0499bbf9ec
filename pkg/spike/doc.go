// Package spike defines networks of spiking neurons and the time axes that they run along. It has the time-stepped
// simulator and a recorder of what the simulator did.
//
// It knows nothing of picture formats, model files, HTTP or boards. A [Network] takes spikes and gives spikes. A [Backend]
// runs it: the [Simulator] of this package, or another one. Between layers flow spike counts, whole numbers from 0 to 255
// a step, held in a [Train].
package spike
