package spike

import "github.com/spikeray/spikeray/internal/kernel"

// weigher turns maps of spikes into currents, through a convolution or a dense layer.
type weigher struct {
	tier             kernel.Tier
	window           kernel.Window // a dense layer is a window of 1x1 over a map of 1x1
	fanRows, fanCols []int
	values           [kernel.MaxCount + 1]float32 // what an incoming count stands for; floating-point weights only
	int8             *kernel.Int8Conv             // one or the other
	float32          *kernel.Float32Conv
}

func newWeigher(tier kernel.Tier, l Layer, in Shape, values *[kernel.MaxCount + 1]float32, exact bool) (w *weigher, err error) {
	w = &weigher{tier: tier, values: *values}
	var weights *Weights
	switch l := l.(type) {
	case *Conv2D:
		weights = &l.Weights
		w.window, err = l.window(in)
	case *Dense:
		weights = &l.Weights
		w.window, err = window(in, [2]int{1, 1}, [2]int{1, 1}, false, l.Units)
	}
	if err != nil {
		return nil, err
	}
	w.fanRows, w.fanCols = w.window.Cover()
	switch {
	case weights.Int8 != nil:
		w.int8, err = tier.NewInt8Conv(w.window, weights.Int8, weights.Scale, weights.Bias)
	case exact:
		w.float32, err = tier.NewOrderedFloat32Conv(w.window, weights.Float32, weights.Bias)
	default:
		w.float32, err = tier.NewFloat32Conv(w.window, weights.Float32, weights.Bias)
	}
	return w, err
}

// currents are the output rows of a weigher for one input, made one by one when they are asked for.
type currents struct {
	from      *weigher
	int8      *kernel.Int8Conv // the weigher's, without what is silent in counts
	counts    []uint8
	values    []float32 // what the counts stand for; floating-point weights only
	row       []float32
	workspace kernel.Workspace

	several *severalMaps // whole-number weights only
}

// severalMaps is the memory for maps of several steps. The layers of a run, which take them in turn, share one.
type severalMaps struct {
	steps kernel.Int8Steps
	rows  []float32 // [T][W][C]
}

func (w *weigher) newCurrents(several *severalMaps) *currents {
	c := &currents{from: w, several: several, row: make([]float32, w.window.Out.W*w.window.Out.C)}
	if w.float32 != nil {
		c.values = make([]float32, w.window.In.Len())
	}
	return c
}

// load takes a map of spikes and returns the synaptic operations that they cause: whatever its count, a neuron's message
// goes down as many connections as windows read it, times the output channels.
func (w *weigher) load(c *currents, counts []uint8) uint64 {
	c.counts = counts
	if w.int8 != nil {
		c.int8, c.counts = w.int8.WithoutSilent(counts, &c.workspace)
	} else {
		for i, n := range counts {
			c.values[i] = w.values[n]
		}
	}
	return w.messages(counts)
}

// messages are the synaptic operations that a map of spikes causes.
func (w *weigher) messages(counts []uint8) uint64 {
	var sum uint64
	row := w.window.In.W * w.window.In.C
	for y, fan := range w.fanRows {
		sum += w.tier.Messages(counts[y*row:][:row], w.window.In.C, w.fanCols) * uint64(fan)
	}
	return sum * uint64(w.window.Out.C)
}

// open takes maps of several steps, [T][H][W][C], and returns the synaptic operations that they cause, if their events are few enough to
// be taken together. The maps must stay until the rows are there.
func (c *currents) open(maps []uint8, steps int) (synapticOperations uint64, few bool) {
	w, m := c.from, c.several
	if w.int8 == nil {
		return 0, false
	}
	messages, few := m.steps.Open(w.int8, maps, steps)
	if !few {
		return 0, false
	}
	if n := steps * len(c.row); cap(m.rows) < n {
		m.rows = make([]float32, n)
	}
	m.rows = m.rows[:steps*len(c.row)]
	return messages * uint64(w.window.Out.C), true
}

// Rows gives the currents of row y at every step, [T][W][C], of maps that were opened.
func (c *currents) Rows(y int) []float32 {
	c.several.steps.Rows(c.several.rows, y)
	return c.several.rows
}

// Row gives the currents of row y, [W][C].
func (c *currents) Row(y int) []float32 {
	if c.int8 != nil {
		c.int8.Row(c.row, c.counts, y, &c.workspace)
	} else {
		c.from.float32.Row(c.row, c.values, y, &c.workspace)
	}
	return c.row
}
