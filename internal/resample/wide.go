package resample

// wide are the weights of taps for processors that make sixteen pixels at a time, where their windows lie within 64 pixels of the line.
// A weight is three digits, see digitsOf.
type wide struct {
	blocks int     // of four weights; 0 if the axis is not of the right kind
	first  []int32 // of the line's pixels, by sixteen target pixels
	// table has, by sixteen target pixels and block, the places of four pixels of each among the 64, and the lowest, the middle and the
	// highest digits of their weights.
	table []uint8
}

const (
	wideReach = 64
	wideBlock = 4 * 64
)

// reset makes the tables of taps, whose windows are up to most pixels long.
func (w *wide) reset(t *taps, m, most int) {
	w.blocks = 0
	if !hasWide || t.blocks == 0 || m%16 != 0 || t.n < wideReach || 16*t.n/m+most > wideReach {
		return
	}
	blocks := (most + 3) / 4
	w.first = sized(w.first, m/16)
	w.table = sized(w.table, m/16*blocks*wideBlock)
	clear(w.table)
	room := 8 * t.blocks
	for g := range m / 16 {
		base := min(int(t.first[16*g]), t.n-wideReach)
		w.first[g] = int32(base)
		for lane := range 16 {
			j := 16*g + lane
			weights := t.weight[j*room:][:room]
			skip := 0
			for skip < room-1 && weights[skip] == 0 {
				skip++
			}
			for i, weight := range weights[skip:] {
				if weight == 0 {
					continue
				}
				place := int(t.first[j]) + skip + i - base
				if i >= 4*blocks || place >= wideReach {
					return
				}
				at := w.table[(g*blocks+i/4)*wideBlock+4*lane+i%4:]
				at[0] = uint8(place)
				for k, digit := range digitsOf(weight) {
					at[64*(1+k)] = uint8(digit)
				}
			}
		}
	}
	w.blocks = blocks
}

func (w *wide) row(dst, src []uint8) {
	wideVBMI(&dst[0], &src[0], &w.first[0], &w.table[0], w.blocks, len(dst)/16)
}
