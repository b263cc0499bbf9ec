package model

import (
	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/spike"
)

// analog is a chain of layers without spikes: the front of a network up to its first neurons, and its read-out.
//
// A first layer of whole-number weights takes bytes, the picture's pixels or counts of spikes, every other layer float32.
type analog struct {
	tier    kernel.Tier
	ops     []analogOp
	in, out kernel.Shape
}

// analogOp is one layer laid over the map that reaches it, or a weighted one with the rectifying and the pooling behind
// it, which are done row by row so that what lies between them need not leave the cache.
type analogOp struct {
	kind       string // a layer's type in the file
	in, out    kernel.Shape
	window     kernel.Window
	float32    *kernel.Float32Conv // of a weighted layer, one or the other
	int8       *kernel.Int8Conv
	relu       bool
	pool       *kernel.Window
	parameters int
	behindMean *spike.Weights // of a dense layer right behind a mean over all places: see [Model.Additive]
}

func (o *analogOp) weighted() bool { return o.float32 != nil || o.int8 != nil }

// analogRoom is the memory of one pass.
type analogRoom struct {
	maps      [2][]float32 // as long as they have been needed, since of a chain that is taken row by row no map is ever whole
	band      []float32    // the rows that a pooling waits for
	input     []float32
	workspace kernel.Workspace
}

func (a *analog) newRoom() *analogRoom {
	band := 0
	for _, o := range a.ops {
		if o.pool != nil {
			band = max(band, o.pool.KH*o.pool.In.W*o.pool.In.C)
		}
	}
	return &analogRoom{band: make([]float32, band), input: make([]float32, a.in.Len())}
}

// values are the first n of a map, with any content.
func (r *analogRoom) values(side, n int) []float32 {
	if len(r.maps[side]) < n {
		r.maps[side] = make([]float32, n)
	}
	return r.maps[side][:n]
}

func newAnalog(tier kernel.Tier, in kernel.Shape) *analog {
	return &analog{tier: tier, in: in, out: in}
}

