package jpeg2000

import "math"

// tile is a tile that is being decoded: its geometry, annex B, and what its packets say of its code-blocks.
type tile struct {
	x0, y0, x1, y1 int64 // on the reference grid
	components     []tileComponent
	precincts      []precinct
	blocks         []block
	nodes          []uint32 // of tag trees
	chunks         []chunk
	order          []uint32 // of precincts, in a progression
}

type tileComponent struct {
	*component
	x0, y0, x1, y1 int64 // in samples
	resolutions    []resolution
}

func (c *tileComponent) width() int  { return int(c.x1 - c.x0) }
func (c *tileComponent) height() int { return int(c.y1 - c.y0) }

type resolution struct {
	x0, y0, x1, y1   int64
	across, down     int64 // precincts
	px, py           int   // exponents of their size
	blockX, blockY   int   // exponents of the size of code-blocks
	bands            [3]band
	bandCount, first int // bands, and the first precinct
}

// band is a sub-band.
type band struct {
	x0, y0, x1, y1 int64
	orientation    int
	left, top      int // where it lies among the coefficients of its component
	planes         int // bit-planes of magnitude, equation E-2, and those of the region of interest
	step           float32
}

// precinct is the code-blocks of a resolution that share packets, B.6.
type precinct struct {
	component, resolution uint8
	next                  int32 // the layer of its next packet
	x, y                  int64 // on the reference grid: where progressions by position meet it
	bands                 [3]precinctBand
}

// precinctBand is a precinct's code-blocks of a sub-band, row by row.
type precinctBand struct {
	first            uint32 // code-block
	inclusion, zeros uint32 // where the tag trees begin
	across, down     uint16
}

// block is a code-block.
type block struct {
	left, top     uint16 // where it lies among the coefficients of its component
	width, height uint16
	first, last   uint32 // of its chunks, by number from 1 on
	passes        uint8
	zeros         uint8 // bit-planes without a bit
	lengthBits    uint8 // Lblock of B.10.7.1
	included      bool
}

// chunk is bytes of a code-block, which a packet brings.
type chunk struct {
	from, length uint32
	next         uint32 // by number from 1 on
	passes       uint8
}

// What these take at most, in lists that grow by a quarter when they must. A tag tree has hardly more than two nodes for
// each leaf.
const (
	precinctSize = 72 * 5 / 4
	blockSize    = 20*5/4 + 2*2*4*5/4
	chunkSize    = 16 + 16*5/4
)

// build makes the geometry of the tile at a place, and returns the bytes it takes. It is an error if those are more than
// limit, before they are allocated.
func (t *tile) build(s *size, p *params, index, limit int64) (int64, error) {
	tx, ty := s.tileX+index%s.tilesAcross*s.tileWidth, s.tileY+index/s.tilesAcross*s.tileHeight
	t.x0, t.y0 = max(tx, s.x0), max(ty, s.y0)
	t.x1, t.y1 = min(tx+s.tileWidth, s.x1), min(ty+s.tileHeight, s.y1)
	if len(t.components) != s.components {
		t.components = make([]tileComponent, s.components)
	}
	t.precincts, t.blocks, t.nodes, t.chunks = t.precincts[:0], t.blocks[:0], t.nodes[:0], t.chunks[:0]
	var precincts, blocks int64
	for i := range t.components {
		c := &t.components[i]
		c.component = &p.components[i]
		c.x0, c.x1 = ceilDiv(t.x0, s.stepX), ceilDiv(t.x1, s.stepX)
		c.y0, c.y1 = ceilDiv(t.y0, s.stepY), ceilDiv(t.y1, s.stepY)
		if err := c.build(s.bits); err != nil {
			return 0, err
		}
		for j := range c.resolutions {
			r := &c.resolutions[j]
			precincts += r.across * r.down
			for _, b := range r.bands[:r.bandCount] {
				// The grid of code-blocks divides that of precincts.
				blocks += max(ceilShift(b.x1, r.blockX)-b.x0>>r.blockX, 0) * max(ceilShift(b.y1, r.blockY)-b.y0>>r.blockY, 0)
			}
		}
	}
	bytes := precincts*precinctSize + blocks*blockSize
	if bytes > limit {
		return 0, unsupported("%d code-blocks in %d precincts of a tile: too small for so large a picture", blocks, precincts)
	}
	t.precincts = room(t.precincts, int(precincts))
	t.blocks = room(t.blocks, int(blocks))
	t.nodes = room(t.nodes, int(2*2*blocks))
	for i := range t.components {
		c := &t.components[i]
		for j := range c.resolutions {
			t.addPrecincts(s, c, i, j)
		}
	}
	return bytes, nil
}

// room is an empty slice that can take n elements.
func room[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, 0, max(n, cap(s)/4*5))
	}
	return s[:0]
}

