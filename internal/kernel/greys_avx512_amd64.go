//go:build !purego

package kernel

var greys512 = func() greys {
	g := greys{ranks: ranks512, translate: translateGeneric, moments: moments512, halveBytes: halveBytes512, halveSums: halveSums512}
	if hasBytes {
		g.translate = translateTable
	}
	return g
}()

// ranks512 halves the greys that a rank may have, eight times: 64 pixels at a time are compared with a grey, where a histogram has one.
func ranks512(picture []uint8, a, b int) (Rank, Rank) {
	ranks := [2]int{a, b}
	var found [2]Rank
	upto := [2]int{len(picture), len(picture)} // how many have the grey that is found or a darker one
	for half := uint8(128); half > 0; half /= 2 {
		x, y := found[0].Grey+half-1, found[1].Grey+half-1
		atMostX, atMostY := greysAtMostAVX512(&picture[0], len(picture), x, y)
		for i, n := range [2]int{atMostX, atMostY} {
			if n >= ranks[i] {
				upto[i] = n
			} else {
				found[i].Grey += half
				found[i].Below = n
			}
		}
	}
	for i := range found {
		found[i].At = upto[i] - found[i].Below
	}
	return found[0], found[1]
}

func translateTable(dst, src []uint8, table *[256]uint8) {
	if len(src) > 0 {
		translateVBMI(&dst[0], &src[0], len(src), &table[0])
	}
}

// momentsOnce is how many pixels a call of the assembly may take: it sums in 32 bits.
const momentsOnce = 1 << 18

func moments512(picture []uint8) (sum, squares uint64) {
	for len(picture) > 0 {
		n := min(len(picture), momentsOnce)
		some, more := momentsAVX512(&picture[0], n)
		sum, squares, picture = sum+some, squares+more, picture[n:]
	}
	return sum, squares
}

// halveOnce is likewise how many squares.
const halveOnce = 1 << 15

func halveBytes512(to []int32, upper, lower []uint8) (squares uint64) {
	for len(to) >= 32 {
		n := min(len(to), halveOnce) &^ 31
		squares += halveBytesAVX512(&to[0], &upper[0], &lower[0], n)
		to, upper, lower = to[n:], upper[2*n:], lower[2*n:]
	}
	return squares + halveGeneric(to, upper, lower)
}

func halveSums512(to, upper, lower []int32) (squares uint64) {
	if n := len(to) &^ 15; n > 0 {
		squares = halveSumsAVX512(&to[0], &upper[0], &lower[0], n)
		to, upper, lower = to[n:], upper[2*n:], lower[2*n:]
	}
	return squares + halveGeneric(to, upper, lower)
}
