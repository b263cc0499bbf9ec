package jpeg2000

// inverse53 is the reversible transform of one level, F.3: rows, then columns.
func inverse53(plane []int32, v level, l *lines[int32], stop func() error) error {
	l.room(v.width, v.height)
	if v.width == 1 && v.oddX == 1 {
		for y := range v.height {
			plane[y*v.stride] /= 2
		}
	}
	if v.width > 1 {
		for y := range v.height {
			if y%strip == 0 {
				if err := stop(); err != nil {
					return err
				}
			}
			row53(plane[y*v.stride:][:v.width], l.row[:v.width], v.lowX, v.oddX)
		}
	}
	if v.height == 1 && v.oddY == 1 {
		for x := range plane[:v.width] {
			plane[x] /= 2
		}
	}
	if v.height > 1 {
		for x := 0; x < v.width; x += strip {
			if err := stop(); err != nil {
				return err
			}
			columns53(plane[x:], l.columns[:v.height], min(strip, v.width-x), v)
		}
	}
	return nil
}

// row53 transforms a row, with a line of the same length as memory.
func row53(row, line []int32, low, odd int) {
	for i, v := range row[:low] {
		line[2*i+odd] = v
	}
	for i, v := range row[low:] {
		line[2*i+1-odd] = v
	}
	n := len(line)
	for i := odd; i < n; i += 2 {
		if i > 0 && i < n-1 {
			line[i] -= (line[i-1] + line[i+1] + 2) >> 2
		} else {
			before, after := mirror(i, n)
			line[i] -= (line[before] + line[after] + 2) >> 2
		}
	}
	for i := 1 - odd; i < n; i += 2 {
		if i > 0 && i < n-1 {
			line[i] += (line[i-1] + line[i+1]) >> 1
		} else {
			before, after := mirror(i, n)
			line[i] += (line[before] + line[after]) >> 1
		}
	}
	copy(row, line)
}

// columns53 transforms up to 16 columns.
func columns53(plane []int32, lines [][strip]int32, count int, v level) {
	for i := range lines {
		copy(lines[i][:count], plane[interleave(i, v.oddY, v.lowY)*v.stride:])
	}
	n := len(lines)
	for i := v.oddY; i < n; i += 2 {
		before, after := mirror(i, n)
		a, b, to := &lines[before], &lines[after], &lines[i]
		for k := range to {
			to[k] -= (a[k] + b[k] + 2) >> 2
		}
	}
	for i := 1 - v.oddY; i < n; i += 2 {
		before, after := mirror(i, n)
		a, b, to := &lines[before], &lines[after], &lines[i]
		for k := range to {
			to[k] += (a[k] + b[k]) >> 1
		}
	}
	for i := range lines {
		copy(plane[i*v.stride:], lines[i][:count])
	}
}
