package drift

import "math"

// shares turns counts into shares, half a picture added to each bin so that none is 0.
func shares(counts []int64) []float64 {
	total := 0.5 * float64(len(counts))
	for _, n := range counts {
		total += float64(n)
	}
	out := make([]float64, len(counts))
	for i, n := range counts {
		out[i] = (float64(n) + 0.5) / total
	}
	return out
}

// stability is the population stability index of two distributions, the sum of (p-q) ln(p/q): the Kullback-Leibler
// divergence both ways. Where both are of one population it is about (1/n + 1/m) times a chi-squared variable of one
// degree of freedom less than bins (Yurdakul and Naranjo 2020, "Statistical properties of the population stability index").
func stability(p, q []float64) float64 {
	sum := 0.0
	for i := range p {
		sum += (p[i] - q[i]) * math.Log(p[i]/q[i])
	}
	return sum
}

// mixture gives the share of positive in [0, 1] at which a mixture of the two classes' distributions makes the counts most
// likely (maximum likelihood, as Saerens et al. 2002 have it by expectation and maximisation; of one share it is where the
// derivative, which falls, is 0), and that mixture.
func mixture(counts []int64, negative, positive []float64) (share float64, mixed []float64) {
	slope := func(share float64) float64 {
		sum := 0.0
		for i, n := range counts {
			sum += float64(n) * (positive[i] - negative[i]) / (share*positive[i] + (1-share)*negative[i])
		}
		return sum
	}
	low, high := 0.0, 1.0
	switch {
	case slope(0) <= 0:
		high = 0
	case slope(1) >= 0:
		low = 1
	}
	for range 40 {
		if middle := (low + high) / 2; slope(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	share = (low + high) / 2
	return share, mix(share, negative, positive)
}

func mix(share float64, negative, positive []float64) []float64 {
	out := make([]float64, len(negative))
	for i := range out {
		out[i] = share*positive[i] + (1-share)*negative[i]
	}
	return out
}
