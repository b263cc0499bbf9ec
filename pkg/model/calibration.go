package model

import (
	"math"

	"github.com/spikeray/spikeray/internal/kernel"
)

// Calibration turns the network's output into a calibrated probability (Platt, "Probabilistic
// Outputs for Support Vector Machines", 1999): the log-odds of the positive label, times Slope, plus Intercept.
type Calibration struct {
	Method     string  `json:"method"` // "logistic"
	Slope      float64 `json:"slope"`
	Intercept  float64 `json:"intercept"`
	Prevalence float64 `json:"prevalence"` // share of the positive label in the data that it was fitted on
}

func (c *Calibration) check(labels int) error {
	switch {
	case labels != 2:
		return formatError("calibration", "only for models with two labels, not %d", labels)
	case c.Method != "logistic":
		return formatError("calibration.method", "%.80q is unknown", c.Method)
	case !(c.Slope > 0 && c.Slope <= math.MaxFloat32):
		return formatError("calibration.slope", "%v is not a number above 0", c.Slope)
	case !(math.Abs(c.Intercept) <= math.MaxFloat32):
		return formatError("calibration.intercept", "%v is not a finite number", c.Intercept)
	case !(c.Prevalence > 0 && c.Prevalence < 1):
		return formatError("calibration.prevalence", "%v is not in (0, 1)", c.Prevalence)
	}
	return nil
}

// apply returns the calibrated probabilities for two logits. The log-odds are the logits' difference: nothing is lost where
// a probability would round to 0 or 1.
func (c *Calibration) apply(logits []float32, positive int) []float64 {
	odds := c.LogOdds(logOdds(logits, positive))
	p := make([]float64, 2)
	p[positive], p[1-positive] = kernel.Sigmoid(odds), kernel.Sigmoid(-odds)
	return p
}

func logOdds(logits []float32, positive int) float64 {
	return float64(logits[positive]) - float64(logits[1-positive])
}

// LogOdds returns the calibrated log-odds of the positive label for the network's own log-odds; see [Result].
func (c *Calibration) LogOdds(raw float64) float64 { return float64(c.Slope*raw) + c.Intercept }

// AtPrevalence adjusts the calibrated probability of the positive label to a population in which a share of stated, in
// (0, 1), has that label, by Bayes' rule (Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori
// Probabilities", 2002, equation 4). It takes the probabilities of both labels because one may have rounded to 1 while the
// other has not rounded to 0. Every operation is rounded by itself, so the bits are the same on every processor.
func (c *Calibration) AtPrevalence(positive, other, stated float64) float64 {
	a := float64(positive * float64(stated*(1-c.Prevalence)))
	b := float64(other * float64((1-stated)*c.Prevalence))
	if a+b == 0 { // of numbers so small that the product is none
		return positive
	}
	return a / (a + b)
}
