package model

import (
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Decision turns the network's output into an answer: the calibration and the thresholds, fitted for one number of time
// steps.
type Decision struct {
	Calibration *Calibration `json:"calibration,omitempty"` // nil: the probability is the network's
	// Threshold is set if and only if there are no OperatingPoints. The first operating point is the default.
	Threshold       *float64         `json:"threshold,omitempty"`
	OperatingPoints []OperatingPoint `json:"operating_points,omitempty"`
}

// Early is the Decision for an answer after fewer than all steps. It has the same parts as the model's own Decision: a
// calibration or none, and either operating points with the same names in the same order, or a threshold.
type Early struct {
	Steps int `json:"steps"`
	Decision
}

// DefaultThreshold is the probability from which the positive label is given when no other threshold is asked for.
func (d *Decision) DefaultThreshold() float64 {
	if len(d.OperatingPoints) > 0 {
		return d.OperatingPoints[0].Threshold
	}
	return *d.Threshold
}

// OperatingPoint returns the point with that name, the first one for "", or nil.
func (d *Decision) OperatingPoint(name string) *OperatingPoint {
	for i := range d.OperatingPoints {
		if p := &d.OperatingPoints[i]; name == "" || p.Name == name {
			return p
		}
	}
	return nil
}

// MaxSteps is the number of steps for which the model is shown its picture; 0 for a model whose time axis is not steps.
func (d *Description) MaxSteps() int {
	if d.Time == nil || d.Time.Axis != spike.Steps {
		return 0
	}
	return d.Time.Steps
}

// DecisionAt returns the decision for an answer after this many steps, 0 for all of them, or nil if the model has none.
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

// Check returns a [*FormatError] if the decision cannot belong to a model with so many labels.
func (d *Decision) Check(labels int) error { return d.check(labels) }

// WithDecision returns a copy of the model with another decision, for all its steps. The copy has no decision for fewer
// steps, and its description says so. The original model does not change.
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
		return formatError("threshold", "exactly one of threshold and operating_points is expected")
	case points == nil && !(*d.Threshold >= 0 && *d.Threshold <= 1):
		return formatError("threshold", "%v is not in [0, 1]", *d.Threshold)
	case points != nil && (len(points) < 1 || len(points) > maxOperatingPoints):
		return formatError("operating_points", "there are %d, must be 1 to %d", len(points), maxOperatingPoints)
	}
	for i, p := range points {
		same := func(o OperatingPoint) bool { return o.Name == p.Name }
		switch {
		case !pointPattern.MatchString(p.Name) || slices.ContainsFunc(points[:i], same):
			return formatError("operating_points.name", "%.80q does not match %s, or is used twice", p.Name, pointPattern)
		case !(p.Threshold >= 0 && p.Threshold <= 1):
			return formatError("operating_points.threshold", "%v is not in [0, 1]", p.Threshold)
		case !p.Sensitivity.Holds():
			return formatError("operating_points.sensitivity", "%+v, expected 0 <= low <= value <= high <= 1", p.Sensitivity)
		case !p.Specificity.Holds():
			return formatError("operating_points.specificity", "%+v, expected 0 <= low <= value <= high <= 1", p.Specificity)
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
		return formatError("early", "only for models whose time axis is steps")
	}
	if len(d.Early) < 1 || len(d.Early) >= d.Time.Steps {
		return formatError("early", "there are %d, must be 1 to %d for a model of %d steps", len(d.Early), d.Time.Steps-1, d.Time.Steps)
	}
	before := 0
	for i := range d.Early {
		e := &d.Early[i]
		at := fmt.Sprintf("early[%d]", i)
		if e.Steps <= before || e.Steps >= d.Time.Steps {
			return formatError(at+".steps", "%d, must be 1 to %d and in ascending order", e.Steps, d.Time.Steps-1)
		}
		before = e.Steps
		if err := e.Decision.check(len(d.Labels)); err != nil {
			return within(at, err)
		}
		switch {
		case (e.Calibration == nil) != (d.Calibration == nil):
			return formatError(at+".calibration", "must be present if and only if the model has one for all steps")
		case !slices.EqualFunc(e.OperatingPoints, d.OperatingPoints, func(a, b OperatingPoint) bool { return a.Name == b.Name }):
			return formatError(at+".operating_points", "must have the same names, in the same order, as those for all steps")
		}
	}
	return nil
}
