package spike

import (
	"context"
	"fmt"
	"sync"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Simulator is the built-in time-stepped back end.
type Simulator struct{}

// Name is "simulator".
func (Simulator) Name() string { return "simulator" }

// Compile checks the network and prepares its buffers. The errors wrap ErrNetwork.
func (Simulator) Compile(n *Network) (Runner, error) {
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	s := &simulation{net: n, out: n.Input}
	values, in := n.Source.values(), n.Input
	for i, l := range n.Layers {
		o := op{layer: l, in: in, out: shapes[i]}
		switch l := l.(type) {
		case *Conv2D:
			o.values = values
			o.window, _ = l.Window(in)
			o.fanRows, o.fanCols = o.window.Cover()
		case *Dense:
			o.values = values
			o.fanRows, o.fanCols = []int{1}, []int{1}
		case *MaxPool2D:
			o.window, _ = l.Window(in)
		case *Neurons:
			values = l.values()
		}
		s.maxMap = max(s.maxMap, o.in.Len(), o.out.Len())
		s.ops = append(s.ops, o)
		in = shapes[i]
	}
	s.out = in
	s.rooms.New = func() any { return s.newRoom() }
	return s, nil
}

type simulation struct {
	net    *Network
	ops    []op
	out    Shape
	maxMap int
	rooms  sync.Pool
}

// op is a layer laid over the map that reaches it.
type op struct {
	layer            Layer
	in, out          Shape
	window           kernel.Window
	values           [kernel.MaxCount + 1]float32 // what an incoming count stands for
	fanRows, fanCols []int
}

// room is the memory of one run.
type room struct {
	counts  [2][]uint8 // maps of spikes, in turn input and output of a layer
	values  []float32
	current []float32
	v       [][]float32 // by layer
}

func (s *simulation) newRoom() *room {
	r := &room{v: make([][]float32, len(s.ops))}
	r.counts[0], r.counts[1] = make([]uint8, s.maxMap), make([]uint8, s.maxMap)
	r.values, r.current = make([]float32, s.maxMap), make([]float32, s.maxMap)
	for i, o := range s.ops {
		if n, ok := o.layer.(*Neurons); ok {
			r.v[i] = make([]float32, n.StateLen(o.in, s.net.Axis))
		}
	}
	return r
}

func (s *simulation) Run(ctx context.Context, in, out Train, opt RunOptions) (Stats, error) {
	passes := 1
	if s.net.Axis == Steps {
		passes = in.Steps()
	}
	if in.Shape != s.net.Input || len(in.Counts) != passes*s.net.Input.Len() || len(out.Counts) != passes*s.out.Len() {
		return Stats{}, fmt.Errorf("spike: %d counts of shape %v in and %d out do not fit the network", len(in.Counts), in.Shape, len(out.Counts))
	}
	r := s.rooms.Get().(*room)
	defer s.rooms.Put(r)
	for i, o := range s.ops {
		if n, ok := o.layer.(*Neurons); ok {
			n.Start.Fill(r.v[i])
		}
	}
	var stats Stats
	for t := range passes {
		to := out.Counts[t*s.out.Len():][:s.out.Len()]
		if err := s.pass(ctx, r, in.Counts[t*s.net.Input.Len():][:s.net.Input.Len()], to, &stats, opt.Recorder); err != nil {
			return stats, err
		}
		if opt.OnStep != nil && s.net.Axis == Steps {
			if err := opt.OnStep(t, to); err != nil {
				return stats, err
			}
		}
	}
	return stats, nil
}

// pass takes one map through all layers: a whole picture along Rows, one step along Steps.
func (s *simulation) pass(ctx context.Context, r *room, from, to []uint8, stats *Stats, rec *Recorder) error {
	side := 0
	var synops uint64
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range s.ops {
		o := &s.ops[i]
		if s.net.Axis == Rows && ctx.Err() != nil {
			return ctx.Err()
		}
		next := r.counts[side][:o.out.Len()]
		switch l := o.layer.(type) {
		case *Conv2D:
			synops = o.weigh(r, from)
			kernel.Conv2D(r.current[:o.out.Len()], r.values[:len(from)], l.Weights, l.Bias, &o.window)
			continue
		case *Dense:
			synops = o.weigh(r, from)
			kernel.Dense(r.current[:o.out.Len()], r.values[:len(from)], l.Weights, l.Bias)
			continue
		case *MaxPool2D:
			kernel.MaxPool(next, from, &o.window)
		case *Flatten:
			continue
		case *Neurons:
			spikes, clipped := l.Encode(next, r.v[i], r.current[:o.out.Len()])
			stats.Add(Stats{spikes, synops, uint64(o.out.Len()), clipped})
			if rec != nil {
				rec.Observe(l.LayerName, s.net.Axis, o.out, next, synops)
			}
		}
		from, side = next, 1-side
	}
	copy(to, from)
	return nil
}

// weigh writes what the counts stand for and returns the synaptic operations that they cause: each spike goes down as
// many connections as windows read it, times the output channels.
func (o *op) weigh(r *room, counts []uint8) uint64 {
	var sum uint64
	i := 0
	for y := range o.in.H {
		for x := range o.in.W {
			var spikes uint64
			for range o.in.C {
				n := counts[i]
				r.values[i] = o.values[n]
				spikes += uint64(n)
				i++
			}
			sum += spikes * uint64(o.fanRows[y]*o.fanCols[x])
		}
	}
	return sum * uint64(o.out.C)
}
