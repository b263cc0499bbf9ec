package model

import (
	"context"
	"math"
	"slices"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/reuse"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// engine is a network with the runner for its body. It is safe for concurrent use.
type engine struct {
	net    *network
	runner spike.Runner // nil without neurons
	pools  bool         // the read-out begins with a mean over all places, which is taken from sums of counts
	rooms  *reuse.Stack[*room]
}

func newEngine(ctx context.Context, n *network, backend spike.Backend) (*engine, error) {
	e := &engine{net: n, pools: n.pools()}
	e.rooms = reuse.NewStack(e.newRoom)
	if n.body == nil {
		return e, nil
	}
	var err error
	e.runner, err = backend.Compile(ctx, n.body)
	return e, err
}

// reading is a network's output for a picture.
type reading struct {
	logits  []float32 // what the softmax takes
	steps   int       // rows of the first layer of neurons, or steps shown; 0 without neurons
	spikes  *SpikeStats
	account *hw.Account // nil where the back end had nothing to tell
}

// room is the memory of one inference.
type room struct {
	windowed       []uint8 // the picture, of a network with a window
	front, readout *analogRoom
	current        rows
	encoder        *spike.State
	in, out        []uint8   // the body's trains
	sums           []uint32  // by place and channel, or by channel alone if the engine pools
	means          []float32 // the mean value handed on per step, by the number of spikes over meanSteps steps
	meanSteps      int
}

func (e *engine) newRoom() *room {
	n := e.net
	r := &room{front: n.front.newRoom()}
	if n.window != nil {
		r.windowed = make([]uint8, n.front.in.Len())
	}
	if n.encoder == nil {
		return r
	}
	steps := max(1, n.steps)
	r.current = rows{chain: n.front, room: r.front, driver: n.driver, shower: n.shower}
	r.encoder = n.encoder.NewState()
	r.in = make([]uint8, steps*n.body.Input.Len())
	r.out = make([]uint8, steps*n.bodyOut.Len())
	if r.sums = make([]uint32, n.bodyOut.Len()); e.pools {
		r.sums = make([]uint32, n.bodyOut.C)
	}
	r.readout = n.readout.newRoom()
	return r
}

// observers are told of an inference what its answer does not say. Each may be nil.
type observers struct {
	recorder *spike.Recorder
	counts   *spike.Train               // set to the spikes that the read-out took
	onStep   func(int, []float32) error // given the logits after each step, which are its own only while it runs
}

// infer runs a picture of the network's size for a number of steps, 0 for all.
func (e *engine) infer(ctx context.Context, picture []uint8, steps int, see observers) (*reading, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := e.net
	r := e.rooms.Get()
	defer e.rooms.Put(r)
	if n.window != nil {
		n.window.apply(n.front.tier, r.windowed, picture)
		picture = r.windowed
	}
	if !n.front.takesBytes() {
		for i, p := range picture {
			r.front.input[i] = float32(p) / n.scale
		}
	}
	if n.encoder == nil {
		return &reading{logits: slices.Clone(n.front.run(r.front, 0, picture))}, nil
	}
	if steps == 0 {
		steps = max(1, n.steps)
	}
	stats, account, err := e.spikes(ctx, r, picture, steps, see)
	if err != nil {
		return nil, err
	}
	if see.counts != nil {
		*see.counts = spike.Train{Axis: n.axis, Shape: n.bodyOut, Counts: slices.Clone(r.out[:steps*n.bodyOut.Len()])}
	}
	e.sum(r, 0, steps)
	out := &reading{logits: slices.Clone(e.readout(r, steps)), steps: steps, account: account}
	if n.axis == spike.Rows {
		out.steps = n.front.out.H
	}
	out.spikes = &SpikeStats{
		Total: stats.Spikes, SynapticOperations: stats.SynapticOperations, Neurons: n.neurons, Rate: stats.Rate(), Clipped: stats.Clipped,
		Saturated: stats.Saturated,
	}
	return out, nil
}

// spikes encodes the picture and runs the body for so many passes: steps, or 1 along rows. The body's spikes are in r.out.
func (e *engine) spikes(ctx context.Context, r *room, picture []uint8, steps int, see observers) (spike.Stats, *hw.Account, error) {
	n, rec := e.net, see.recorder
	var stats spike.Stats
	size := n.body.Input.Len()
	if n.axis == spike.Steps && rec == nil && n.encoder.Streams() {
		r.current.load(picture, false)
		stats = n.encoder.Show(r.in[:steps*size], r.encoder, &r.current, steps)
	} else {
		r.current.load(picture, steps > 1)
		n.encoder.Reset(r.encoder)
		for t := range steps {
			stats.Add(n.encoder.Step(r.in[t*size:][:size], r.encoder, &r.current, 0, rec))
		}
	}
	opt := spike.RunOptions{Recorder: rec}
	if see.onStep != nil {
		opt.OnStep = func(t int, _ []uint8) error {
			e.sum(r, t, t+1)
			return see.onStep(t+1, e.readout(r, t+1))
		}
	}
	in := spike.Train{Axis: n.axis, Shape: n.body.Input, Counts: r.in[:steps*size]}
	out := spike.Train{Axis: n.axis, Shape: n.bodyOut, Counts: r.out[:steps*n.bodyOut.Len()]}
	s, account, err := e.run(ctx, in, out, opt)
	stats.Add(s)
	return stats, account, err
}

// run runs the body. The account is nil unless the runner keeps one.
func (e *engine) run(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, *hw.Account, error) {
	runner, tells := e.runner.(hw.Accountant)
	if !tells {
		stats, err := e.runner.Run(ctx, in, out, opt)
		return stats, nil, err
	}
	stats, account, err := runner.Account(ctx, in, out, opt)
	return stats, &account, err
}

// pools says whether the read-out begins with a mean over all places that sums of counts by channel give with the same bits as a sum in
// float32, place by place: what a count stands for, over any number of steps, is a power of two, so that no sum on the way is rounded.
func (n *network) pools() bool {
	if n.body == nil || n.readout.takesBytes() || len(n.readout.ops) == 0 || n.readout.ops[0].kind != "global_average_pool2d" {
		return false
	}
	isPowerOfTwo := func(x float32) bool { fraction, _ := math.Frexp(float64(x)); return fraction == 0.5 }
	steps, places := max(1, n.steps), n.bodyOut.H*n.bodyOut.W
	for t := 1; t <= steps; t++ {
		if one := n.last.Value(1) / float32(t); !isPowerOfTwo(one) || n.last.Value(uint32(t*maxPixel))/float32(t) != float32(t*maxPixel)*one {
			return false
		}
	}
	return places*steps*maxPixel < 1<<24
}

// sum adds up the body's spikes of the steps from (0: afresh) up to, not including, to.
func (e *engine) sum(r *room, from, to int) {
	if from == 0 {
		clear(r.sums)
	}
	sums := r.sums
	if e.pools {
		size := e.net.bodyOut.Len()
		kernel.ChannelSums(sums, r.out[from*size:to*size])
		return
	}
	for t := from; t < to; t++ {
		counts := r.out[t*len(sums):][:len(sums)]
		for i := range sums {
			sums[i] += uint32(counts[i])
		}
	}
}

// readout takes the mean over the steps of what the summed spikes stand for through the read-out. Whole-number weights
// take the counts themselves.
func (e *engine) readout(r *room, steps int) []float32 {
	chain := e.net.readout
	if chain.takesBytes() {
		return chain.run(r.readout, 0, r.out[:len(r.sums)])
	}
	if e.pools {
		one, places := e.net.last.Value(1)/float32(steps), float32(e.net.bodyOut.H*e.net.bodyOut.W)
		for i, s := range r.sums {
			r.readout.input[i] = float32(float32(s)*one) / places
		}
		return chain.run(r.readout, 1, nil)
	}
	if r.meanSteps != steps {
		r.meanSteps, r.means = steps, r.means[:0]
		for s := range uint32(steps*kernel.MaxCount + 1) {
			r.means = append(r.means, e.net.last.Value(s)/float32(steps))
		}
	}
	means, input := r.means, r.readout.input[:len(r.sums)]
	for i, s := range r.sums {
		input[i] = means[s]
	}
	return chain.run(r.readout, 0, nil)
}
