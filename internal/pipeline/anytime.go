package pipeline

import (
	"math"
	"slices"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/model"
)

// Anytime is the answer after each time step of one run of the network.
type Anytime struct {
	// Probabilities are those of the model's positive label, after 1, 2 and more steps. The last is that of the answer.
	Probabilities []float64
	// Calibrated tells whether the model has a calibration for each of these numbers of steps. If not, all of them are raw
	// probabilities: a row of both kinds could not be compared.
	Calibrated bool
}

// anytime collects what the network says after each step.
type anytime struct {
	d     *model.Description
	steps int
	raw   [][]float64
}

// watch has the network tell its answer after each step, if the options ask for it and the model has steps.
func (o Options) watch(d *model.Description, to *model.Options) *anytime {
	most := d.MaxSteps()
	if !o.EachStep || most == 0 {
		return nil
	}
	a := &anytime{d: d, steps: most}
	if o.Steps > 0 {
		a.steps = o.Steps
	}
	a.raw = make([][]float64, a.steps)
	to.OnStep = func(step int, raw []float64) error {
		a.raw[step-1] = raw // once more if the simulator takes over from a board
		return nil
	}
	return a
}

// answers are what was collected, nil if it was not asked for or a back end did not tell its steps.
func (a *anytime) answers() *Anytime {
	if a == nil || slices.ContainsFunc(a.raw, func(raw []float64) bool { return raw == nil }) {
		return nil
	}
	out := &Anytime{Calibrated: true}
	for step := range a.raw {
		decision := a.d.DecisionAt(step + 1)
		out.Calibrated = out.Calibrated && decision != nil && decision.Calibration != nil
	}
	positive := slices.Index(a.d.Labels, a.d.Positive)
	for i, raw := range a.raw {
		p := raw[positive]
		if out.Calibrated { // then there are two labels
			p = kernel.Sigmoid(a.d.DecisionAt(i + 1).Calibration.LogOdds(logarithm(p) - logarithm(raw[1-positive])))
		}
		out.Probabilities = append(out.Probabilities, p)
	}
	return out
}

// logarithm is finite for a probability that was rounded to 0, too.
func logarithm(p float64) float64 { return math.Log(max(p, math.SmallestNonzeroFloat64)) }
