package jpeg

import "github.com/spikeray/spikeray/internal/dct"

// block is a block of coefficients, dequantised.
type block struct {
	coefficient [64]int32
	last        int // the place of the last one in the stream that is not zero
}

// blocks decodes a scan of sequential JPEG (T.81, F.2). A scan of one component holds the blocks that its samples need; one
// of several holds MCUs, of which blocks may lie outside the picture (T.81, A.2).
func (s *scan) blocks() error {
	single := len(s.components) == 1
	wide, high := (s.width+8*s.hMax-1)/(8*s.hMax), (s.height+8*s.vMax-1)/(8*s.vMax)
	if single {
		c := s.components[0]
		wide, high = (c.width+7)/8, (c.height+7)/8
	} else {
		count := 0
		for _, c := range s.components {
			count += c.h * c.v
		}
		if count > 10 {
			return damaged("MCUs of %d blocks; up to 10 are possible", count)
		}
	}
	inverse := newTransform(s.frame.bits)
	means := make([]int32, len(s.components))
	restarts, left := 0, s.interval
	var b block
	for y := range high {
		if err := s.stopped(); err != nil {
			return err
		}
		for x := range wide {
			if s.interval > 0 {
				if left == 0 {
					if err := s.restart(restarts); err != nil {
						return err
					}
					clear(means)
					restarts++
					left = s.interval
				}
				left--
			}
			for i := range s.components {
				c := &s.components[i]
				h, v := c.h, c.v
				if single {
					h, v = 1, 1
				}
				for j := range h * v {
					if !s.block(c, &means[i], &b) {
						return damaged("block row %d has coefficients that none can be", y)
					}
					inverse.block(&b, c.to, 8*(x*h+j%h), 8*(y*v+j/h), c.width, c.height)
				}
			}
		}
		if s.overrun() {
			return damaged("the entropy-coded data ends in block row %d of %d", y, high)
		}
	}
	return s.end()
}

// block decodes a block (T.81, F.2.2). It returns false for one that no encoder makes.
func (s *scan) block(c *scanned, mean *int32, b *block) bool {
	clear(b.coefficient[:])
	b.last = 0
	_, difference, ok := s.symbol(c.dc)
	*mean += difference
	if !ok || *mean != int32(int16(*mean)) {
		return false
	}
	b.coefficient[0] = *mean * int32(c.quantisation[0])
	for k := 1; k < 64; k++ {
		symbol, value, ok := s.symbol(c.ac)
		if !ok {
			return false
		}
		run := int(symbol >> 4)
		if symbol&15 == 0 {
			if run == 0 {
				break
			}
			if run != 15 {
				return false // a run of blocks, which only progressive JPEG has
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return false
		}
		place := dct.Zigzag[k] & 63
		b.coefficient[place] = value * int32(c.quantisation[place])
		b.last = k
	}
	return true
}
