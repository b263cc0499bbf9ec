package model

import (
	"github.com/spikeray/spikeray/internal/kernel"
)

// analog is a chain of layers without spikes: the front of a network up to its first neurons, and its read-out.
//
// A first layer of whole-number weights takes bytes, the picture's pixels or counts of spikes, every other layer float32.
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
	int8          *kernel.Int8Conv // in place of weights and bias
	parameters    int
}

// analogRoom is the memory of one pass.
type analogRoom struct {
	maps      [2][]float32
	input     []float32
	workspace kernel.Workspace
}

func (a *analog) newRoom() *analogRoom {
	return &analogRoom{maps: [2][]float32{make([]float32, a.maxMap), make([]float32, a.maxMap)}, input: make([]float32, a.in.Len())}
}

func newAnalog(in kernel.Shape) *analog { return &analog{in: in, out: in, maxMap: in.Len()} }

func (a *analog) add(op analogOp) {
	a.ops = append(a.ops, op)
	a.out = op.out
	a.maxMap = max(a.maxMap, op.out.Len())
}

// takesBytes says whether the chain begins with whole-number weights.
func (a *analog) takesBytes() bool {
	for _, o := range a.ops {
		if o.kind != "flatten" {
			return o.int8 != nil
		}
	}
	return false
}

// run takes an input [in.H][in.W][in.C] through the chain, bytes where the chain takes them and otherwise r.input, which
// the caller has filled. The result lies in the room. A softmax is the caller's: it is not float32.
func (a *analog) run(r *analogRoom, bytes []uint8) []float32 {
	x, side := r.input, 0
	for i := range a.ops {
		o := &a.ops[i]
		to := r.maps[side][:o.out.Len()]
		switch {
		case o.kind == "flatten":
			continue
		case o.int8 != nil:
			row := o.window.Out.W * o.window.Out.C
			for y := range o.window.Out.H {
				o.int8.Row(to[y*row:], bytes, y, &r.workspace)
			}
		case o.kind == "conv2d":
			kernel.Conv2D(to, x, o.weights, o.bias, &o.window)
		case o.kind == "dense":
			kernel.Dense(to, x, o.weights, o.bias)
		case o.kind == "max_pool2d":
			kernel.MaxPool(to, x, &o.window)
		case o.kind == "relu":
			copy(to, x)
			kernel.ReLU(to)
		default:
			kernel.AveragePool(to, x, &o.window)
		}
		x, side = to, 1-side
	}
	return x
}

// rows are a chain's output rows for one input, as the neurons behind it take them: made one by one if the chain is a
// single convolution of whole numbers, so that they need not leave the cache, and otherwise all beforehand.
type rows struct {
	chain *analog
	room  *analogRoom
	bytes []uint8
	whole []float32
}

// load readies the rows; again says that they are asked for more than once.
func (c *rows) load(bytes []uint8, again bool) {
	c.bytes, c.whole = bytes, nil
	if again || len(c.chain.ops) != 1 || c.chain.ops[0].int8 == nil {
		c.whole = c.chain.run(c.room, bytes)
	}
}

// Row gives the currents of row y, [W][C].
func (c *rows) Row(y int) []float32 {
	n := c.chain.out.W * c.chain.out.C
	if c.whole != nil {
		return c.whole[y*n:][:n]
	}
	row := c.room.maps[0][:n]
	c.chain.ops[0].int8.Row(row, c.bytes, y, &c.room.workspace)
	return row
}
