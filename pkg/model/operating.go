package model

import "regexp"

// OperatingPoint is a named threshold with the sensitivity and specificity that the model has there.
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

// Holds reports whether 0 <= Low <= Value <= High <= 1.
func (e Estimate) Holds() bool {
	return 0 <= e.Low && e.Low <= e.Value && e.Value <= e.High && e.High <= 1
}
