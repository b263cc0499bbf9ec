package jpeg2000

// The contexts: zero coding has 0 to 8, sign coding 9 to 13, magnitude refinement 14 to 16 (tables D.1, D.3 and D.4).
const (
	firstSign       = 9
	firstRefinement = 14
	runLength       = 17
	uniform         = 18
)

// The orientations of sub-bands: the first letter says how it was filtered horizontally, H is high-pass.
const (
	bandLL = iota
	bandHL
	bandLH
	bandHH
)

// zeroCoding is table D.1 for each orientation. The index has a bit for each sample of the 3 by 3 that surround the one in
// the middle, row by row, set where it is significant.
var zeroCoding = func() (t [4][512]uint8) {
	for orientation := range t {
		for around := range t[orientation] {
			at := func(bit int) int { return around >> bit & 1 }
			h, v, d := at(3)+at(5), at(1)+at(7), at(0)+at(2)+at(6)+at(8)
			if orientation == bandHL {
				h, v = v, h
			}
			if orientation == bandHH {
				t[orientation][around] = zeroCodingHH(h+v, d)
			} else {
				t[orientation][around] = zeroCodingOther(h, v, d)
			}
		}
	}
	return t
}()

func zeroCodingOther(h, v, d int) uint8 {
	switch {
	case h == 2:
		return 8
	case h == 1 && v >= 1:
		return 7
	case h == 1 && d >= 1:
		return 6
	case h == 1:
		return 5
	case v == 2:
		return 4
	case v == 1:
		return 3
	}
	return uint8(min(d, 2))
}

func zeroCodingHH(hv, d int) uint8 {
	switch {
	case d >= 3:
		return 8
	case d == 2:
		return uint8(6 + min(hv, 1))
	case d == 1:
		return uint8(3 + min(hv, 2))
	}
	return uint8(min(hv, 2))
}

// negate is the bit of signCoding that says that the symbol is the sign's opposite.
const negate = 0x80

// signCoding is tables D.2 and D.3. The index has for the neighbours above, left, right and below two bits each: whether it
// is significant (bits 1, 3, 5, 7) and whether it is negative (bits 0, 2, 4, 6).
var signCoding = func() (t [256]uint8) {
	for around := range t {
		of := func(bit int) int {
			switch around >> (bit - 1) & 3 {
			case 2:
				return 1
			case 3:
				return -1
			}
			return 0
		}
		h, v := min(max(of(3)+of(5), -1), 1), min(max(of(1)+of(7), -1), 1)
		var flip uint8
		if h < 0 || h == 0 && v < 0 {
			h, v, flip = -h, -v, negate
		}
		// (1,1) is 13, (1,0) 12, (1,-1) 11, (0,1) 10, (0,0) 9.
		context := firstSign + v
		if h == 1 {
			context = firstSign + 3 + v
		}
		t[around] = uint8(context) | flip
	}
	return t
}()

// contexts are the adaptive states, by context. There are more than 19 so that an index of five bits is always within.
type contexts [32]probability

// reset sets the states of table D.7.
func (c *contexts) reset() {
	for i := range c[:uniform+1] {
		c[i] = probabilities[0]
	}
	c[0], c[runLength], c[uniform] = probabilities[2*4], probabilities[2*3], probabilities[2*46]
}
