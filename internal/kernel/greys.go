package kernel

// greys are a tier's ways through the pixels of a picture. All give the same numbers.
type greys struct {
	ranks     func(picture []uint8, a, b int) (Rank, Rank)
	translate func(dst, src []uint8, table *[256]uint8)
	moments   func(picture []uint8) (sum, squares uint64)

	halveBytes func(to []int32, upper, lower []uint8) (squares uint64) // upper and lower are twice as long as to
	halveSums  func(to, upper, lower []int32) (squares uint64)
}

var greysGeneric = greys{
	ranks:      ranksGeneric,
	translate:  translateGeneric,
	moments:    momentsGeneric,
	halveBytes: halveGeneric[uint8],
	halveSums:  halveGeneric[int32],
}

// Rank is what a picture has at a rank: the grey of that pixel when all are sorted, from the darkest at 1, how many are darker, and how many are
// of that grey.
type Rank struct {
	Grey      uint8
	Below, At int
}

// Ranks finds two ranks of a picture. It panics unless both are from 1 to the number of pixels.
func (t Tier) Ranks(picture []uint8, a, b int) (Rank, Rank) {
	if min(a, b) < 1 || max(a, b) > len(picture) {
		panic("kernel: a rank beyond the picture")
	}
	return t.greys.ranks(picture, a, b)
}

func ranksGeneric(picture []uint8, a, b int) (Rank, Rank) {
	// Neighbours are often of one grey, and a counter that was just written is slow to read.
	var parts [4][256]int
	for i := 0; i+4 <= len(picture); i += 4 {
		four := picture[i : i+4 : i+4]
		parts[0][four[0]]++
		parts[1][four[1]]++
		parts[2][four[2]]++
		parts[3][four[3]]++
	}
	for _, p := range picture[len(picture)&^3:] {
		parts[0][p]++
	}
	histogram := parts[0]
	for _, part := range parts[1:] {
		for grey, n := range part {
			histogram[grey] += n
		}
	}
	find := func(rank int) Rank {
		grey, below := 0, 0
		for below+histogram[grey] < rank {
			below += histogram[grey]
			grey++
		}
		return Rank{uint8(grey), below, histogram[grey]}
	}
	return find(a), find(b)
}

// Translate writes to dst what a table has for each of src. They may be the same.
func (t Tier) Translate(dst, src []uint8, table *[256]uint8) {
	t.greys.translate(dst[:len(src)], src, table)
}

func translateGeneric(dst, src []uint8, table *[256]uint8) {
	for i, p := range src {
		dst[i] = table[p]
	}
}

// Moments gives the sum of the pixels and that of their squares.
func (t Tier) Moments(picture []uint8) (sum, squares uint64) { return t.greys.moments(picture) }

func momentsGeneric(picture []uint8) (sum, squares uint64) {
	for _, p := range picture {
		sum += uint64(p)
		squares += uint64(p) * uint64(p)
	}
	return sum, squares
}

// HalveBytes adds up squares of two by two pixels of two rows, as many as to has, and gives the sum of the squares of these sums.
func (t Tier) HalveBytes(to []int32, upper, lower []uint8) (squares uint64) {
	return t.greys.halveBytes(to, upper[:2*len(to)], lower[:2*len(to)])
}

// HalveSums is HalveBytes of such sums again, of at most 64 by 64 pixels each. to may begin where upper does, or before it, if lower lies
// behind upper.
func (t Tier) HalveSums(to, upper, lower []int32) (squares uint64) {
	return t.greys.halveSums(to, upper[:2*len(to)], lower[:2*len(to)])
}

func halveGeneric[T uint8 | int32](to []int32, upper, lower []T) (squares uint64) {
	for x := range to {
		sum := int32(upper[2*x]) + int32(upper[2*x+1]) + int32(lower[2*x]) + int32(lower[2*x+1])
		squares += uint64(sum) * uint64(sum)
		to[x] = sum
	}
	return squares
}
