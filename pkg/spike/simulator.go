package spike

import (
	"context"
	"fmt"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/reuse"
)

// ErrKernel is wrapped by every error about a processor tier that this machine does not have.
var ErrKernel = kernel.ErrTier

// Kernels lists the processor tiers that this machine has, the preferred one first. The last is "generic", plain Go, which
// defines the answers.
func Kernels() []string { return kernel.Available() }

// Simulator is the built-in time-stepped back end. The zero value is ready for use.
type Simulator struct {
	// Kernel is the processor tier to compute on, one of [Kernels]; "" is the preferred one. With whole-number weights the spikes
	// are the same on every tier.
	Kernel string
}

// Name is "simulator".
func (Simulator) Name() string { return "simulator" }

// Compile checks the network and prepares its weights and buffers. It does not wait for anything. Errors wrap ErrNetwork
// or ErrKernel.
func (b Simulator) Compile(_ context.Context, n *Network) (Runner, error) {
	tier, err := kernel.Named(b.Kernel)
	if err != nil {
		return nil, err
	}
	shapes, err := n.Shapes()
	if err != nil {
		return nil, err
	}
	s := &simulation{tier: tier, net: n, out: n.Input, maxMap: n.Input.Len()}
	values := n.Source.values()
	for i := 0; i < len(n.Layers); i++ {
		o := op{}
		switch l := n.Layers[i].(type) {
		case *Flatten:
			s.out = shapes[i]
			continue
		case *MaxPool2D: // one that no population takes along
			o.window, _ = l.window(s.out)
		default:
			neurons := n.Layers[i+1].(*Neurons) // Shapes has checked this
			if o.weights, err = newWeigher(tier, l, s.out, &values, n.Exact); err != nil {
				return nil, fmt.Errorf("%w: layer %q: %v", ErrNetwork, l.Name(), err)
			}
			var pools []*MaxPool2D
			i++
			at := shapes[i]
			for i+1 < len(n.Layers) {
				pool, ok := n.Layers[i+1].(*MaxPool2D)
				if !ok {
					break
				}
				pools = append(pools, pool)
				i++
			}
			if o.population, err = newPopulation(tier, neurons, at, n.Axis, pools); err != nil {
				return nil, fmt.Errorf("%w: layer %q: %v", ErrNetwork, neurons.LayerName, err)
			}
			values = neurons.values()
		}
		s.out = shapes[i]
		s.maxMap = max(s.maxMap, s.out.Len())
		s.ops = append(s.ops, o)
	}
	s.rooms = reuse.NewStack(s.newRoom)
	return s, nil
}

type simulation struct {
	tier   kernel.Tier
	net    *Network
	ops    []op
	out    Shape
	maxMap int
	rooms  *reuse.Stack[*room]
}

// op is a weighted layer with the population that it drives, or, without weights, a pooling.
type op struct {
	weights    *weigher
	population *Population
	window     kernel.Window
}

// room is the memory of one run.
type room struct {
	maps     [2][]uint8 // spikes, in turn input and output of an op
	states   []*State   // by op
	currents []*currents
}

func (s *simulation) newRoom() *room {
	r := &room{states: make([]*State, len(s.ops)), currents: make([]*currents, len(s.ops))}
	several := new(severalMaps)
	r.maps[0], r.maps[1] = make([]uint8, s.maxMap), make([]uint8, s.maxMap)
	for i, o := range s.ops {
		if o.weights != nil {
			r.states[i] = o.population.NewState()
			r.currents[i] = o.weights.newCurrents(several)
		}
	}
	return r
}

func (s *simulation) Run(ctx context.Context, in, out Train, opt RunOptions) (Stats, error) {
	passes := 1
	if s.net.Axis == Steps {
		passes = len(in.Counts) / s.net.Input.Len()
	}
	if in.Shape != s.net.Input || len(in.Counts) != passes*s.net.Input.Len() || len(out.Counts) != passes*s.out.Len() {
		return Stats{}, fmt.Errorf("spike: %d counts of shape %v in and %d out do not fit the network", len(in.Counts), in.Shape, len(out.Counts))
	}
	r := s.rooms.Get()
	defer s.rooms.Put(r)
	if s.byLayer(passes, opt) {
		return s.layers(ctx, r, in.Counts, out.Counts, passes)
	}
	for i, o := range s.ops {
		if o.weights != nil {
			o.population.Reset(r.states[i])
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

// maxMaps bounds the bytes of a layer's spikes at all steps.
const maxMaps = 4 << 20

// byLayer says that each layer may take all its steps before the next begins, which gives the same bits sooner: unless somebody
// looks on step by step.
func (s *simulation) byLayer(steps int, opt RunOptions) bool {
	return s.net.Axis == Steps && opt.OnStep == nil && opt.Recorder == nil && steps*s.maxMap <= maxMaps
}

// layers takes the maps of all steps, [T][H][W][C], through one op after the other.
func (s *simulation) layers(ctx context.Context, r *room, from, to []uint8, steps int) (Stats, error) {
	var stats Stats
	r.grow(steps * s.maxMap)
	in := s.net.Input.Len()
	for i := range s.ops {
		if err := ctx.Err(); err != nil {
			return stats, err
		}
		o := &s.ops[i]
		out := o.out().Len()
		next := r.maps[i%2][:steps*out]
		if o.weights == nil {
			for t := range steps {
				s.tier.MaxPool(next[t*out:][:out], from[t*in:][:in], &o.window)
			}
		} else if synops, few := o.open(r.currents[i], from, steps); few {
			stats.SynapticOperations += synops
			stats.Add(o.population.Show(next, r.states[i], r.currents[i], steps))
		} else {
			o.population.Reset(r.states[i])
			for t := range steps {
				synops := o.weights.load(r.currents[i], from[t*in:][:in])
				stats.Add(o.population.Step(next[t*out:][:out], r.states[i], r.currents[i], synops, nil))
			}
		}
		from, in = next, out
	}
	copy(to, from)
	return stats, nil
}

// grow makes room for maps of n bytes.
func (r *room) grow(n int) {
	for i := range r.maps {
		if len(r.maps[i]) < n {
			r.maps[i] = make([]uint8, n)
		}
	}
}

// open takes the maps of all steps for a weighted op, where its weights and its population can.
func (o *op) open(c *currents, maps []uint8, steps int) (synapticOperations uint64, few bool) {
	if !o.population.Streams() {
		return 0, false
	}
	return c.open(maps, steps)
}

// out is the shape of what an op gives.
func (o *op) out() Shape {
	if o.weights == nil {
		return Shape(o.window.Out)
	}
	return o.population.out
}

// pass takes one map through all ops: a whole picture along Rows, one step along Steps.
func (s *simulation) pass(ctx context.Context, r *room, from, to []uint8, stats *Stats, rec *Recorder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range s.ops {
		o := &s.ops[i]
		if s.net.Axis == Rows && ctx.Err() != nil {
			return ctx.Err()
		}
		next := r.maps[i%2]
		if o.weights == nil {
			next = next[:o.window.Out.Len()]
			s.tier.MaxPool(next, from, &o.window)
		} else {
			next = next[:o.population.out.Len()]
			synops := o.weights.load(r.currents[i], from)
			stats.Add(o.population.Step(next, r.states[i], r.currents[i], synops, rec))
		}
		from = next
	}
	copy(to, from)
	return nil
}
