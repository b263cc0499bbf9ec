package model

import (
	"github.com/spikeray/spikeray/internal/kernel"
)

// analog is a chain of layers without spikes: the front of a network up to its first neurons, and its read-out.
type analog struct {
	ops     []analogOp
	in, out kernel.Shape
	maxMap  int
}

// analogOp is one layer laid over the map that reaches it.
type analogOp struct {
	kind          string // a layer's type in the file
	in, out       kernel.Shape
	window        kernel.Window
	weights, bias []float32
}

// analogRoom is the memory of one pass.
type analogRoom [2][]float32

func (a *analog) newRoom() analogRoom {
	return analogRoom{make([]float32, a.maxMap), make([]float32, a.maxMap)}
}

func newAnalog(in kernel.Shape) *analog { return &analog{in: in, out: in, maxMap: in.Len()} }

func (a *analog) add(op analogOp) {
	a.ops = append(a.ops, op)
	a.out = op.out
	a.maxMap = max(a.maxMap, op.out.Len())
}

// run takes x [in.H][in.W][in.C] through the chain. The result lies in the room, or is x itself if the chain is empty.
// A softmax is the caller's: it is not float32.
func (a *analog) run(room analogRoom, x []float32) []float32 {
	side := 0
	for i := range a.ops {
		o := &a.ops[i]
		to := room[side][:o.out.Len()]
		switch o.kind {
		case "conv2d":
			kernel.Conv2D(to, x, o.weights, o.bias, &o.window)
		case "dense":
			kernel.Dense(to, x, o.weights, o.bias)
		case "max_pool2d":
			kernel.MaxPool(to, x, &o.window)
		case "average_pool2d", "global_average_pool2d":
			kernel.AveragePool(to, x, &o.window)
		case "relu":
			copy(to, x)
			kernel.ReLU(to)
		case "flatten":
			continue
		}
		x, side = to, 1-side
	}
	return x
}
