package jpeg2000

import (
	"context"
	"fmt"
)

// decoder makes samples of tiles, one after the other with the same memory.
type decoder struct {
	ctx    context.Context
	header *header
	to     []uint16
	state  tile
	block  blockDecoder
	// The coefficients, and then the samples, of components: of one, or of the three that are transformed together.
	ints     [3][]int32
	floats   [3][]float32
	intLines lines[int32]
	lines    lines[float32]
}

func (d *decoder) stop() error {
	if d.ctx.Err() != nil {
		return fmt.Errorf("jpeg2000: %w", context.Cause(d.ctx))
	}
	return nil
}

// tile decodes a tile.
func (d *decoder) tile(index int64, p *params, s *source) error {
	t := &d.state
	limit := d.header.stateLimit()
	bytes, err := t.build(&d.header.size, p, index, limit)
	if err != nil {
		return err
	}
	if err := t.packets(p, s, limit-bytes, d.stop); err != nil {
		return err
	}
	first := 0
	if p.mix {
		if len(t.components) < 3 {
			return damaged("a transform of three components, where there are %d", len(t.components))
		}
		reversible := t.components[0].reversible
		for i := range 3 {
			if t.components[i].reversible != reversible {
				return damaged("a transform of components, of which some are reversible and some are not")
			}
			if err := d.component(i, i, s.data); err != nil {
				return err
			}
		}
		if reversible {
			unmixReversible(d.ints[0], d.ints[1], d.ints[2])
		} else {
			unmixIrreversible(d.floats[0], d.floats[1], d.floats[2])
		}
		for i := range 3 {
			d.emit(i, i)
		}
		first = 3
	}
	for i := first; i < len(t.components); i++ {
		if err := d.component(i, 0, s.data); err != nil {
			return err
		}
		d.emit(i, 0)
	}
	return nil
}

// component makes the samples of a component in a plane.
func (d *decoder) component(index, plane int, data []byte) error {
	c := &d.state.components[index]
	n := c.width() * c.height()
	if c.reversible {
		d.floats[plane], d.ints[plane] = nil, cleared(d.ints[plane], n)
	} else {
		d.ints[plane], d.floats[plane] = nil, cleared(d.floats[plane], n)
	}
	for i := range c.resolutions {
		r := &c.resolutions[i]
		for j := range d.state.precincts[r.first : r.first+int(r.across*r.down)] {
			p := &d.state.precincts[r.first+j]
			for k := range r.bands[:r.bandCount] {
				if err := d.blocks(c, &r.bands[k], &p.bands[k], plane, data); err != nil {
					return err
				}
			}
		}
	}
	for i := range c.resolutions[1:] {
		v := c.level(i + 1)
		if v.width == 0 || v.height == 0 {
			continue
		}
		var err error
		if c.reversible {
			err = inverse53(d.ints[plane], v, &d.intLines, d.stop)
		} else {
			err = inverse97(d.floats[plane], v, &d.lines, d.stop)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// blocks decodes the code-blocks of a precinct's part of a sub-band.
func (d *decoder) blocks(c *tileComponent, b *band, p *precinctBand, plane int, data []byte) error {
	for i := range int(p.across) * int(p.down) {
		k := &d.state.blocks[int(p.first)+i]
		if k.passes == 0 {
			continue
		}
		if err := d.stop(); err != nil {
			return err
		}
		d.block.prepare(int(k.width), int(k.height), c.style, b.orientation)
		next := k.first
		err := d.block.decode(int(k.passes), b.planes-int(k.zeros), c.style, func() ([]byte, int) {
			chunk := &d.state.chunks[next-1]
			next = chunk.next
			return data[chunk.from : chunk.from+chunk.length], int(chunk.passes)
		})
		if err != nil {
			return err
		}
		if c.shift > 0 {
			d.block.unshift(c.shift)
		}
		from := int(k.top)*c.width() + int(k.left)
		if c.reversible {
			d.block.ints(d.ints[plane][from:], c.width(), int(k.height))
		} else {
			d.block.floats(d.floats[plane][from:], c.width(), int(k.height), b.step)
		}
	}
	return nil
}

// unshift moves the magnitudes of the region of interest back, which are above all others, H.1.
func (d *blockDecoder) unshift(shift int) {
	if shift >= 31 {
		return // more than the bit-planes that are decoded: nothing can be of the region
	}
	for i, v := range d.samples {
		if magnitude := v & (1<<31 - 1); magnitude>>1 >= 1<<shift {
			d.samples[i] = v&(1<<31) | magnitude>>shift
		}
	}
}

// ints writes the code-block's coefficients: magnitudes in whole units.
func (d *blockDecoder) ints(to []int32, stride, height int) {
	for y := range height {
		row := to[y*stride:][:d.width]
		from := d.samples[4*(y>>2)*d.width+y&3:]
		for x := range row {
			v := from[4*x]
			sign := int32(v) >> 31
			row[x] = (int32(v&(1<<31-1)>>1) ^ sign) - sign
		}
	}
}

// floats writes the code-block's coefficients, times a step.
func (d *blockDecoder) floats(to []float32, stride, height int, step float32) {
	for y := range height {
		row := to[y*stride:][:d.width]
		from := d.samples[4*(y>>2)*d.width+y&3:]
		for x := range row {
			v := from[4*x]
			sign := int32(v) >> 31
			row[x] = float32(float32((int32(v&(1<<31-1))^sign)-sign) * step)
		}
	}
}
