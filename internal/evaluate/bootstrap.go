package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
)

// DefaultSeed is what the intervals of a report are drawn with unless told
// otherwise: the same cases have the same intervals.
const DefaultSeed = 1

// bootstrap adds to a report the 95% percentile intervals (Efron and Tibshirani,
// "An Introduction to the Bootstrap", 1993, chapter 13) of its statistics, from
// samples of as many cases as there are, drawn with replacement. A statistic
// that is undefined in a sample leaves the sample out.
func (s *scorer) bootstrap(r *Report, samples int, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	all, points := drawn{}, make([]drawn, len(s.points))
	for i := range points {
		points[i] = drawn{}
	}
	weights := make([]float64, len(s.probability))
	for range samples {
		clear(weights)
		for range weights {
			weights[random.IntN(len(weights))]++
		}
		sample := s.report(weights)
		all.add(sample.statistics())
		for i, p := range sample.OperatingPoints {
			points[i].add(p.statistics())
		}
	}
	r.Intervals = all.intervals()
	for i := range r.OperatingPoints {
		r.OperatingPoints[i].Intervals = points[i].intervals()
	}
}

// drawn is the values that statistics have in samples, by their names.
type drawn map[string][]float64

func (d drawn) add(statistics map[string]Number) {
	for name, value := range statistics {
		if !math.IsNaN(float64(value)) {
			d[name] = append(d[name], float64(value))
		}
	}
}

func (d drawn) intervals() map[string]Interval {
	intervals := map[string]Interval{}
	for name, v := range d {
		slices.Sort(v)
		intervals[name] = Interval{
			Number(Quantile(v, 0.025)),
			Number(Quantile(v, 0.975)),
		}
	}
	return intervals
}

// Quantile is the value that a share p, 0 to 1, of sorted values is at most, interpolated between neighbours in the empirical
// distribution (type 4 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996). It panics without a value.
func Quantile(sorted []float64, p float64) float64 {
	place := p * float64(len(sorted))
	above := max(1, math.Ceil(place)) // counted from 1
	i := int(above) - 1
	if i == 0 {
		return sorted[0]
	}
	t := above - place
	return float64(t*sorted[i-1]) + float64((1-t)*sorted[i])
}

// statistics are those that have an interval, by their names in JSON.
func (d *Decisions) statistics() map[string]Number {
	return map[string]Number{
		"accuracy":     d.Accuracy,
		"sensitivity":  d.Sensitivity,
		"specificity":  d.Specificity,
		"f1_pneumonia": d.F1Pneumonia,
		"f1_weighted":  d.F1Weighted,
	}
}

func (r *Report) statistics() map[string]Number {
	all := r.Decisions.statistics()
	all["auc"] = r.AUC
	all["brier"], all["brier_raw"] = r.Brier, r.BrierRaw
	all["ece"], all["ece_raw"] = r.ECE, r.ECERaw
	return all
}
