package model

import (
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Decision is how what the network gives becomes an answer: the calibration and the thresholds, which were fitted for one
// number of time steps.
type Decision struct {
	Calibration *Calibration `json:"calibration,omitempty"` // nil: the probability is the network's
	// Threshold is there if and only if there are no OperatingPoints, the first of which is the default.
	Threshold       *float64         `json:"threshold,omitempty"`
	OperatingPoints []OperatingPoint `json:"operating_points,omitempty"`
}

// Early is the Decision for an answer after fewer steps than the model is shown its picture for. It has what the model's
// own has: a calibration or none, the same operating points by the same names in the same order, or a threshold.
type Early struct {
	Steps int `json:"steps"`
	Decision
}

// DefaultThreshold is the probability from which the positive label is given unless another is asked for.
func (d *Decision) DefaultThreshold() float64 {
	if len(d.OperatingPoints) > 0 {
		return d.OperatingPoints[0].Threshold
	}
	return *d.Threshold
}

// OperatingPoint gives the point of that name, the first for "", or nil.
func (d *Decision) OperatingPoint(name string) *OperatingPoint {
	for i := range d.OperatingPoints {
		if p := &d.OperatingPoints[i]; name == "" || p.Name == name {
			return p
		}
	}
	return nil
}

// MaxSteps is the number of steps that the model is shown its picture for, 0 for a model whose time is not steps.
func (d *Description) MaxSteps() int {
	if d.Time == nil || d.Time.Axis != spike.Steps {
		return 0
	}
	return d.Time.Steps
}

// DecisionAt gives the decision for an answer after so many steps, 0 for all of them, or nil: the model has none for so
// few.
func (d *Description) DecisionAt(steps int) *Decision {
	if steps == 0 || steps == d.MaxSteps() {
		return &d.Decision
	}
	for i := range d.Early {
		if d.Early[i].Steps == steps {
			return &d.Early[i].Decision
		}
	}
	return nil
}

// Check tells with a [*FormatError] what is wrong with the decision of a model of so many labels.
func (d *Decision) Check(labels int) error { return d.check(labels) }

// WithDecision is the model with another decision in place of its own, for all its steps: it has none for fewer. The
// description says so too. The model that it was made from stays as it is.
func (m *Model) WithDecision(d Decision) (*Model, error) {
	if err := d.check(len(m.description.Labels)); err != nil {
		return nil, err
	}
	description := *m.description
	description.Decision, description.Early = d, nil
	if r := m.description.Reference; r != nil {
		description.Reference = &Reference{Measures: r.Measures} // its Estimates are of the model's own thresholds
	}
	other := *m
	other.description = &description
	return &other, nil
}

func (d *Decision) check(labels int) error {
	points := d.OperatingPoints
	switch {
	case (d.Threshold == nil) == (points == nil):
		return formatError("threshold", "either it or operating_points is wanted")
	case points == nil && !(*d.Threshold >= 0 && *d.Threshold <= 1):
		return formatError("threshold", "%v is not in [0, 1]", *d.Threshold)
	case points != nil && (len(points) < 1 || len(points) > maxOperatingPoints):
		return formatError("operating_points", "%d of them, 1 to %d are possible", len(points), maxOperatingPoints)
	}
	for i, p := range points {
		same := func(o OperatingPoint) bool { return o.Name == p.Name }
		switch {
		case !pointPattern.MatchString(p.Name) || slices.ContainsFunc(points[:i], same):
			return formatError("operating_points.name", "%.80q does not match %s, or is there twice", p.Name, pointPattern)
		case !(p.Threshold >= 0 && p.Threshold <= 1):
			return formatError("operating_points.threshold", "%v is not in [0, 1]", p.Threshold)
		case !p.Sensitivity.Holds():
			return formatError("operating_points.sensitivity", "%+v; low <= value <= high in [0, 1] is wanted", p.Sensitivity)
		case !p.Specificity.Holds():
			return formatError("operating_points.specificity", "%+v; low <= value <= high in [0, 1] is wanted", p.Specificity)
		}
	}
	if d.Calibration == nil {
		return nil
	}
	return d.Calibration.check(labels)
}

func (d *Description) checkEarly() error {
	if d.Early == nil {
		return nil
	}
	if d.Time == nil || d.Time.Axis != spike.Steps {
		return formatError("early", "is for models whose time is steps")
	}
	if len(d.Early) < 1 || len(d.Early) >= d.Time.Steps {
		return formatError("early", "%d of them, 1 to %d are possible for a model of %d steps", len(d.Early), d.Time.Steps-1, d.Time.Steps)
	}
	before := 0
	for i := range d.Early {
		e := &d.Early[i]
		at := fmt.Sprintf("early[%d]", i)
		if e.Steps <= before || e.Steps >= d.Time.Steps {
			return formatError(at+".steps", "%d; numbers from 1 to %d in ascending order are wanted", e.Steps, d.Time.Steps-1)
		}
		before = e.Steps
		if err := e.Decision.check(len(d.Labels)); err != nil {
			return within(at, err)
		}
		switch {
		case (e.Calibration == nil) != (d.Calibration == nil):
			return formatError(at+".calibration", "is wanted if and only if the model has one for all steps")
		case !slices.EqualFunc(e.OperatingPoints, d.OperatingPoints, func(a, b OperatingPoint) bool { return a.Name == b.Name }):
			return formatError(at+".operating_points", "the names of those for all steps, in their order, are wanted")
		}
	}
	return nil
}
