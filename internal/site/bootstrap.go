package site

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/spikeray/spikeray/internal/evaluate"
	"github.com/spikeray/spikeray/pkg/model"
)

// sampler draws patients with replacement: a sample is how often each picture is in it.
type sampler struct {
	positive   []bool
	prevalence float64
	groups     [][]int // pictures by patient
	patients   [2]int  // by label
}

func newSampler(pictures []Picture, groups [][]int, prevalence float64) *sampler {
	s := &sampler{prevalence: prevalence, groups: groups}
	for _, p := range pictures {
		s.positive = append(s.positive, p.Positive)
	}
	for _, group := range groups {
		var has [2]bool
		for _, i := range group {
			has[class(s.positive[i])] = true
		}
		s.patients[0] += class(has[0])
		s.patients[1] += class(has[1])
	}
	return s
}

// draw makes times those of a sample, which depends on its number alone.
func (s *sampler) draw(sample int, times []float64) {
	random := rand.New(rand.NewPCG(seed, uint64(sample)))
	clear(times)
	for range s.groups {
		for _, i := range s.groups[random.IntN(len(s.groups))] {
			times[i]++
		}
	}
}

// once is every picture one time: no sample but the pictures themselves.
func (s *sampler) once() []float64 {
	times := make([]float64, len(s.positive))
	for i := range times {
		times[i] = 1
	}
	return times
}

// mean is that of the values of one label's pictures.
func (s *sampler) mean(values, times []float64, label int) float64 {
	var sum, n float64
	for i, t := range times {
		if class(s.positive[i]) == label {
			sum += t * values[i]
			n += t
		}
	}
	return sum / n
}

// weights are the times by which the two labels have the shares that they have at the place.
func (s *sampler) weights(times []float64) []float64 {
	var n [2]float64
	for i, t := range times {
		n[class(s.positive[i])] += t
	}
	each := [2]float64{(1 - s.prevalence) / n[0], s.prevalence / n[1]}
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = t * each[class(s.positive[i])]
	}
	return out
}

func (s *sampler) atPrevalence(values, times []float64) float64 {
	return s.prevalence*s.mean(values, times, 1) + (1-s.prevalence)*s.mean(values, times, 0)
}

func (s *sampler) accuracy(a *answers, times []float64) float64 {
	return s.atPrevalence(a.right[0], times)
}

func (s *sampler) brier(a *answers, times []float64) float64 { return s.atPrevalence(a.brier, times) }

// figures are those of a way of answering.
func (s *sampler) figures(a *answers) Figures {
	of := func(f func(*answers, []float64) float64) model.Estimate {
		return s.estimate(func(times []float64) float64 { return f(a, times) })
	}
	return Figures{
		Accuracy:    of(s.accuracy),
		Sensitivity: s.share(func(t []float64) float64 { return s.mean(a.right[0], t, 1) }, 1),
		Specificity: s.share(func(t []float64) float64 { return s.mean(a.right[0], t, 0) }, 0),
		ECE:         of(s.calibrationError),
		Brier:       of(s.brier),
	}
}

// estimate is a statistic of the pictures with its 95% interval, percentiles of the samples; NaN where it is none of them.
// A statistic that small samples make larger, as the calibration error, may lie below its samples: then it is the end.
func (s *sampler) estimate(statistic func(times []float64) float64) model.Estimate {
	value := statistic(s.once())
	var drawn []float64
	times := make([]float64, len(s.positive))
	for sample := range samples {
		s.draw(sample, times)
		if v := statistic(times); !math.IsNaN(v) {
			drawn = append(drawn, v)
		}
	}
	if len(drawn) == 0 || math.IsNaN(value) {
		return model.Estimate{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	slices.Sort(drawn)
	low, high := evaluate.Quantile(drawn, 0.025), evaluate.Quantile(drawn, 0.975)
	return model.Estimate{Value: rounded(value), Low: rounded(min(low, value)), High: rounded(max(high, value))}
}

// share is a share of a label's patients. Where all pictures are alike samples do not vary, and the interval's other end is
// the one of Clopper and Pearson (1934) for so many patients.
func (s *sampler) share(statistic func(times []float64) float64, label int) model.Estimate {
	e := s.estimate(statistic)
	end := math.Pow(0.025, 1/float64(s.patients[label]))
	switch {
	case e.Low == 1:
		e.Low = rounded(end)
	case e.High == 0:
		e.High = rounded(1 - end)
	}
	return e
}

// predictive is the share of those called by a label who are of it, at a place where a share of prevalence is of it, from
// how many of it are found and how many of the others are left alone; nil where nobody is called so.
func (s *sampler) predictive(right []float64, label int, prevalence float64, found, spared model.Estimate) *model.Estimate {
	bayes := func(found, spared float64) float64 {
		hit, wrong := prevalence*found, (1-prevalence)*(1-spared)
		return hit / (hit + wrong)
	}
	e := s.estimate(func(times []float64) float64 {
		return bayes(s.mean(right, times, label), s.mean(right, times, 1-label))
	})
	if math.IsNaN(e.Value) {
		return nil
	}
	if e.Low == 1 { // none of the others was called so, in any sample: see share
		e.Low = rounded(bayes(found.Value, spared.Low))
	}
	return &e
}

func rounded(v float64) float64 { return math.Round(v*precision) / precision }
