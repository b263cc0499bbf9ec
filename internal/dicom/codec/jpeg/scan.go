package jpeg

import "context"

// scan is a pass over one or more components (T.81, B.2.3).
type scan struct {
	*frame
	bits
	ctx        context.Context
	components []scanned
	interval   int // of restarts, in MCUs; 0 for none
	selection  int // of the predictor
	transform  uint
	to         []uint16
}

// scanned is a component of a scan.
type scanned struct {
	*component
	dc, ac       *huffman
	quantisation *[64]uint16
	to           target
}

// target is where a component's samples go: to samples[y*stride+x*step].
type target struct {
	samples      []uint16
	stride, step int
}

// decode decodes the scans until all components are there. What follows the last of them has no meaning.
func (d *decoder) decode(ctx context.Context, to []uint16) error {
	f := d.frame
	targets := make([]target, len(f.components))
	for i := range targets {
		c := &f.components[i]
		if f.subsampled(c) && !f.lossless() {
			targets[i] = target{make([]uint16, c.width*c.height), c.width, 1}
			continue
		}
		targets[i] = target{to[i:], f.width * len(targets), len(targets)}
	}
	var transform uint
	done := make([]bool, len(targets))
	for count := 0; count < len(targets); {
		s, err := d.newScan()
		if err != nil {
			return err
		}
		s.ctx, s.to = ctx, to
		for i := range s.components {
			c := &s.components[i]
			if done[c.index] {
				return damaged("component %d is in two scans", c.id)
			}
			c.to, done[c.index] = targets[c.index], true
			count++
		}
		if f.lossless() {
			if count > len(s.components) && s.transform != transform {
				return unsupported("scans with different point transforms")
			}
			transform = s.transform
			err = s.lines()
		} else {
			err = s.blocks()
		}
		if err != nil {
			return err
		}
		if d.at = s.at; count < len(targets) {
			if err := d.toScan(); err != nil {
				return err
			}
		}
	}
	for i := range targets {
		if c := &f.components[i]; f.subsampled(c) {
			if err := f.enlarge(ctx, targets[i], c, to); err != nil {
				return err
			}
		}
	}
	if transform > 0 {
		for i := range to {
			to[i] <<= transform
		}
	}
	return nil
}

// newScan reads the header of a scan and makes its tables.
func (d *decoder) newScan() (*scan, error) {
	header, f := d.scan, d.frame
	if len(header) < 4 || len(header) != 4+2*int(header[0]) {
		return nil, damaged("a scan header of %d bytes", len(header))
	}
	n := int(header[0])
	if n == 0 || n > len(f.components) {
		return nil, damaged("a scan of %d components; the frame has %d", n, len(f.components))
	}
	s := &scan{frame: f, interval: d.interval, bits: bits{data: d.data, at: d.at}}
	parameters := header[1+2*n:]
	if f.lossless() {
		s.selection, s.transform = int(parameters[0]), uint(parameters[2]&15)
		if s.selection < 1 || s.selection > 7 {
			return nil, damaged("predictor %d; 1 to 7 are possible", s.selection)
		}
		if s.transform >= uint(f.bits) {
			return nil, damaged("a point transform of %d bits; samples have %d", s.transform, f.bits)
		}
	}
	for i := range n {
		id, names := header[1+2*i], header[2+2*i]
		c, err := d.component(id, names)
		if err != nil {
			return nil, err
		}
		s.components = append(s.components, c)
	}
	return s, nil
}

// component finds a component of a scan and makes its tables.
func (d *decoder) component(id, names byte) (c scanned, err error) {
	for i := range d.frame.components {
		if d.frame.components[i].id == id {
			c.component = &d.frame.components[i]
		}
	}
	switch {
	case c.component == nil:
		return c, damaged("a scan of component %d, which the frame has not", id)
	case names>>4 > 3 || names&15 > 3:
		return c, damaged("Huffman tables %d and %d; 0 to 3 are possible", names>>4, names&15)
	case d.frame.lossless():
		c.dc, err = d.dc[names>>4].table(kind{lossless: true})
		return c, err
	}
	c.quantisation = &d.quantisation[c.component.quantisation]
	if c.quantisation[0] == 0 {
		return c, damaged("quantisation table %d is missing", c.component.quantisation)
	}
	if c.dc, err = d.dc[names>>4].table(kind{}); err == nil {
		c.ac, err = d.ac[names&15].table(kind{runs: true})
	}
	return c, err
}

// stopped looks at the context.
func (s *scan) stopped() error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	return nil
}
