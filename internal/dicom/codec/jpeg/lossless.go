package jpeg

// rowsPerLook is how many rows are decoded between two looks at the context.
const rowsPerLook = 8

// lines decodes a scan of lossless JPEG (T.81, annex H), a row of differences at a time, which then become samples in
// place. The samples are left shifted right by the point transform.
func (s *scan) lines() error {
	if s.interval%s.width != 0 {
		return damaged("restarts after %d samples; rows have %d (T.81, H.1.1)", s.interval, s.width)
	}
	rows := s.interval / s.width // in an interval
	above := make([][]uint16, len(s.components))
	precision := uint(s.frame.bits) - s.transform
	due := 0
	for y := range s.height {
		if y%rowsPerLook == 0 {
			if err := s.stopped(); err != nil {
				return err
			}
		}
		if y > 0 && y == due {
			if err := s.restart(y/rows - 1); err != nil {
				return err
			}
		}
		if y == due {
			clear(above)
			due += rows
		}
		if !s.differences(y) {
			return damaged("row %d has a code that is in no table", y)
		}
		if s.overrun() {
			return damaged("the entropy-coded data ends in row %d of %d", y, s.height)
		}
		for i := range s.components {
			to := s.components[i].to
			row := to.samples[y*to.stride:][:(s.width-1)*to.step+1]
			if above[i] == nil {
				predictFirst(row, to.step, 1<<(precision-1))
			} else {
				predict(s.selection, row, above[i], to.step)
			}
			if beyond(row, to.step, precision) {
				return damaged("row %d has samples of more than %d bits", y, precision)
			}
			above[i] = row
		}
	}
	return s.end()
}

// differences decodes the differences of a row. It returns false for a code that is in no table.
func (s *scan) differences(y int) bool {
	if len(s.components) == 1 {
		c := &s.components[0]
		return s.row(c.dc, c.to.samples[y*c.to.stride:][:(s.width-1)*c.to.step+1], c.to.step)
	}
	for x := range s.width {
		for i := range s.components {
			c := &s.components[i]
			_, v, ok := s.symbol(c.dc)
			if !ok {
				return false
			}
			c.to.samples[y*c.to.stride+x*c.to.step] = uint16(v)
		}
	}
	return true
}

// row is symbol for every step-th element of a row, with the state in registers.
func (b *bits) row(h *huffman, row []uint16, step int) bool {
	next, n := b.next, b.n
	for x := 0; x < len(row); x += step {
		if n < have {
			b.next, b.n = next, n
			b.fill()
			next, n = b.next, b.n
		}
		e := h.look[next>>(64-lookBits)]
		if e&whole != 0 {
			next <<= e & 63
			n -= int(e & 63)
			row[x] = uint16(e >> 16)
			continue
		}
		_, v, used := h.slow(next, e)
		if used == 0 {
			return false
		}
		next <<= used & 63
		n -= int(used)
		row[x] = uint16(v)
	}
	b.next, b.n = next, n
	return true
}
