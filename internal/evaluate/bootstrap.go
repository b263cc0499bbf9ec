package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// DefaultSeed is what the intervals of a report are drawn with unless told
// otherwise: the same cases have the same intervals.
const DefaultSeed = 1

// bootstrap gives the 95% percentile intervals (Efron and Tibshirani, "An
// Introduction to the Bootstrap", 1993, chapter 13) of the statistics, from
// samples of as many cases as there are, drawn with replacement. A statistic
// that is undefined in a sample leaves the sample out.
func (s *scorer) bootstrap(samples int, seed uint64) map[string]Interval {
	random := rand.New(rand.NewPCG(seed, 0))
	values := map[string][]float64{}
	weights := make([]float64, len(s.probability))
	for range samples {
		clear(weights)
		for range weights {
			weights[random.IntN(len(weights))]++
		}
		for name, value := range s.report(weights).statistics() {
			if !math.IsNaN(float64(value)) {
				values[name] = append(values[name], float64(value))
			}
		}
	}
	intervals := map[string]Interval{}
	for name, v := range values {
		slices.Sort(v)
		intervals[name] = Interval{
			Number(stat.Quantile(0.025, stat.LinInterp, v, nil)),
			Number(stat.Quantile(0.975, stat.LinInterp, v, nil)),
		}
	}
	return intervals
}

// statistics are those that have an interval, by their names in JSON.
func (r *Report) statistics() map[string]Number {
	return map[string]Number{
		"accuracy":     r.Accuracy,
		"auc":          r.AUC,
		"sensitivity":  r.Sensitivity,
		"specificity":  r.Specificity,
		"f1_pneumonia": r.F1Pneumonia,
		"f1_weighted":  r.F1Weighted,
		"brier":        r.Brier,
		"ece":          r.ECE,
	}
}
