package resample

// taps are a reducing axis's weights by target pixel, for processors that can make four of them at a time: as many for
// each, filled up with zeros, none beyond the line. They give the same pixels as axis.weight.
type taps struct {
	n      int // pixels of the line
	blocks int // of eight weights; 0 if the axis is not of the right kind
	first  []int32
	weight []int32
}

// reset makes room for m pixels of a line of n, each of up to most weights.
func (t *taps) reset(n, m, most int) {
	t.blocks = (most + 7) / 8
	if m%4 != 0 || 8*t.blocks > n {
		t.blocks = 0
		return
	}
	t.n = n
	t.first = sized(t.first, m)
	t.weight = sized(t.weight, 8*t.blocks*m)
	clear(t.weight)
}

// set gives target pixel j its i-th weight, that of pixel from+i. Where the room for weights would reach beyond the line,
// it begins earlier.
func (t *taps) set(j, i, from int, weight uint64) {
	room := 8 * t.blocks
	at := min(from, t.n-room)
	t.first[j] = int32(at)
	t.weight[j*room+from-at+i] = int32(weight)
}

func (t *taps) row(dst, src []uint8) {
	tapsAVX2(&dst[0], &src[0], &t.first[0], &t.weight[0], t.blocks, len(dst)/4)
}
