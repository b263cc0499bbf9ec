package kernel

import "math"

// Softmax is exp(x - max x) over its sum, in float64, the same bits on every processor: the standard library's Exp has
// versions of its own for some.
func Softmax(dst []float64, x []float32) {
	top := x[0]
	for _, v := range x {
		top = max(top, v)
	}
	sum := 0.0
	for i, v := range x {
		dst[i] = exp(float64(v) - float64(top))
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}

// Sigmoid is 1/(1 + e^-x), the same bits on every processor. At either end it is 0 or 1, whose sum with Sigmoid(-x) is 1
// to within a unit in the last place.
func Sigmoid(x float64) float64 {
	e := exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

// exp is e^x for x <= 0 to within 2 units in the last place: x = k ln 2 + r with |r| <= ln 2 / 2, and e^r by its Taylor
// series to r^13 (the rest is below 2^-57).
func exp(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01 // the upper 32 bits of ln 2, so that k*ln2Hi is exact
		ln2Lo = 1.90821492927058770002e-10
	)
	if math.IsNaN(x) {
		return x
	}
	if x < -745.2 {
		return 0
	}
	k := math.Floor(float64(x*math.Log2E) + 0.5)
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	sum := 1.0
	for n := 13.0; n > 0; n-- {
		sum = 1 + float64(float64(r*sum)/n)
	}
	return math.Ldexp(sum, int(k))
}
