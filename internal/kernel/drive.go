package kernel

// Driver is an Int8Conv whose rows drive SpikingReLU neurons, a step each row: the neurons of a picture's rows as time. A max-pooling of two by
// two follows. It may be used by many goroutines at a time.
type Driver struct {
	conv *Int8Conv
	rows driven
}

// Shower is an Int8Conv whose outputs, the same at each step, drive LIF neurons for some steps. A max-pooling of two by two follows. It may be
// used by many goroutines at a time.
type Shower struct {
	conv *Int8Conv
	rows shown
	most int // steps
}

// int8Drives is an int8Rows that can have its outputs drive neurons. It gives nil where that would not be exact, or would not pay.
type int8Drives interface {
	driver(dt float32, start []float32) driven
	shower(n LIF, start float32, steps int) shown
}

// driven is a tier's way from the inputs to the pooled counts of rows y and the next, or to no counts of one row.
type driven interface {
	drive(dst []uint8, src []uint8, y, rows int, ws *Workspace) (spikes uint64)
}

// shown is likewise for some steps; dst is all maps.
type shown interface {
	show(dst []uint8, src []uint8, y, rows, steps int, ws *Workspace) (spikes uint64)
}

// drives is the convolution's tier, if it can have neurons and a pooling behind it.
func (c *Int8Conv) drives(pool Window) int8Drives {
	d, ok := c.rows.(int8Drives)
	if !ok || pool.KH != 2 || pool.KW != 2 || pool.SH != 2 || pool.SW != 2 || pool.Same {
		return nil
	}
	return d
}

// Driver gives what drives neurons with a step length and the starting voltages [Out.W][Out.C] where the pooling pool follows, or nil where there
// is no such way: then [Int8Conv.Row], [Tier.SpikingReLU] and [Tier.MaxPool] do it, with the same bits.
func (c *Int8Conv) Driver(dt float32, start []float32, pool Window) *Driver {
	if d := c.drives(pool); d != nil {
		if rows := d.driver(dt, start[:c.window.Out.W*c.window.Out.C]); rows != nil {
			return &Driver{c, rows}
		}
	}
	return nil
}

// Row takes the neurons through rows y and y+1 of the output for the whole input src, writes their pooled counts [Out.W/2][Out.C], and returns their
// spikes; none is held back. Of a last row alone the counts go nowhere. Rows must be taken in order from 0, where the neurons start; their
// voltages lie in the workspace, which nothing else may drive neurons with meanwhile.
func (d *Driver) Row(dst []uint8, src []uint8, y int, ws *Workspace) (spikes uint64) {
	w := &d.conv.window
	return d.rows.drive(dst, src[:w.In.Len()], y, min(2, w.Out.H-y), ws)
}

// Shower gives what drives neurons that all start at one voltage for up to so many steps, as Driver does, with [Tier.LIF].
func (c *Int8Conv) Shower(n LIF, start float32, steps int, pool Window) *Shower {
	if d := c.drives(pool); d != nil {
		if rows := d.shower(n, start, steps); rows != nil {
			return &Shower{c, rows, steps}
		}
	}
	return nil
}

// For says whether it is for so many steps; a nil Shower is for none.
func (s *Shower) For(steps int) bool { return s != nil && steps <= s.most }

// Rows takes the neurons of rows y and y+1, or of a last row alone, through so many steps for the whole input src. It writes for each step which
// of their poolings have a spike, 0 or 1, to row y/2 of the maps dst [steps][Out.H/2][Out.W/2][Out.C], a last row's nowhere, and returns the
// spikes. The workspace is for nothing else that drives neurons meanwhile.
func (s *Shower) Rows(dst []uint8, src []uint8, y, steps int, ws *Workspace) (spikes uint64) {
	w := &s.conv.window
	return s.rows.show(dst, src[:w.In.Len()], y, min(2, w.Out.H-y), steps, ws)
}
