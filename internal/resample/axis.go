package resample

import "math"

// The filter's weights are whole numbers of 1/2^22, which leaves 8 bits for a
// pixel and 2 for the sum in 32 bits: Pillow's choice, and part of the answer.
const (
	fractionBits = 32 - 8 - 2
	half         = 1 << (fractionBits - 1)
)

// growTaps is the most pixels that can reach one target pixel when enlarging.
const growTaps = 3

// axis says which pixels of a line of n make up each of the m pixels of the
// resized line, and with what weight. The line ends at extent, in its last pixel.
//
// Enlarging (m > extent), target pixel j is the sum over i < growTaps of
// weight[growTaps*j+i] times pixel start[j]+i. Pixels beyond the line weigh 0.
//
// Reducing, the triangles of neighbours overlap so that a pixel reaches at most
// two target pixels, and the pixels fall into m runs: run j, from start[j] up to
// start[j+1], reaches target j-1 (falling, the low 32 bits of the pixel's weight)
// and target j (rising, the high 32 bits). One 64-bit multiplication then serves
// both sums, and shifting the sum right by 32 after a run makes the rising half
// the start of the falling one.
type axis struct {
	n, m     int
	extent   float64
	assembly bool // may use it for lines
	start    []int
	weight   []uint64
	window   []float64
	taps     taps
	wide     wide
	digits   digits
}

func (a *axis) grows() bool { return float64(a.m) > a.extent }

// compute fills in the weights of Pillow's triangle filter: centred on the
// target pixel's centre, one pixel wide to each side when enlarging and extent/m
// when reducing, cut at the line's ends, normalised to 1 and then rounded one by one.
//
// Every product is converted explicitly, which keeps a compiler from fusing it
// with the sum around it, so all processors get the same weights.
func (a *axis) compute(n, m int, extent float64, assembly bool) {
	if a.n == n && a.m == m && a.extent == extent && a.assembly == assembly {
		return
	}
	a.n, a.m, a.extent, a.assembly = n, m, extent, assembly
	scale := extent / float64(m)
	support := max(scale, 1)
	slope := 1 / support
	a.window = sized(a.window, 2*int(math.Ceil(support))+1)
	a.start = sized(a.start, m+1)
	if a.grows() {
		a.weight = sized(a.weight, growTaps*m)
	} else {
		a.weight = sized(a.weight, n)
	}
	clear(a.weight)
	a.taps.blocks = 0
	if assembly && !a.grows() {
		a.taps.reset(n, m, len(a.window))
	}

	centre := func(j int) float64 { return float64((float64(j) + 0.5) * scale) }
	first := func(j int) int { return max(int(centre(j)-support+0.5), 0) }
	for j := range m {
		from, to := first(j), min(int(centre(j)+support+0.5), n)
		window := a.window[:to-from]
		total := 0.0
		for i := range window {
			distance := math.Abs(float64((float64(i+from) - centre(j) + 0.5) * slope))
			window[i] = max(1-distance, 0)
			total += window[i]
		}
		a.start[j] = from
		next := n
		if j+1 < m {
			next = first(j + 1)
		}
		for i, w := range window {
			if total != 0 {
				w /= total
			}
			fixed := uint64(float64(w*(1<<fractionBits)) + 0.5)
			if a.taps.blocks > 0 {
				a.taps.set(j, i, from, fixed)
			}
			switch x := from + i; {
			case a.grows():
				a.weight[growTaps*j+i] = fixed
			case x < next:
				a.weight[x] |= fixed << 32
			default:
				a.weight[x] |= fixed
			}
		}
	}
	a.start[m] = n
	a.wide.reset(&a.taps, m, len(a.window))
	a.digits.reset(&a.taps, m)
}
