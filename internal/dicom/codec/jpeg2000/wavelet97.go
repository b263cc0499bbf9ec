package jpeg2000

// The lifting steps of table F.4, and scales in the single precision of OpenJPEG, the decoder that most have. Its step of
// high-pass samples lacks the gain of the sub-band, which scaleHigh has; it is 0.003 % less than 2/K.
const (
	alpha     float32 = -1.586134342
	beta      float32 = -0.052980118
	gamma     float32 = 0.882911075
	delta     float32 = 0.443506852
	scaleLow  float32 = 1.230174105
	scaleHigh float32 = 1.625732422
)

// inverse97 is the irreversible transform of one level, F.3: rows, then columns. Products are rounded before they are
// added, as they are converted: no processor may fuse the two.
func inverse97(plane []float32, v level, l *lines[float32], stop func() error) error {
	l.room(v.width, v.height)
	if v.width > 1 {
		for y := range v.height {
			if y%strip == 0 {
				if err := stop(); err != nil {
					return err
				}
			}
			row97(plane[y*v.stride:][:v.width], l.row[:v.width], v.lowX, v.oddX)
		}
	}
	if v.height > 1 {
		for x := 0; x < v.width; x += strip {
			if err := stop(); err != nil {
				return err
			}
			columns97(plane[x:], l.columns[:v.height], min(strip, v.width-x), v)
		}
	}
	return nil
}

// row97 transforms a row, with a line of the same length as memory.
func row97(row, line []float32, low, odd int) {
	for i, v := range row[:low] {
		line[2*i+odd] = float32(v * scaleLow)
	}
	for i, v := range row[low:] {
		line[2*i+1-odd] = float32(v * scaleHigh)
	}
	lift97(line, odd, delta)
	lift97(line, 1-odd, gamma)
	lift97(line, odd, beta)
	lift97(line, 1-odd, alpha)
	copy(row, line)
}

// lift97 is a lifting step of every second sample.
func lift97(line []float32, first int, factor float32) {
	n := len(line)
	for i := first; i < n; i += 2 {
		if i > 0 && i < n-1 {
			line[i] -= float32((line[i-1] + line[i+1]) * factor)
		} else {
			before, after := mirror(i, n)
			line[i] -= float32((line[before] + line[after]) * factor)
		}
	}
}

// columns97 transforms up to 16 columns.
func columns97(plane []float32, lines [][strip]float32, count int, v level) {
	for i := range lines {
		copy(lines[i][:count], plane[interleave(i, v.oddY, v.lowY)*v.stride:])
		factor := scaleHigh
		if i&1 == v.oddY {
			factor = scaleLow
		}
		for k := range lines[i] {
			lines[i][k] = float32(lines[i][k] * factor)
		}
	}
	liftColumns97(lines, v.oddY, delta)
	liftColumns97(lines, 1-v.oddY, gamma)
	liftColumns97(lines, v.oddY, beta)
	liftColumns97(lines, 1-v.oddY, alpha)
	for i := range lines {
		copy(plane[i*v.stride:], lines[i][:count])
	}
}

func liftColumns97(lines [][strip]float32, first int, factor float32) {
	n := len(lines)
	for i := first; i < n; i += 2 {
		before, after := mirror(i, n)
		a, b, to := &lines[before], &lines[after], &lines[i]
		for k := range to {
			to[k] -= float32((a[k] + b[k]) * factor)
		}
	}
}
