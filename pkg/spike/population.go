package spike

import (
	"sync"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Population is a layer of neurons laid over a map, with the max-pooling right behind it. It takes its currents a row
// at a time, so that they need not leave the processor's cache on the way from a convolution to the pooled spikes.
type Population struct {
	neurons *Neurons
	axis    Axis
	in, out Shape
	pools   []kernel.Window
	fused   bool // the first pooling's windows do not overlap: it is done as soon as its rows are there
	start   func() []float32
}

// Over lays the neurons over a map of shape in.
func (n *Neurons) Over(in Shape, axis Axis, pools ...*MaxPool2D) (*Population, error) {
	p := &Population{neurons: n, axis: axis, in: in, out: in}
	p.start = sync.OnceValue(func() []float32 {
		v := make([]float32, p.Neurons())
		n.Start.Fill(v)
		return v
	})
	for _, l := range pools {
		w, err := l.Window(p.out)
		if err != nil {
			return nil, err
		}
		p.pools = append(p.pools, w)
		p.out = w.Out
	}
	p.fused = len(pools) > 0 && p.pools[0].SH >= p.pools[0].KH
	return p, nil
}

// Neurons is how many there are.
func (p *Population) Neurons() int { return p.neurons.StateLen(p.in, p.axis) }

// State is a population's voltages and its working memory, for one run at a time.
type State struct {
	v    []float32
	maps [2][]uint8 // spikes before and between the poolings
	band []uint8    // the rows of spikes that a fused pooling waits for
}

// NewState makes the memory of a run.
func (p *Population) NewState() *State {
	s := &State{v: make([]float32, p.Neurons())}
	if p.fused {
		s.band = make([]uint8, p.pools[0].KH*p.in.W*p.in.C)
	}
	return s
}

// Reset sets the starting voltages.
func (p *Population) Reset(s *State) { copy(s.v, p.start()) }

// Currents gives the input current of row y, [W][C]. The slice is the callee's until the next call.
type Currents interface{ Row(y int) []float32 }

// Step takes one map through the population, a whole picture along Rows or one step along Steps, and writes the pooled
// spikes to dst. The synaptic operations are those that made the currents; they go into the stats and the record.
func (p *Population) Step(dst []uint8, s *State, current Currents, synapticOperations uint64, rec *Recorder) Stats {
	stats := Stats{SynapticOperations: synapticOperations}
	if rec != nil || !p.fused {
		p.stepWhole(dst, s, current, &stats, rec)
	} else {
		p.stepFused(dst, s, current, &stats)
	}
	return stats
}

// Streams says whether [Population.Show] can be used: whether the population ends in one pooling that does not overlap.
func (p *Population) Streams() bool { return p.fused && len(p.pools) == 1 }

// Show takes a still map through the population for several steps of the axis Steps, as so many calls of Step would, and
// writes each step's pooled spikes to dst, [T][H][W][C]. It asks for each row of currents once, and the neurons of a row
// take all their steps before those of the next, so that neither currents nor voltages leave the cache between steps.
func (p *Population) Show(dst []uint8, s *State, current Currents, steps int) Stats {
	var stats Stats
	w := &p.pools[0]
	row := p.in.W * p.in.C
	band := *w // the pooling of one row of windows
	band.In.H, band.Out.H = w.KH, 1
	if need := steps * w.KH * row; len(s.band) < need {
		s.band = make([]uint8, need)
	}
	for y := range p.in.H {
		at, line := y/w.SH, y%w.SH
		from := current.Row(y)
		for t := range steps {
			rows := s.band[t*w.KH*row:][:w.KH*row]
			p.fire(rows[min(line, w.KH-1)*row:][:row], s, y, from, &stats)
			if line == w.KH-1 && at < w.Out.H {
				kernel.MaxPool(dst[t*p.out.Len()+at*w.Out.W*w.Out.C:], rows, &band)
			}
		}
	}
	return stats
}

func (p *Population) stepFused(dst []uint8, s *State, current Currents, stats *Stats) {
	w := &p.pools[0]
	to := dst
	if len(p.pools) > 1 {
		to = s.room(1, w.Out.Len())
	}
	row := p.in.W * p.in.C
	band := *w // the pooling of one row of windows
	band.In.H, band.Out.H = w.KH, 1
	for y := range p.in.H {
		at, line := y/w.SH, y%w.SH
		counts := s.band[min(line, w.KH-1)*row:][:row]
		p.fire(counts, s, y, current.Row(y), stats)
		if line == w.KH-1 && at < w.Out.H {
			kernel.MaxPool(to[at*w.Out.W*w.Out.C:], s.band, &band)
		}
	}
	p.pool(dst, to, s, 1)
}

func (p *Population) stepWhole(dst []uint8, s *State, current Currents, stats *Stats, rec *Recorder) {
	counts := dst
	if len(p.pools) > 0 {
		counts = s.room(0, p.in.Len())
	}
	row := p.in.W * p.in.C
	for y := range p.in.H {
		p.fire(counts[y*row:][:row], s, y, current.Row(y), stats)
	}
	if rec != nil {
		rec.Observe(p.neurons.LayerName, p.axis, p.in, counts[:p.in.Len()], stats.SynapticOperations)
	}
	p.pool(dst, counts, s, 0)
}

// stepAll takes maps of several steps of the axis Steps through a population without poolings, as so many calls of Step would, and
// writes each step's spikes to dst, [T][H][W][C]. The neurons of a row take all their steps before those of the next.
func (p *Population) stepAll(dst []uint8, s *State, c *currents, steps int) Stats {
	stats := Stats{SynapticOperations: c.messages}
	row := p.in.W * p.in.C
	for y := range p.in.H {
		from := c.rows(y)
		for t := range steps {
			p.fire(dst[t*p.in.Len()+y*row:][:row], s, y, from[t*row:][:row], &stats)
		}
	}
	return stats
}

// fire takes the neurons of one row a step further.
func (p *Population) fire(counts []uint8, s *State, y int, current []float32, stats *Stats) {
	v := s.v
	if p.axis == Steps {
		v = v[y*len(counts):][:len(counts)]
	}
	spikes, clipped := p.neurons.step(counts, v, current)
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
		kernel.MaxPool(to, from, &p.pools[i])
		from = to
	}
}

func (s *State) room(i, n int) []uint8 {
	if len(s.maps[i]) < n {
		s.maps[i] = make([]uint8, n)
	}
	return s.maps[i][:n]
}
