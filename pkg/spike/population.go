package spike

import (
	"sync"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Population is a layer of neurons laid over a map, with the max-pooling right behind it. It takes its currents a row
// at a time, so that they need not leave the processor's cache on the way from a convolution to the pooled spikes.
type Population struct {
	tier    kernel.Tier
	neurons *Neurons
	axis    Axis
	in, out Shape
	pools   []kernel.Window
	fused   bool // the first pooling's windows do not overlap: it is done as soon as its rows are there
	start   func() []float32
	still   []float32 // a row of starting voltages, where all rows have the same
}

// Population lays neurons over a map of shape in, for the simulator's kernel. The errors are those of [MaxPool2D.Window],
// and [ErrKernel].
func (b Simulator) Population(n *Neurons, in Shape, axis Axis, pools ...*MaxPool2D) (*Population, error) {
	tier, err := kernel.Named(b.Kernel)
	if err != nil {
		return nil, err
	}
	return newPopulation(tier, n, in, axis, pools)
}

func newPopulation(tier kernel.Tier, n *Neurons, in Shape, axis Axis, pools []*MaxPool2D) (*Population, error) {
	p := &Population{tier: tier, neurons: n, axis: axis, in: in, out: in}
	p.start = sync.OnceValue(func() []float32 {
		v := make([]float32, p.Neurons())
		n.Start.Fill(v)
		return v
	})
	if n.Start.Kind == StartConstant && axis == Steps {
		p.still = make([]float32, in.W*in.C)
		n.Start.Fill(p.still)
	}
	for _, l := range pools {
		w, err := l.window(p.out)
		if err != nil {
			return nil, err
		}
		p.pools = append(p.pools, w)
		p.out = Shape(w.Out)
	}
	p.fused = len(pools) > 0 && p.pools[0].SH >= p.pools[0].KH
	return p, nil
}

// Neurons is how many there are.
func (p *Population) Neurons() int { return p.neurons.StateLen(p.in, p.axis) }

// State holds a population's voltages and working memory. It serves one run at a time.
type State struct {
	v    []float32
	set  bool       // v is to be what Reset sets before it is used
	maps [2][]uint8 // spikes before and between the poolings
	band []uint8    // the rows of spikes that a fused pooling waits for
}

// NewState makes the memory of a run.
func (p *Population) NewState() *State {
	s := &State{v: make([]float32, p.in.W*p.in.C)} // of a row; there is room for all when they are needed
	if p.fused {
		s.band = make([]uint8, p.pools[0].KH*p.in.W*p.in.C)
	}
	return s
}

// Reset sets the starting voltages.
func (p *Population) Reset(s *State) { s.set = true }

// ready has the voltages set, if they are to be.
func (p *Population) ready(s *State) {
	if !s.set {
		return
	}
	if n := p.Neurons(); len(s.v) < n {
		s.v = make([]float32, n)
	}
	copy(s.v, p.start())
	s.set = false
}

// Currents returns the input current of row y, [W][C]. The callee may use the slice until the next call.
type Currents interface{ Row(y int) []float32 }

// Driver is Currents that may step the neurons along Rows themselves, from the voltages that [Population.Reset] sets, and pool their spikes.
type Driver interface {
	Currents
	// Drives says whether it does. A population whose first pooling is two by two, without overlap, then asks for nothing else.
	Drives() bool
	// Drive takes the neurons through rows y and y+1, or through the last alone, for y = 0, 2 and so on, writes their pooled counts, which a last row alone
	// does not have, and returns their spikes. No neuron is clipped.
	Drive(pooled []uint8, y int) (spikes uint64)
}

// Step runs the population on one map, a whole picture along Rows, after a Reset, or one step along Steps, and writes the pooled spikes to
// dst. synapticOps are the operations behind the currents; they are added to the stats and the record.
func (p *Population) Step(dst []uint8, s *State, current Currents, synapticOperations uint64, rec *Recorder) Stats {
	stats := Stats{SynapticOperations: synapticOperations}
	if rec != nil || !p.fused {
		p.stepWhole(dst, s, current, &stats, rec)
	} else {
		p.stepFused(dst, s, current, &stats)
	}
	return stats
}

// Streams reports whether [Population.Show] can be used: the population must end in one pooling without overlap, or in none.
func (p *Population) Streams() bool { return len(p.pools) == 0 || p.fused && len(p.pools) == 1 }

// StepCurrents returns the input currents of row y at all steps, [T][W][C], or [W][C] where they are the same at each step.
// The callee may use the slice until the next call.
type StepCurrents interface{ Rows(y int) []float32 }

// Shower is StepCurrents that may show the neurons themselves the currents of all steps, from their start, and pool their spikes.
type Shower interface {
	StepCurrents
	// Shows says whether it does for so many steps. A population with one pooling, of two by two without overlap, then asks for nothing else.
	Shows(steps int) bool
	// Show takes the neurons of rows y and y+1, or of the last alone, through all steps, for y = 0, 2 and so on, writes their pooled spikes at each step to
	// their row of the maps dst, [T][H][W][C], which a last row alone does not have, and returns their spikes.
	Show(dst []uint8, y, steps int) (spikes uint64)
}

// Show runs a population from its start for several steps of the axis Steps, as Reset followed by as many calls of Step
// would, and writes each step's pooled spikes to dst, [T][H][W][C]. It asks for each row of currents once, and the neurons of a row
// take all their steps before those of the next, so that neither currents nor voltages leave the cache between steps.
func (p *Population) Show(dst []uint8, s *State, current StepCurrents, steps int) Stats {
	var stats Stats
	if d, ok := current.(Shower); ok && len(p.pools) == 1 && p.halves() && d.Shows(steps) {
		for y := 0; y < p.in.H; y += 2 {
			stats.Spikes += d.Show(dst, y, steps)
		}
		stats.NeuronSteps = uint64(steps * p.in.Len())
		return stats
	}
	row := p.in.W * p.in.C
	v := s.v[:row] // one row's after another
	pool := p.band()
	if need := steps * pool.KH * row; len(p.pools) > 0 && len(s.band) < need {
		s.band = make([]uint8, need)
	}
	if quick, neurons := p.firesAtOnce(current); quick != nil {
		if spikes, done := quick.Fire(dst, neurons, p.still[0]); done {
			return Stats{Spikes: spikes, NeuronSteps: uint64(steps * p.in.Len())}
		}
	}
	for y := range p.in.H {
		copy(v, p.startOf(y))
		from := current.Rows(y)
		for t := range steps {
			now := from
			if len(from) > row {
				now = from[t*row:][:row]
			}
			if len(p.pools) == 0 {
				p.fire(dst[t*p.in.Len()+y*row:][:row], v, now, &stats)
				continue
			}
			rows := s.band[t*pool.KH*row:][:pool.KH*row]
			p.fire(rows[min(y%pool.SH, pool.KH-1)*row:][:row], v, now, &stats)
			if at := y / pool.SH; y%pool.SH == pool.KH-1 && at < p.pools[0].Out.H {
				p.tier.MaxPool(dst[t*p.out.Len()+at*pool.Out.W*pool.Out.C:], rows, &pool)
			}
		}
	}
	return stats
}

// firesAtOnce gives what may drive the neurons without a row of currents in between, if anything may.
func (p *Population) firesAtOnce(current StepCurrents) (*kernel.Int8Steps, kernel.Graded) {
	c, ok := current.(*currents)
	if !ok || p.still == nil || len(p.pools) > 0 || p.neurons.Dynamics == SpikingReLU || p.neurons.Most < 2 {
		return nil, kernel.Graded{}
	}
	return &c.several.steps, p.neurons.graded()
}

// band is the first pooling's window over one row of windows, if there is a pooling.
func (p *Population) band() (band kernel.Window) {
	if len(p.pools) > 0 {
		band = p.pools[0]
		band.In.H, band.Out.H = band.KH, 1
	}
	return band
}

// startOf is the starting voltages of row y along the axis Steps.
func (p *Population) startOf(y int) []float32 {
	if p.still != nil {
		return p.still
	}
	row := p.in.W * p.in.C
	return p.start()[y*row:][:row]
}

func (p *Population) stepFused(dst []uint8, s *State, current Currents, stats *Stats) {
	w := &p.pools[0]
	to := dst
	if len(p.pools) > 1 {
		to = s.room(1, w.Out.Len())
	}
	if d, ok := current.(Driver); ok && p.axis == Rows && p.halves() && d.Drives() {
		p.drive(to, d, stats)
		p.pool(dst, to, s, 1)
		return
	}
	p.ready(s)
	row := p.in.W * p.in.C
	band := p.band()
	for y := range p.in.H {
		at, line := y/w.SH, y%w.SH
		counts := s.band[min(line, w.KH-1)*row:][:row]
		p.fire(counts, p.voltages(s, y), current.Row(y), stats)
		if line == w.KH-1 && at < w.Out.H {
			p.tier.MaxPool(to[at*w.Out.W*w.Out.C:], s.band, &band)
		}
	}
	p.pool(dst, to, s, 1)
}

// halves says that the first pooling is two by two without overlap.
func (p *Population) halves() bool {
	w := &p.pools[0]
	return w.KH == 2 && w.KW == 2 && w.SH == 2 && w.SW == 2
}

// drive has a Driver do all but the poolings after the first.
func (p *Population) drive(to []uint8, d Driver, stats *Stats) {
	row := p.pools[0].Out.W * p.pools[0].Out.C
	for y := 0; y < p.in.H; y += 2 {
		var pooled []uint8
		if y+1 < p.in.H {
			pooled = to[y/2*row:][:row]
		}
		stats.Spikes += d.Drive(pooled, y)
	}
	stats.NeuronSteps += uint64(p.in.Len())
}

func (p *Population) stepWhole(dst []uint8, s *State, current Currents, stats *Stats, rec *Recorder) {
	counts := dst
	if len(p.pools) > 0 {
		counts = s.room(0, p.in.Len())
	}
	p.ready(s)
	row := p.in.W * p.in.C
	for y := range p.in.H {
		p.fire(counts[y*row:][:row], p.voltages(s, y), current.Row(y), stats)
	}
	if rec != nil {
		rec.Observe(p.neurons.LayerName, p.axis, p.in, counts[:p.in.Len()], stats.SynapticOperations)
	}
	p.pool(dst, counts, s, 0)
}

// voltages are those of row y: along Rows, every row has the same neurons.
func (p *Population) voltages(s *State, y int) []float32 {
	row := p.in.W * p.in.C
	if p.axis == Rows {
		return s.v[:row]
	}
	return s.v[y*row:][:row]
}

// fire takes the neurons of one row a step further.
func (p *Population) fire(counts []uint8, v, current []float32, stats *Stats) {
	spikes, clipped := p.neurons.step(p.tier, counts, v, current)
	stats.Spikes += spikes
	stats.Clipped += clipped
	stats.NeuronSteps += uint64(len(counts))
}

// pool does the poolings from number first on; the last one writes to dst.
func (p *Population) pool(dst, from []uint8, s *State, first int) {
	for i := first; i < len(p.pools); i++ {
		to := dst
		if i < len(p.pools)-1 {
			to = s.room((i+1)%2, p.pools[i].Out.Len())
		}
		p.tier.MaxPool(to, from, &p.pools[i])
		from = to
	}
}

func (s *State) room(i, n int) []uint8 {
	if len(s.maps[i]) < n {
		s.maps[i] = make([]uint8, n)
	}
	return s.maps[i][:n]
}
