package lumajpeg

// maxShift is how far a progressive scan may shift coefficients at most. T.81 says
// 13 whatever the precision.
const maxShift = 13

// scan is a scan header.
type scan struct {
	n         int    // components
	component [4]int // of the frame
	dc, ac    [4]byte
	// Coefficients from to to are sent, down to bit low; high is the bit that was
	// sent last, 0 at first.
	from, to  int
	high, low byte
	// odd says that a sequential file's header speaks of a progressive scan.
	odd bool
}

// scanHeader reads a scan header (SOS).
func (f *File) scanHeader(body []byte) (s scan, err error) {
	if f.count == 0 {
		return s, damaged("scan before the frame header")
	}
	if len(body) < 4 || len(body) != 4+2*int(body[0]) || int(body[0]) > f.count {
		return s, damaged("scan header of %d bytes", len(body))
	}
	if err := f.decide(); err != nil {
		return s, err
	}
	s.n = int(body[0])
	if s.n == 0 {
		return s, damaged("scan of no component")
	}
	var taken [4]bool
	blocks := 0
	for i := range s.n {
		// Names may be the same: then components come in the frame's order.
		at := -1
		for j := range f.components[:f.count] {
			if f.components[j].id == body[1+2*i] && !taken[j] {
				at = j
				break
			}
		}
		if at < 0 {
			return s, damaged("scan of a component that is not in the frame")
		}
		taken[at] = true
		s.component[i] = at
		s.dc[i], s.ac[i] = body[2+2*i]>>4, body[2+2*i]&15
		if s.dc[i] > 3 || s.ac[i] > 3 {
			return s, damaged("Huffman table %d, the last is 3", max(s.dc[i], s.ac[i]))
		}
		blocks += f.components[at].h * f.components[at].v
	}
	if s.n > 1 && blocks > maxBlocks {
		return s, damaged("%d blocks in an MCU, at most %d", blocks, maxBlocks)
	}
	spectrum := body[1+2*s.n:]
	s.from, s.to, s.high, s.low = int(spectrum[0]), int(spectrum[1]), spectrum[2]>>4, spectrum[2]&15
	if !f.progressive {
		// libjpeg warns and reads all coefficients.
		s.odd = s.from != 0 || s.to != 63 || s.high != 0 || s.low != 0
		s.from, s.to, s.high, s.low = 0, 63, 0, 0
		return s, nil
	}
	if s.from > s.to || s.to > 63 || s.from == 0 && s.to != 0 || s.from > 0 && s.n > 1 ||
		s.low > maxShift || s.high > 0 && s.high != s.low+1 {
		return s, damaged("progressive scan of coefficients %d to %d, bits %d to %d, of %d components", s.from, s.to, s.high, s.low, s.n)
	}
	return s, nil
}

// account keeps account of what has been sent.
func (f *File) account(s *scan) {
	for _, i := range s.component[:s.n] {
		c := &f.components[i]
		for k := s.from; k <= s.to; k++ {
			c.precision[k] = s.low
		}
		f.samples += 64 * c.blocks()
	}
	if s.n < f.count && !f.Luma() {
		// The bands of a picture are made of all components at once.
		f.buffered = true
	}
}

// turn checks that a scan sends what is to be sent next.
func (f *File) turn(s *scan) error {
	for _, i := range s.component[:s.n] {
		c := &f.components[i]
		if s.from > 0 && c.precision[0] == unsent {
			return damaged("scan of component %d before its means", i)
		}
		for k := s.from; k <= s.to; k++ {
			if sent := c.precision[k]; sent == unsent && s.high != 0 || sent != unsent && (s.high == 0 || s.high != sent) {
				return damaged("scan of component %d, coefficient %d, out of turn", i, k)
			}
		}
	}
	return nil
}
