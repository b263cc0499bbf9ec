package kernel

// Int8Steps is the input of an Int8Conv at several time steps, one map a step, ready for [Int8Steps.Rows]. The zero value is
// ready for Open. It serves one goroutine at a time.
type Int8Steps struct {
	conv      *Int8Conv
	src       []uint8 // [steps][In.H][In.W][In.C]
	steps     int
	events    events // a tier's, or nil: the maps are taken one by one
	memory    events
	workspace *Workspace
}

// events is a tier's way to a convolution over the inputs that are not zero alone.
type events interface {
	// rows computes row y of the outputs at all steps, dst [steps][Out.W][Out.C].
	rows(dst []float32, y int)
	// fire has row y of the outputs drive neurons; see Int8Steps.Fire.
	fire(dst []uint8, stride, y int, n Graded, start float32) (spikes uint64, done bool)
}

// int8Events is an int8Rows that can take inputs as events. It gives nil where that would not pay. memory is what it gave
// before, to be used again, or nil.
type int8Events interface {
	listen(src []uint8, steps int, memory events) events
}

// Open takes maps src [steps][In.H][In.W][In.C] for the convolution. They must stay until the rows are there. Where few of the inputs
// are not zero, a tier may compute with those alone; the bits are the same.
func (s *Int8Steps) Open(c *Int8Conv, src []uint8, steps int, ws *Workspace) {
	*s = Int8Steps{conv: c, src: src[:steps*c.window.In.Len()], steps: steps, memory: s.memory, workspace: ws}
	if e, ok := c.rows.(int8Events); ok {
		if s.events = e.listen(s.src, steps, s.memory); s.events != nil {
			s.memory = s.events
		}
	}
}

// Fire has row y of the output drive neurons n that begin the first step with the voltage start, as [Graded.Step] would step by step, and
// writes their counts, [Out.W][Out.C], to dst, those of each step stride bytes after those of the one before. It gives the sum of the counts,
// or says that it has done nothing: Rows and Graded.Step then do.
func (s *Int8Steps) Fire(dst []uint8, stride, y int, n Graded, start float32) (spikes uint64, done bool) {
	if s.events == nil {
		return 0, false
	}
	return s.events.fire(dst[:(s.steps-1)*stride+s.conv.window.Out.W*s.conv.window.Out.C], stride, y, n, start)
}

// Rows computes row y of the output at every step, dst [steps][Out.W][Out.C].
func (s *Int8Steps) Rows(dst []float32, y int) {
	n := s.conv.window.Out.W * s.conv.window.Out.C
	if s.events != nil {
		s.events.rows(dst[:s.steps*n], y)
		return
	}
	in := s.conv.window.In.Len()
	for t := range s.steps {
		s.conv.Row(dst[t*n:][:n], s.src[t*in:][:in], y, s.workspace)
	}
}
