package pipeline

import "github.com/spikeray/spikeray/pkg/model"

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
	answers []*model.Result
}

// watch has the network tell its answer after each step, if the options ask for it and the model has steps.
func (o Options) watch(d *model.Description, to *model.Options) *anytime {
	if !o.EachStep || d.MaxSteps() == 0 {
		return nil
	}
	a := &anytime{d: d}
	to.OnStep = func(_ int, answer *model.Result) error {
		a.answers = append(a.answers, answer)
		return nil
	}
	return a
}

// probabilities are those of the answers that were collected, nil if none were asked for.
func (a *anytime) probabilities() *Anytime {
	if a == nil || len(a.answers) == 0 { // a back end may not tell its steps
		return nil
	}
	out := &Anytime{Calibrated: true}
	for i := range a.answers {
		decision := a.d.DecisionAt(i + 1)
		out.Calibrated = out.Calibrated && decision != nil && decision.Calibration != nil
	}
	for _, answer := range a.answers {
		p := answer.RawProbability
		if out.Calibrated {
			p = answer.Probability
		}
		out.Probabilities = append(out.Probabilities, p)
	}
	return out
}
