package kernel

import "errors"

// ErrLayer is wrapped by the errors of the functions that build layers.
var ErrLayer = errors.New("kernel: layer")

// Workspace is memory that a kernel may need between its input and its output. The zero value is ready; it grows to
// what the largest layer wants and then stays. It serves one goroutine at a time, and any number of layers.
type Workspace struct {
	bytes   []uint8   // inputs
	words   []uint16  // inputs
	floats  []float32 // inputs
	outputs []float32
	kept    any // a tier's memory for Int8Conv.WithoutSilent
	driving any // likewise for Driver
}

// scratch is n elements of one of the workspace's slices, with any content.
func scratch[T any](memory *[]T, n int) []T {
	if cap(*memory) < n {
		*memory = make([]T, n)
	}
	return (*memory)[:n]
}
