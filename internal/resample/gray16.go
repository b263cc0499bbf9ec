package resample

// unit16 is how much of a 16-bit sum makes one of 256 grey levels.
const unit16 = 257 << fractionBits

// resize16 is resize8 for 16-bit pictures, the rows always first. A 16-bit pixel
// times a weight leaves no room for two sums in 64 bits, so falling and rising
// sums are kept apart.
func (s *scratch) resize16(dst []uint8, dw int, rows raster) {
	s.line = sized(s.line, rows.width)
	if s.down.grows() {
		s.words = sized(s.words, rows.height*dw)
		for y := range rows.height {
			s.across.row16(s.words[y*dw:][:dw], s.nativeRow(rows, y))
		}
		for y := range s.down.m {
			s.down.growColumn16(dst[y*dw:][:dw], s.words, dw, y)
		}
		return
	}
	s.words = sized(s.words, dw)
	s.sums, s.sums2 = sized(s.sums, dw), sized(s.sums2, dw)
	clear(s.sums)
	clear(s.sums2)
	for j := range s.down.m {
		for y := s.down.start[j]; y < s.down.start[j+1]; y++ {
			s.across.row16(s.words, s.nativeRow(rows, y))
			falling, rising := s.sums[:len(s.words)], s.sums2[:len(s.words)]
			lo, hi := s.down.weight[y]&0xffffffff, s.down.weight[y]>>32
			for x, v := range s.words {
				falling[x] += uint64(v) * lo
				rising[x] += uint64(v) * hi
			}
		}
		if j > 0 {
			takeRow16(dst[(j-1)*dw:][:dw], s.sums)
		}
		s.sums, s.sums2 = s.sums2, s.sums
		clear(s.sums2)
	}
	takeRow16(dst[(s.down.m-1)*dw:][:dw], s.sums)
}

// nativeRow returns row y with its big-endian pixels as numbers.
func (s *scratch) nativeRow(rows raster, y int) []uint16 {
	row := rows.row(y)
	for x := range s.line {
		pixel := row[2*x:][:2]
		s.line[x] = uint16(pixel[0])<<8 | uint16(pixel[1])
	}
	return s.line
}

func takeRow16(dst []uint8, sums []uint64) {
	sums = sums[:len(dst)]
	for x := range dst {
		dst[x] = level16(sums[x])
	}
}

// level16 takes a sum of 16-bit pixels times weights to the nearest grey level.
func level16(sum uint64) uint8 { return uint8(min((sum+unit16/2)/unit16, 255)) }

func round16(sum uint64) uint16 { return uint16(min((sum+half)>>fractionBits, 65535)) }

func (a *axis) row16(dst, src []uint16) {
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
			dst[j] = round16(sum)
		}
		return
	}
	_, sum := runSums16(src[:a.start[1]], a.weight)
	for j := 1; j < len(dst); j++ {
		from, to := a.start[j], a.start[j+1]
		falling, rising := runSums16(src[from:to], a.weight[from:])
		dst[j-1] = round16(sum + falling)
		sum = rising
	}
	dst[len(dst)-1] = round16(sum)
}

func runSums16(pixels []uint16, weights []uint64) (falling, rising uint64) {
	weights = weights[:len(pixels)]
	for i, v := range pixels {
		falling += uint64(v) * (weights[i] & 0xffffffff)
		rising += uint64(v) * (weights[i] >> 32)
	}
	return falling, rising
}

func (a *axis) growColumn16(dst []uint8, rows []uint16, width, y int) {
	w := a.weight[growTaps*y:][:growTaps]
	at := [growTaps][]uint16{}
	for i := range at {
		at[i] = rows[min(a.start[y]+i, a.n-1)*width:][:len(dst)]
	}
	for x := range dst {
		dst[x] = level16(uint64(at[0][x])*w[0] + uint64(at[1][x])*w[1] + uint64(at[2][x])*w[2])
	}
}
