package jpegls

// pixelLine decodes a line of pixels whose samples follow each other, T.87, annex B. They are in regular mode or in a run
// together.
func (d *decoder) pixelLine(above, line [][]uint16, run *int) bool {
	width := len(line[0]) - 2
	for x := 1; x <= width; {
		var q [maxComponents]int
		regular := false
		for c := range line {
			up, between := int(above[c][x]), int(above[c][x-1])
			q[c] = d.region(int(above[c][x+1])-up, up-between, between-int(line[c][x-1]))
			regular = regular || q[c] != 0
		}
		if regular {
			for c := range line {
				v, ok := d.regular(q[c&(maxComponents-1)], int(line[c][x-1]), int(above[c][x]), int(above[c][x-1]))
				if !ok {
					return false
				}
				line[c][x] = uint16(v)
			}
			x++
			continue
		}
		n, ok := d.runLength(width+1-x, run)
		if !ok {
			return false
		}
		for c := range line {
			fill(line[c][x:x+n], line[c][x-1])
		}
		if x += n; x > width {
			break
		}
		for c := range line {
			v, ok := d.steepRunEnd(int(line[c][x-1]), int(above[c][x]), *run)
			if !ok {
				return false
			}
			line[c][x] = uint16(v)
		}
		*run = max(*run-1, 0)
		x++
	}
	return true
}
