package pipeline

import (
	"slices"

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

// anytime collects what the model says after each step.
type anytime struct {
	d       *model.Description
	results []*model.Result
}

// watch has the model tell its answer after each step, if the options ask for it and the model has steps.
func (o Options) watch(d *model.Description, to *model.Options) *anytime {
	steps := d.MaxSteps()
	if !o.EachStep || steps == 0 {
		return nil
	}
	if o.Steps > 0 {
		steps = o.Steps
	}
	a := &anytime{d: d, results: make([]*model.Result, steps)}
	to.OnAnswer = func(step int, result *model.Result) error {
		a.results[step-1] = result
		return nil
	}
	return a
}

// answers are what was collected, nil if it was not asked for or a back end did not tell its steps.
func (a *anytime) answers() *Anytime {
	if a == nil || slices.Contains(a.results, nil) {
		return nil
	}
	out := &Anytime{Calibrated: true}
	for step := range a.results {
		decision := a.d.DecisionAt(step + 1)
		out.Calibrated = out.Calibrated && decision != nil && decision.Calibration != nil
	}
	for _, result := range a.results {
		p := result.RawProbability
		if out.Calibrated {
			p = result.Probability
		}
		out.Probabilities = append(out.Probabilities, p)
	}
	return out
}
