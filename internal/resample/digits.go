package resample

// digits are the weights of taps for processors that multiply the bytes of two windows at a time.
type digits struct {
	pieces int     // of digitsPiece weights; 0 if the axis is not of the right kind
	first  []int32 // of a target pixel's window
	// table has, by two target pixels and piece, the lowest digits of the weights of both, the middle and the highest ones.
	table []uint8
}

const digitsPiece = 32

// reset makes the tables of taps.
func (d *digits) reset(t *taps, m int) {
	d.pieces = 0
	room := 8 * t.blocks
	pieces := (room + digitsPiece - 1) / digitsPiece
	// A window of eight is quick enough without.
	if !hasDigits || t.blocks < 2 || digitsPiece*pieces > t.n {
		return
	}
	d.pieces = pieces
	d.first = sized(d.first, m)
	d.table = sized(d.table, 3*digitsPiece*pieces*m)
	clear(d.table)
	for j, at := range t.first {
		from := min(int(at), t.n-digitsPiece*pieces)
		d.first[j] = int32(from)
		table := d.table[j/2*pieces*6*digitsPiece+j%2*digitsPiece:]
		place := int(at) - from
		for _, weight := range t.weight[j*room:][:room] {
			to, split := table[place/digitsPiece*6*digitsPiece+place%digitsPiece:], digitsOf(weight)
			to[0], to[2*digitsPiece], to[4*digitsPiece] = uint8(split[0]), uint8(split[1]), uint8(split[2])
			place++
		}
	}
}

func (d *digits) row(dst, src []uint8) {
	digitsVNNI(&dst[0], &src[0], &d.first[0], &d.table[0], d.pieces, len(dst)/4)
}

// digitsOf are a weight's signed digits of base 256, the lowest first. Products of a digit and a pixel can be added in fours at once.
func digitsOf(weight int32) [3]int8 {
	// What a digit takes beyond its byte's half is carried to the next.
	return [3]int8{int8(weight), int8((weight + 1<<7) >> 8), int8((weight + 1<<7 + 1<<15) >> 16)}
}
