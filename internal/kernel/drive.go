package kernel

// Driver is an Int8Conv whose rows drive SpikingReLU neurons, a step each row: the neurons of a picture's rows as time. A max-pooling of two by
// two follows. It may be used by many goroutines at a time.
type Driver struct {
	conv *Int8Conv
	rows driven
}

// int8Drives is an int8Rows that can have its outputs drive neurons with a step length and starting voltages. It gives nil where that would
// not be exact, or would not pay.
type int8Drives interface {
	driver(dt float32, start []float32) driven
}

// driven is a tier's way from the inputs to the pooled counts of rows y and the next, or to no counts of one row.
type driven interface {
	drive(dst []uint8, src []uint8, y, rows int, ws *Workspace) (spikes uint64)
}

// Driver gives what drives neurons with a step length and the starting voltages [Out.W][Out.C] where the pooling pool follows, or nil where there
// is no such way: then [Int8Conv.Row], [Tier.SpikingReLU] and [Tier.MaxPool] do it, with the same bits.
func (c *Int8Conv) Driver(dt float32, start []float32, pool Window) *Driver {
	d, ok := c.rows.(int8Drives)
	if !ok || pool.KH != 2 || pool.KW != 2 || pool.SH != 2 || pool.SW != 2 || pool.Same {
		return nil
	}
	rows := d.driver(dt, start[:c.window.Out.W*c.window.Out.C])
	if rows == nil {
		return nil
	}
	return &Driver{c, rows}
}

// Row takes the neurons through rows y and y+1 of the output for the whole input src, writes their pooled counts [Out.W/2][Out.C], and returns their
// spikes; none is held back. Of a last row alone the counts go nowhere. Rows must be taken in order from 0, where the neurons start; their
// voltages lie in the workspace, which no other Driver may use meanwhile.
func (d *Driver) Row(dst []uint8, src []uint8, y int, ws *Workspace) (spikes uint64) {
	w := &d.conv.window
	return d.rows.drive(dst, src[:w.In.Len()], y, min(2, w.Out.H-y), ws)
}
