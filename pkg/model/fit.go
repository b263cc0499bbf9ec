package model

import (
	"errors"
	"fmt"
	"math"
)

// Labelled is a picture with the network's log-odds of the positive label, its true label and its weight.
type Labelled struct {
	LogOdds  float64
	Positive bool
	Weight   float64 // above 0
}

// Prior is what is assumed of a calibration before any picture is seen: the logarithm of its slope and its intercept are
// normally distributed around those of Around, with these standard deviations. An infinite one assumes nothing.
type Prior struct {
	Around           Calibration
	Slope, Intercept float64
}

// ErrFit says that no calibration can be fitted.
var ErrFit = errors.New("model: no calibration can be fitted")

// FitCalibration fits a logistic calibration (Platt, 1999): the slope and the intercept that are most probable given the
// pictures and the prior (penalised maximum likelihood). The prevalence is the weighted share of the positive label among
// the pictures. The error is [ErrFit] if a class has no picture, or if there is no prior and the log-odds separate the
// classes completely, so that no finite slope is best.
func FitCalibration(pictures []Labelled, prior Prior) (*Calibration, error) {
	var weight [2]float64
	for i, p := range pictures {
		if math.IsNaN(p.LogOdds) || math.IsInf(p.LogOdds, 0) || !(p.Weight > 0) || math.IsInf(p.Weight, 0) {
			return nil, fmt.Errorf("%w: picture %d has log-odds of %v and weighs %v", ErrFit, i, p.LogOdds, p.Weight)
		}
		weight[index(p.Positive)] += p.Weight
	}
	if weight[0] == 0 || weight[1] == 0 {
		return nil, fmt.Errorf("%w: one of the labels has no picture", ErrFit)
	}
	if math.IsInf(prior.Slope, 1) && separated(pictures) {
		return nil, fmt.Errorf("%w: the log-odds separate the labels completely, so that no finite slope is the best", ErrFit)
	}
	f := fitting{
		pictures:  pictures,
		weight:    weight[0] + weight[1],
		around:    [2]float64{math.Log(prior.Around.Slope), prior.Around.Intercept},
		precision: [2]float64{1 / (prior.Slope * prior.Slope), 1 / (prior.Intercept * prior.Intercept)},
	}
	x, gradient := f.minimise(1e-10)
	c := &Calibration{Method: "logistic", Slope: math.Exp(x[0]), Intercept: x[1], Prevalence: weight[1] / f.weight}
	// A search that ends because it gets no further has mostly arrived; the gradient tells.
	if arrived := gradient <= 1e-6*f.weight; !arrived || c.check(2) != nil {
		return nil, fmt.Errorf("%w: the search for slope and intercept did not converge; it stopped at %v and %v", ErrFit, c.Slope, c.Intercept)
	}
	return c, nil
}

// separated tells whether all pictures of one label have higher log-odds than all others.
func separated(pictures []Labelled) bool {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, p := range pictures {
		i := index(p.Positive)
		low[i], high[i] = min(low[i], p.LogOdds), max(high[i], p.LogOdds)
	}
	return high[0] <= low[1] || high[1] <= low[0]
}

func index(positive bool) int {
	if positive {
		return 1
	}
	return 0
}

// To returns the calibration for a place where a share of prevalence, in (0, 1), has the positive label: its probabilities
// are those of [Calibration.AtPrevalence], and its log-odds differ by a constant.
func (c *Calibration) To(prevalence float64) *Calibration {
	moved := *c
	moved.Intercept += logit(prevalence) - logit(c.Prevalence)
	moved.Prevalence = prevalence
	return &moved
}

func logit(p float64) float64 { return math.Log(p) - math.Log1p(-p) }