func (a *analog) add(op analogOp) {
	a.out = op.out
	if n := len(a.ops); n > 0 && a.ops[n-1].weighted() && a.ops[n-1].pool == nil {
		last := &a.ops[n-1]
		switch {
		case op.kind == "relu":
			last.relu = true
			return
		case op.kind == "max_pool2d" && op.window.SH >= op.window.KH:
			last.pool, last.out = &op.window, op.out
			return
		}
	}
	a.ops = append(a.ops, op)
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

// run takes an input through the chain from its first'th op on, bytes where the chain takes them and otherwise r.input, which
// the caller has filled. The result lies in the room. A softmax is the caller's: it is not float32.
func (a *analog) run(r *analogRoom, first int, bytes []uint8) []float32 {
	x, side := r.input, 0
	for i := range a.ops[first:] {
		o := &a.ops[first+i]
		to := r.values(side, o.out.Len())
		switch {
		case o.kind == "flatten":
			continue
		case o.weighted():
			a.weigh(o, to, r, x, bytes)
		case o.kind == "max_pool2d":
			a.tier.MaxPoolFloat32(to, x, &o.window)
		case o.kind == "relu":
			copy(to, x)
			a.tier.ReLU(to)
		default:
			kernel.AveragePool(to, x, &o.window)
		}
		x, side = to, 1-side
	}
	return x
}

// weigh computes the whole output of a weighted layer, and of what is done with its rows.
func (a *analog) weigh(o *analogOp, dst []float32, r *analogRoom, x []float32, bytes []uint8) {
	n := o.window.Out.W * o.window.Out.C
	if o.pool == nil {
		for y := range o.window.Out.H {
			a.row(o, dst[y*n:][:n], r, x, bytes, y)
		}
		return
	}
	band := *o.pool // the pooling of one row of windows
	band.In.H, band.Out.H = band.KH, 1
	for y := range o.pool.Out.H {
		for i := range band.KH {
			a.row(o, r.band[i*n:][:n], r, x, bytes, y*o.pool.SH+i)
		}
		a.tier.MaxPoolFloat32(dst[y*band.Out.Len():], r.band, &band)
	}
}

// row computes row y of a weighted layer, [W][C].
func (a *analog) row(o *analogOp, dst []float32, r *analogRoom, x []float32, bytes []uint8, y int) {
	if o.int8 != nil {
		o.int8.Row(dst, bytes, y, &r.workspace)
	} else {
		o.float32.Row(dst, x, y, &r.workspace)
	}
	if o.relu {
		a.tier.ReLU(dst)
	}
}

// rows are a chain's output rows for one input, as the neurons behind it take them: made one by one if the chain is a
// single weighted layer, so that they need not leave the cache, and otherwise all beforehand.
type rows struct {
	chain *analog
	room  *analogRoom
	bytes []uint8
	whole []float32

	driver *kernel.Driver // what drives the neurons without their currents, along rows or over steps, or nil
	shower *kernel.Shower
}

// load readies the rows; again says that they are asked for more than once.
func (c *rows) load(bytes []uint8, again bool) {
	c.bytes, c.whole = bytes, nil
	if again || len(c.chain.ops) != 1 || !c.chain.ops[0].weighted() || c.chain.ops[0].pool != nil {
		c.whole = c.chain.run(c.room, 0, bytes)
	}
}

// Rows is Row: the picture is the same at each step.
func (c *rows) Rows(y int) []float32 { return c.Row(y) }

// Drives is for [spike.Driver].
func (c *rows) Drives() bool { return c.driver != nil && c.whole == nil }

// Drive is for [spike.Driver].
func (c *rows) Drive(pooled []uint8, y int) (spikes uint64) {
	return c.driver.Row(pooled, c.bytes, y, &c.room.workspace)
}

// Shows is for [spike.Shower].
func (c *rows) Shows(steps int) bool { return c.shower.For(steps) && c.whole == nil }

// Show is for [spike.Shower].
func (c *rows) Show(dst []uint8, y, steps int) (spikes uint64) {
	return c.shower.Rows(dst, c.bytes, y, steps, &c.room.workspace)
}

// drive finds what drives neurons without their currents, along rows or over steps. There is none where the chain is more than a convolution,
// or the kernel knows no such way.
func (a *analog) drive(n *spike.Neurons, axis spike.Axis, steps int, pools []*spike.MaxPool2D) (driver *kernel.Driver, shower *kernel.Shower) {
	if len(a.ops) != 1 || len(pools) == 0 {
		return nil, nil
	}
	o, p := &a.ops[0], pools[0]
	pool, ok := kernel.NewWindow(a.out, p.Pool[0], p.Pool[1], p.Stride[0], p.Stride[1], false, a.out.C)
	if !ok || o.int8 == nil || o.relu || o.pool != nil {
		return nil, nil
	}
	switch {
	case axis == spike.Rows && n.Dynamics == spike.SpikingReLU:
		start := make([]float32, a.out.W*a.out.C)
		n.Start.Fill(start)
		driver = o.int8.Driver(n.DT, start, pool)
	case axis == spike.Steps && len(pools) == 1 && n.Dynamics != spike.SpikingReLU && n.Most < 2 && n.Start.Kind == spike.StartConstant:
		lif := kernel.LIF{Decay: 1, Threshold: n.Threshold, ResetToZero: n.Reset == spike.ResetToZero}
		if n.Dynamics == spike.LeakyIntegrateAndFire {
			lif.Decay = n.Decay
		}
		shower = o.int8.Shower(lif, n.Start.Value, steps, pool)
	}
	return driver, shower
}

// Row gives the currents of row y, [W][C].
func (c *rows) Row(y int) []float32 {
	n := c.chain.out.W * c.chain.out.C
	if c.whole != nil {
		return c.whole[y*n:][:n]
	}
	row := c.room.values(0, n)
	c.chain.row(&c.chain.ops[0], row, c.room, c.room.input, c.bytes, y)
	return row
}
