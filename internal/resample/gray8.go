package resample

// resize8 resizes an 8-bit picture: each row in turn, and the columns as the
// rows come when that needs no look ahead.
func (s *scratch) resize8(dst []uint8, dw int, rows raster) {
	if s.down.grows() {
		s.bytes = sized(s.bytes, rows.height*dw)
		for y := range rows.height {
			s.across.row8(s.bytes[y*dw:][:dw], rows.row(y))
		}
		for y := range s.down.m {
			s.down.growColumn8(dst[y*dw:][:dw], s.bytes, dw, y)
		}
		return
	}
	columnsFirst := s.columnsFirst()
	width := dw
	if columnsFirst {
		width = rows.width
	}
	s.bytes = sized(s.bytes, width)
	s.sums = sized(s.sums, width)
	clear(s.sums)
	finish := func(j int) {
		target := dst[j*dw:][:dw]
		if columnsFirst {
			s.takeRow8(s.bytes, s.sums)
			s.across.row8(target, s.bytes)
		} else {
			s.takeRow8(target, s.sums)
		}
	}
	for j := range s.down.m {
		for y := s.down.start[j]; y < s.down.start[j+1]; y++ {
			row := rows.row(y)
			if !columnsFirst {
				s.across.row8(s.bytes, row)
				row = s.bytes
			}
			s.addRow8(s.sums[:len(row)], row, s.down.weight[y])
		}
		if j > 0 {
			finish(j - 1)
			continue
		}
		for x := range s.sums {
			s.sums[x] >>= 32
		}
	}
	finish(s.down.m - 1)
}

// addRow8 adds a row of pixels to the sums, as many, of both target rows that it reaches.
func (s *scratch) addRow8(sums []uint64, row []uint8, weight uint64) {
	n := 0
	if s.assembly && len(row) >= 8 {
		n = len(row) &^ 7
		addAVX2(&sums[0], &row[0], weight, n/8)
	}
	for x, v := range row[n:] {
		sums[n+x] += uint64(v) * weight
	}
}

// takeRow8 rounds the finished, falling halves of sums to pixels, and makes the rising halves falling ones.
func (s *scratch) takeRow8(dst []uint8, sums []uint64) {
	sums = sums[:len(dst)]
	n := 0
	if s.assembly && len(dst) >= 8 {
		n = len(dst) &^ 7
		takeAVX2(&dst[0], &sums[0], n/8)
	}
	for x := n; x < len(dst); x++ {
		dst[x] = round8(sums[x])
		sums[x] >>= 32
	}
}

// round8 takes the low 32 bits of a sum of pixels times weights to a pixel. The
// weights were rounded one by one, so a very long sum of them can pass 1.
func round8(sum uint64) uint8 { return uint8(min((uint32(sum)+half)>>fractionBits, 255)) }

// row8 resizes one row.
func (a *axis) row8(dst, src []uint8) {
	if a.grows() {
		for j := range dst {
			w := a.weight[growTaps*j:][:growTaps]
			x := a.start[j]
			sum := uint64(src[x]) * w[0]
			if x+1 < len(src) {
				sum += uint64(src[x+1]) * w[1]
			}
			if x+2 < len(src) {
				sum += uint64(src[x+2]) * w[2]
			}
			dst[j] = round8(sum)
		}
		return
	}
	if a.wide.blocks > 0 {
		a.wide.row(dst, src)
		return
	}
	if a.digits.pieces > 0 {
		a.digits.row(dst, src)
		return
	}
	if a.taps.blocks > 0 {
		a.taps.row(dst, src)
		return
	}
	weight := a.weight[:len(src)]
	sum, x := uint64(0), 0
	for j, end := range a.start[1 : len(dst)+1] {
		sum >>= 32
		// Long runs are where the time goes.
		for ; x+4 <= end && x+4 <= len(src); x += 4 {
			p, w := src[x:x+4:x+4], weight[x:x+4:x+4]
			sum += uint64(p[0])*w[0] + uint64(p[1])*w[1] + uint64(p[2])*w[2] + uint64(p[3])*w[3]
		}
		for ; x < end && x < len(src); x++ {
			sum += uint64(src[x]) * weight[x]
		}
		if j > 0 {
			dst[j-1] = round8(sum)
		}
	}
	dst[len(dst)-1] = round8(sum >> 32)
}

// growColumn8 makes target row y of the rows of the first pass.
func (a *axis) growColumn8(dst, rows []uint8, width, y int) {
	w := a.weight[growTaps*y:][:growTaps]
	at := [growTaps][]uint8{}
	for i := range at {
		at[i] = rows[min(a.start[y]+i, a.n-1)*width:][:len(dst)]
	}
	for x := range dst {
		dst[x] = round8(uint64(at[0][x])*w[0] + uint64(at[1][x])*w[1] + uint64(at[2][x])*w[2])
	}
}
