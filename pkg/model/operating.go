package model

import (
	"regexp"
	"slices"
)

// OperatingPoint is a threshold with a name and what the model does there.
type OperatingPoint struct {
	Name string `json:"name"`
	// Threshold is the calibrated probability, in [0, 1], from which the positive label is given.
	Threshold   float64  `json:"threshold"`
	Sensitivity Estimate `json:"sensitivity"`
	Specificity Estimate `json:"specificity"`
}

// Estimate is a measured share with its 95% interval.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

const maxOperatingPoints = 8

var pointPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// DefaultThreshold is the calibrated probability from which the positive label is given unless another is asked for.
func (d *Description) DefaultThreshold() float64 {
	if len(d.OperatingPoints) > 0 {
		return d.OperatingPoints[0].Threshold
	}
	return *d.Threshold
}

// OperatingPoint gives the point of that name, the first for "", or nil.
func (d *Description) OperatingPoint(name string) *OperatingPoint {
	for i := range d.OperatingPoints {
		if p := &d.OperatingPoints[i]; name == "" || p.Name == name {
			return p
		}
	}
	return nil
}

func (d *Description) checkThresholds() error {
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
		case !p.Sensitivity.holds():
			return formatError("operating_points.sensitivity", "%+v; low <= value <= high in [0, 1] is wanted", p.Sensitivity)
		case !p.Specificity.holds():
			return formatError("operating_points.specificity", "%+v; low <= value <= high in [0, 1] is wanted", p.Specificity)
		}
	}
	return nil
}

func (e Estimate) holds() bool {
	return 0 <= e.Low && e.Low <= e.Value && e.Value <= e.High && e.High <= 1
}
