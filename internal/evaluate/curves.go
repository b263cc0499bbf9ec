package evaluate

import (
	"math"
	"slices"
)

// ROCPoint is what a threshold between two probabilities makes.
type ROCPoint struct {
	// FalsePositives and Sensitivity are shares, of the negative and of the positive cases.
	FalsePositives, Sensitivity float64
}

// ROC is the receiver operating characteristic of the cases, from (0, 0) to (1, 1): the curve that [Report] has the area under.
// Points inside a straight piece are left out. It is nil unless both classes are there.
func ROC(cases []Case) []ROCPoint {
	s := newScorer(cases, 0, nil)
	once := make([]float64, len(cases))
	for i := range once {
		once[i] = 1
	}
	tpr, fpr := s.rates(once)
	var out []ROCPoint
	for i := range tpr {
		if math.IsNaN(tpr[i]) || math.IsNaN(fpr[i]) {
			return nil
		}
		p := ROCPoint{fpr[i], tpr[i]}
		if n := len(out); n > 1 && straight(out[n-2], out[n-1], p) {
			out = out[:n-1]
		}
		out = append(out, p)
	}
	return out
}

// rates are the shares of the positive and of the negative cases, by their weights, that are at or above a threshold, for every
// threshold that makes a difference: from one above all probabilities to one that all cases reach. The shares are NaN without a case
// of their class.
func (s *scorer) rates(weights []float64) (tpr, fpr []float64) {
	tpr, fpr = make([]float64, 0, len(weights)+1), make([]float64, 0, len(weights)+1)
	var below [2]float64 // the weight of the negative and of the positive cases
	for i, p := range s.probability {
		if i == 0 || p != s.probability[i-1] {
			tpr, fpr = append(tpr, below[1]), append(fpr, below[0])
		}
		below[index(s.positive[i])] += weights[i]
	}
	tpr, fpr = append(tpr, below[1]), append(fpr, below[0])
	for i := range tpr {
		// The conversions keep every processor from rounding once for both operations.
		tpr[i] = 1 - float64(tpr[i]*(1/below[1]))
		fpr[i] = 1 - float64(fpr[i]*(1/below[0]))
	}
	slices.Reverse(tpr)
	slices.Reverse(fpr)
	return tpr, fpr
}

// straight tells whether a curve goes on from b to c, upwards or to the right, as it came from a.
func straight(a, b, c ROCPoint) bool {
	return a.FalsePositives == b.FalsePositives && b.FalsePositives == c.FalsePositives ||
		a.Sensitivity == b.Sensitivity && b.Sensitivity == c.Sensitivity
}

// Bin has the cases whose probability is above Low and at most High; the first bin has those of 0, too.
type Bin struct {
	Low, High float64
	// N is how many cases, by class: negative, positive.
	N [2]int
	// Mean is that of their probabilities, and Share that of the positive among them, both NaN for no cases.
	Mean, Share float64
	// Interval is Share's 95% score interval (Wilson, "Probable Inference, the Law of Succession, and Statistical
	// Inference", 1927), NaN for no cases.
	Interval Interval
}

// Bins are as many equally wide bins over [0, 1]. With [CalibrationBins] they are those of the expected calibration error.
func Bins(cases []Case, bins int) []Bin {
	out := make([]Bin, bins)
	sums := make([]float64, bins)
	for _, c := range cases {
		i := max(0, int(math.Ceil(c.Probability*float64(bins)))-1)
		out[i].N[index(c.Positive)]++
		sums[i] += c.Probability
	}
	for i := range out {
		b := &out[i]
		b.Low, b.High = float64(i)/float64(bins), float64(i+1)/float64(bins)
		n := float64(b.N[0] + b.N[1])
		b.Mean, b.Share = sums[i]/n, float64(b.N[1])/n
		b.Interval = wilson(b.Share, n)
	}
	return out
}

// wilson is the score interval of a share of n.
func wilson(share, n float64) Interval {
	const z = 1.959963984540054
	middle := (share + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(share*(1-share)/n+z*z/(4*n*n))
	return Interval{Number(max(0, min(share, middle-half))), Number(min(1, max(share, middle+half)))} // but for rounding
}
