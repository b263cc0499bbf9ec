package jpegls

import "math/bits"

// regularContexts is how many contexts regular mode has: 0 to 364, T.87, A.3.4. The array of them has a power of two.
const regularContexts = 512

// regularContext is what regular mode learned of the errors in one surrounding, T.87, A.2.1 and A.6, with what follows from it for
// the next sample.
type regularContext struct {
	a    uint32 // sum of the errors' sizes
	b    int32  // sum of the errors, less what c corrects
	n    int32  // number of errors
	c    int16  // correction of the prediction
	k    uint8  // of the next error's Golomb code
	flip int8   // -1 if the next error is coded as if negated less one
}

// runContext is what run mode learned of the samples that end runs, T.87, A.7.2.
type runContext struct {
	a, n     int
	negative int // number of negative errors, Nn
}

// initial is the contexts' first A, T.87, A.2.1.
func (c *coding) initial() int { return max(2, (c.span+32)>>6) }

func (c *coding) newContext() regularContext {
	x := regularContext{a: uint32(c.initial()), n: 1}
	x.derive(c.near)
	return x
}

// golombOf is the least k with n << k >= a, for n above 0, T.87, A.5.1.
func golombOf(a uint32, n uint32) int {
	k := max(bits.Len32(a)-bits.Len32(n), 0)
	if n<<(k&31) < a {
		k++
	}
	return k
}

// derive sets what follows from the counts. The flip belongs to lossless coding alone, T.87, A.5.2.
func (x *regularContext) derive(near int) {
	k := golombOf(x.a, uint32(x.n))
	x.k, x.flip = uint8(k), 0
	if near == 0 && k == 0 && 2*x.b <= -x.n {
		x.flip = -1
	}
}

// learn takes up an error, T.87, A.6.
func (x *regularContext) learn(e int, c *coding) {
	x.a += uint32(max(e, -e))
	x.b += int32(e * c.step)
	if int(x.n) == c.reset {
		x.a >>= 1
		x.b >>= 1
		x.n >>= 1
	}
	x.n++
	if x.b <= -x.n {
		x.b = max(x.b+x.n, 1-x.n)
		x.c = max(x.c-1, -128)
	} else if x.b > 0 {
		x.b = min(x.b-x.n, 0)
		x.c = min(x.c+1, 127)
	}
	x.derive(c.near)
}
