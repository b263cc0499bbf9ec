package lumajpeg

import (
	"math/bits"

	"github.com/spikeray/spikeray/internal/dct"
)

// Bytes that a block of a component takes when coefficients are kept until the last
// scan.
const (
	historyBytes     = 8
	coefficientBytes = 64 * 2
	meanBytes        = 2
)

// coefficients keeps the blocks of a component.
type coefficients struct {
	stride int // blocks in a row
	// history has a bit for each coefficient but the first that is not zero, in zigzag
	// order.
	history []uint64
	// values are 64 coefficients of each block in zigzag order, or only the first if the
	// component is not needed.
	values []int16
	size   int // 64 or 1
}

func newCoefficients(c *component) coefficients {
	s := coefficients{stride: c.stride, history: make([]uint64, c.blocks()), size: 1}
	if c.needed {
		s.size = 64
	}
	s.values = make([]int16, int64(s.size)*c.blocks())
	return s
}

// keep keeps a block of a sequential scan, whose coefficients are in zigzag order.
func (s *coefficients) keep(b *block, x, y int) {
	at := y*s.stride + x
	copy(s.values[64*at:][:64], b.coefficient[:])
	history := uint64(0)
	for k, v := range b.coefficient[1:] {
		if v != 0 {
			history |= 1 << (k + 1)
		}
	}
	s.history[at] = history
}

// load loads a block.
func (s *coefficients) load(b *block, at int) {
	values := s.values[64*at:][:64]
	history := s.history[at]
	b.coefficient = [64]int16{values[0]}
	b.last = 0
	if history != 0 {
		b.last = bits.Len64(history) - 1
	}
	for ; history != 0; history &= history - 1 {
		k := bits.TrailingZeros64(history)
		b.coefficient[dct.Zigzag[k&63]&63] = values[k&63]
	}
}

// transformStored makes samples of the kept coefficients.
func (d *decoder) transformStored() error {
	f := &d.file
	f.buffered = false // from here on blocks are transformed
	for row := range f.mcusDown {
		for i := range f.components[:f.count] {
			c, p := &f.components[i], &d.parts[i]
			for y := row * c.v; y < (row+1)*c.v; y++ {
				if d.ctx.Err() != nil {
					return d.ctx.Err()
				}
				if !c.needed {
					for x := range c.across {
						d.see(p, c, p.store.values[y*c.stride+x], x, y)
					}
					continue
				}
				for x := range c.stride {
					p.store.load(&p.blocks[x&1], y*c.stride+x)
					d.put(p, x, y, c.stride)
				}
			}
		}
		if !f.Luma() {
			d.emit(row)
		}
	}
	return nil
}
