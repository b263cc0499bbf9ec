package jpeg2000

// strip is how many columns are transformed at once.
const strip = 16

// interleave is where sample i of n lies in a line whose low-pass samples come first, of which there are low. Odd is 1 if
// the first sample is high-pass.
func interleave(i, odd, low int) int {
	if i&1 == odd {
		return i >> 1
	}
	return low + i>>1
}

// mirror is the neighbours of sample i of n, where the line is extended symmetrically, F.3.7.
func mirror(i, n int) (before, after int) {
	before, after = i-1, i+1
	if before < 0 {
		before = 1
	}
	if after >= n {
		after = n - 2
	}
	return before, after
}

// lines is the memory of transforms.
type lines[T int32 | float32] struct {
	row     []T
	columns [][strip]T
}

func (l *lines[T]) room(width, height int) {
	if len(l.row) < width {
		l.row = make([]T, width)
	}
	if len(l.columns) < height {
		l.columns = make([][strip]T, height)
	}
}

// level is a resolution that is made of the one below and of its sub-bands, which lie beside and below it among a
// component's coefficients.
type level struct {
	width, height, stride int
	lowX, lowY            int // samples of the resolution below
	oddX, oddY            int // 1 if the first sample is high-pass
}

func (c *tileComponent) level(i int) level {
	r, low := &c.resolutions[i], &c.resolutions[i-1]
	return level{
		width: int(r.x1 - r.x0), height: int(r.y1 - r.y0), stride: c.width(),
		lowX: int(low.x1 - low.x0), lowY: int(low.y1 - low.y0),
		oddX: int(r.x0 & 1), oddY: int(r.y0 & 1),
	}
}