// build makes the resolutions and sub-bands of a component, B.5.
func (c *tileComponent) build(bits int) error {
	c.resolutions = cleared(c.resolutions, c.levels+1)
	for i := range c.resolutions {
		r := &c.resolutions[i]
		n := c.levels - i
		r.x0, r.y0, r.x1, r.y1 = ceilShift(c.x0, n), ceilShift(c.y0, n), ceilShift(c.x1, n), ceilShift(c.y1, n)
		r.px, r.py = int(c.precincts[i]&15), int(c.precincts[i]>>4)
		if r.x1 > r.x0 && r.y1 > r.y0 {
			r.across = ceilShift(r.x1, r.px) - r.x0>>r.px
			r.down = ceilShift(r.y1, r.py) - r.y0>>r.py
		}
		r.blockX, r.blockY = c.blockExponents(i)
		half := min(i, 1)
		r.bandCount = 1 + 2*half
		for j := range r.bands[:r.bandCount] {
			b := &r.bands[j]
			b.orientation = j + half
			if err := c.place(b, i, j, bits); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockExponents is the size of the code-blocks of a resolution, equation B-17. A precinct of those above the lowest has
// half its samples across and down of each sub-band.
func (c *coding) blockExponents(resolution int) (x, y int) {
	precinct, half := int(c.precincts[resolution]), min(resolution, 1)
	return min(int(c.blockX), precinct&15-half), min(int(c.blockY), precinct>>4-half)
}

// place says where sub-band j of resolution i lies and how it is quantized.
func (c *tileComponent) place(b *band, i, j, bits int) error {
	level := c.levels - max(i-1, 0)
	var offX, offY int64
	if i > 0 {
		low := &c.resolutions[i-1]
		offX, offY = int64(b.orientation&1)<<(level-1), int64(b.orientation>>1)<<(level-1)
		b.left, b.top = (b.orientation&1)*int(low.x1-low.x0), b.orientation>>1*int(low.y1-low.y0)
	}
	b.x0, b.y0 = ceilShift(c.x0-offX, level), ceilShift(c.y0-offY, level)
	b.x1, b.y1 = ceilShift(c.x1-offX, level), ceilShift(c.y1-offY, level)
	exponent, mantissa, ok := c.step(max(3*i-2, 0)+j, i)
	if !ok {
		return damaged("%d quantization steps for %d levels of decomposition", c.count, c.levels)
	}
	b.planes = c.guard + exponent - 1 + c.shift
	// Equation E-3, less the gain of the sub-band, which the scaling of the transform has, and half of it, as samples are
	// decoded in half units.
	b.step = float32(math.Ldexp(1+float64(mantissa)/2048, bits-exponent-1))
	return nil
}

// addPrecincts makes the precincts of a resolution and their code-blocks, B.6 and B.7.
func (t *tile) addPrecincts(s *size, c *tileComponent, component, index int) {
	r := &c.resolutions[index]
	r.first = len(t.precincts)
	half, level := min(index, 1), c.levels-index
	for py := r.y0 >> r.py; py < r.y0>>r.py+r.down; py++ {
		for px := r.x0 >> r.px; px < r.x0>>r.px+r.across; px++ {
			p := precinct{
				component: uint8(component), resolution: uint8(index),
				x: max(px<<(r.px+level)*s.stepX, t.x0), y: max(py<<(r.py+level)*s.stepY, t.y0),
			}
			for j := range r.bands[:r.bandCount] {
				b := &r.bands[j]
				x0, x1 := max(b.x0, px<<(r.px-half)), min(b.x1, (px+1)<<(r.px-half))
				y0, y1 := max(b.y0, py<<(r.py-half)), min(b.y1, (py+1)<<(r.py-half))
				if x0 < x1 && y0 < y1 {
					p.bands[j] = t.addBlocks(r, b, x0, y0, x1, y1)
				}
			}
			t.precincts = append(t.precincts, p)
		}
	}
}

// addBlocks makes the code-blocks of a precinct's part of a sub-band.
func (t *tile) addBlocks(r *resolution, b *band, x0, y0, x1, y1 int64) precinctBand {
	left, right := x0>>r.blockX, ceilShift(x1, r.blockX)
	top, bottom := y0>>r.blockY, ceilShift(y1, r.blockY)
	p := precinctBand{first: uint32(len(t.blocks)), across: uint16(right - left), down: uint16(bottom - top)}
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			bx0, bx1 := max(x<<r.blockX, x0), min((x+1)<<r.blockX, x1)
			by0, by1 := max(y<<r.blockY, y0), min((y+1)<<r.blockY, y1)
			t.blocks = append(t.blocks, block{
				left: uint16(b.left + int(bx0-b.x0)), top: uint16(b.top + int(by0-b.y0)),
				width: uint16(bx1 - bx0), height: uint16(by1 - by0), lengthBits: 3,
			})
		}
	}
	nodes := treeNodes(int(p.across), int(p.down))
	p.inclusion, p.zeros = uint32(len(t.nodes)), uint32(len(t.nodes)+nodes)
	for range 2 * nodes {
		t.nodes = append(t.nodes, 0)
	}
	return p
}
