package model

import "math"

// fitting is the search of [FitCalibration]. Its unknowns are the logarithm of the slope, which keeps the slope above 0, and the
// intercept.
type fitting struct {
	pictures          []Labelled
	weight            float64    // of all pictures
	around, precision [2]float64 // of the prior: its means, and one over its variances
}

// minimise is Newton's method, damped as Levenberg and Marquardt did (Nocedal and Wright, "Numerical Optimization", 2006, 3.3 and
// 10.3): what is added to the second derivatives grows until the loss gets smaller, and shrinks while it does. The search stops where
// the gradient's length is at most tolerance times the pictures' weight, or where it gets no further, and returns the gradient's
// length there.
func (f *fitting) minimise(tolerance float64) (x [2]float64, length float64) {
	const most = 1000 // steps; a search that arrives needs about ten
	x = f.around
	loss, damping := f.loss(x), 0.0
	for range most {
		d := f.derivatives(x)
		length = math.Hypot(d.gradient[0], d.gradient[1])
		if length <= tolerance*f.weight {
			break
		}
		for {
			step, ok := d.step(damping)
			next := [2]float64{x[0] + step[0], x[1] + step[1]}
			// A slope that changed by more at once could become so small that the loss is flat there.
			if ok && math.Abs(step[0]) <= 1 {
				// Near the minimum, rounding hides that the loss gets smaller.
				if v := f.loss(next); v <= loss+1e-13*math.Abs(loss) {
					x, loss = next, v
					break
				}
			}
			if damping = max(8*damping, 1e-6*f.weight); !(damping < 1e12*f.weight) {
				return x, length
			}
		}
		if damping /= 8; damping < 1e-6*f.weight {
			damping = 0
		}
	}
	return x, length
}

// loss is the negative logarithm of the posterior probability, up to a constant.
func (f *fitting) loss(x [2]float64) float64 {
	slope, sum := math.Exp(x[0]), 0.0
	for _, p := range f.pictures {
		z := slope*p.LogOdds + x[1]
		if p.Positive {
			z = -z
		}
		sum += p.Weight * softplus(z)
	}
	for i, v := range x {
		sum += f.precision[i] * (v - f.around[i]) * (v - f.around[i]) / 2
	}
	return sum
}

// derivatives are those of the loss, by the first unknown and by the second.
type derivatives struct {
	gradient [2]float64
	second   [3]float64 // by the first twice, by both, by the second twice
}

func (f *fitting) derivatives(x [2]float64) derivatives {
	var d derivatives
	slope := math.Exp(x[0])
	for _, p := range f.pictures {
		z := slope * p.LogOdds
		q := 1 / (1 + math.Exp(-(z + x[1])))
		miss, curved := p.Weight*(q-float64(index(p.Positive))), p.Weight*q*(1-q)
		d.gradient[0] += miss * z
		d.gradient[1] += miss
		d.second[0] += curved*z*z + miss*z
		d.second[1] += curved * z
		d.second[2] += curved
	}
	for i, v := range x {
		d.gradient[i] += f.precision[i] * (v - f.around[i])
	}
	d.second[0] += f.precision[0]
	d.second[2] += f.precision[1]
	return d
}

// step is Newton's, with damping added to the second derivatives. It is false unless they are then positive definite, so that the
// step goes downwards.
func (d *derivatives) step(damping float64) (step [2]float64, ok bool) {
	a, b, c := d.second[0]+damping, d.second[1], d.second[2]+damping
	determinant := a*c - b*b
	step[0] = (b*d.gradient[1] - c*d.gradient[0]) / determinant
	step[1] = (b*d.gradient[0] - a*d.gradient[1]) / determinant
	return step, a > 0 && determinant > 0
}

// softplus is log(1 + exp(z)), without overflow.
func softplus(z float64) float64 { return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }
