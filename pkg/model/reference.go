package model

import (
	"math"
	"regexp"
	"slices"
)

// Reference is how a model's answers and pictures were distributed where the model was measured. A server compares what
// it sees with it: see internal/drift.
type Reference struct {
	Measures  []ReferenceMeasure  `json:"measures"`
	Estimates []ReferenceEstimate `json:"estimates,omitempty"`
}

// ReferenceMeasure is the distribution of one measure, for each of the two classes, as counts by bin.
type ReferenceMeasure struct {
	Name string `json:"name"` // one of Measures
	// Edges divide numbers into len(Edges)+1 bins: bin i holds numbers of at least Edges[i-1] and below Edges[i]. A measure
	// of words has Values instead: one bin for each word, and one more for all other words.
	Edges  []float64 `json:"edges,omitempty"`
	Values []string  `json:"values,omitempty"`
	// Counts are of pictures without the positive label, then of those with it.
	Counts [2][]int64 `json:"counts"`
	// Limit is the population stability index, divided by 1/(pictures in the window) + 1/(pictures in the reference), above
	// which the measure counts as drifted. A measure with a nil Limit is reported but never counts as drifted.
	Limit *float64 `json:"limit,omitempty"`
}

// ReferenceEstimate is what is needed to estimate sensitivity and specificity without labels at an operating point.
type ReferenceEstimate struct {
	OperatingPoint string `json:"operating_point"`
	// Confident are two log-odds: an answer that is not positive counts as right below the first, a positive answer from the
	// second on. They are chosen so that as many of the reference's answers lie beyond them as were right.
	Confident [2]float64 `json:"confident"`
	// Error is how far the estimates were off on pictures from elsewhere whose labels are known; nil: it was not measured.
	Error *EstimateError `json:"error,omitempty"`
}

// EstimateError is how far each kind of estimate was off, under the names that package drift uses.
type EstimateError struct {
	CBPE RateError `json:"cbpe"`
	ATC  RateError `json:"atc"`
}

// RateError is how far an estimate of each rate was off.
type RateError struct {
	Sensitivity float64 `json:"sensitivity"`
	Specificity float64 `json:"specificity"`
}

// What a [Reference] may measure. LogOdds is of the network's probability of the positive label, GateLogOdds of the gate's
// of its accepted label; the others but the last three are of the model's prepared picture.
const (
	LogOdds     = "log_odds"
	GateLogOdds = "gate_log_odds"
	Brightness  = "brightness" // mean grey
	Contrast    = "contrast"   // standard deviation of the grey
	Range       = "range"      // grey levels from the 2nd to the 98th percentile
	Detail1     = "detail_1"   // how much the grey varies from pixel to pixel
	Detail2     = "detail_2"   // and between squares of 2, 4 and 8 pixels to a side
	Detail4     = "detail_4"
	Detail8     = "detail_8"
	Size        = "size"   // of the picture as it came: its longer side in pixels
	Aspect      = "aspect" // its width over its height
	Format      = "format" // its file format
)

// Measures lists all of them, in the order in which they are reported.
var Measures = []string{LogOdds, GateLogOdds, Brightness, Contrast, Range, Detail1, Detail2, Detail4, Detail8, Size, Aspect, Format}

const (
	maxReferenceBins  = 32
	maxReferenceCount = 1 << 31
)

var wordPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)

// Measure returns the measure with that name, or nil.
func (r *Reference) Measure(name string) *ReferenceMeasure {
	for i := range r.Measures {
		if r.Measures[i].Name == name {
			return &r.Measures[i]
		}
	}
	return nil
}

// Estimate returns the ReferenceEstimate for the operating point with that name, or nil.
func (r *Reference) Estimate(point string) *ReferenceEstimate {
	for i := range r.Estimates {
		if r.Estimates[i].OperatingPoint == point {
			return &r.Estimates[i]
		}
	}
	return nil
}

func (r *Reference) check(d *Description) error {
	if len(r.Measures) < 1 || len(r.Measures) > len(Measures) {
		return formatError("measures", "there are %d, must be 1 to %d", len(r.Measures), len(Measures))
	}
	for i := range r.Measures {
		m := &r.Measures[i]
		same := func(o ReferenceMeasure) bool { return o.Name == m.Name }
		switch {
		case !slices.Contains(Measures, m.Name):
			return formatError("measures.name", "%.80q is unknown", m.Name)
		case slices.ContainsFunc(r.Measures[:i], same):
			return formatError("measures.name", "%q is given twice", m.Name)
		case m.Name == GateLogOdds && d.Gate == nil:
			return formatError("measures.name", "%q is only for models with a gate", m.Name)
		}
		if err := m.check(); err != nil {
			return err
		}
	}
	if r.Estimates == nil {
		return nil
	}
	if len(r.Estimates) < 1 || len(r.Estimates) > len(d.OperatingPoints) {
		return formatError("estimates", "there are %d, must be at least 1 and at most one for each operating point", len(r.Estimates))
	}
	if d.Calibration == nil || r.Measure(LogOdds) == nil {
		return formatError("estimates", "only for models with a calibration and %s in their reference", LogOdds)
	}
	for i := range r.Estimates {
		e := &r.Estimates[i]
		same := func(o ReferenceEstimate) bool { return o.OperatingPoint == e.OperatingPoint }
		switch {
		case e.OperatingPoint == "" || d.OperatingPoint(e.OperatingPoint) == nil || slices.ContainsFunc(r.Estimates[:i], same):
			return formatError("estimates.operating_point", "%.80q is not one of the operating points, or is given twice", e.OperatingPoint)
		case !(math.Abs(e.Confident[0]) <= math.MaxFloat32 && math.Abs(e.Confident[1]) <= math.MaxFloat32):
			return formatError("estimates.confident", "%v are not finite numbers", e.Confident)
		}
		if e.Error == nil {
			continue
		}
		for _, off := range []RateError{e.Error.CBPE, e.Error.ATC} {
			if !(off.Sensitivity >= 0 && off.Sensitivity <= 1 && off.Specificity >= 0 && off.Specificity <= 1) {
				return formatError("estimates.error", "%+v is not in [0, 1]", off)
			}
		}
	}
	return nil
}

func (m *ReferenceMeasure) check() error {
	bins, words := len(m.Edges)+1, m.Name == Format
	switch {
	case words != (m.Values != nil) || words == (m.Edges != nil):
		return formatError("measures.edges", "a measure of numbers takes edges, and %q takes values", Format)
	case words:
		bins = len(m.Values) + 1
	}
	if bins < 2 || bins > maxReferenceBins {
		return formatError("measures.edges", "%d bins, must be 2 to %d", bins, maxReferenceBins)
	}
	for i, v := range m.Values {
		if !wordPattern.MatchString(v) || slices.Contains(m.Values[:i], v) {
			return formatError("measures.values", "%.80q does not match %s, or is given twice", v, wordPattern)
		}
	}
	for i, v := range m.Edges {
		if !(math.Abs(v) <= math.MaxFloat32) || i > 0 && v <= m.Edges[i-1] {
			return formatError("measures.edges", "%v, must be finite numbers in ascending order", v)
		}
	}
	for _, counts := range m.Counts {
		var sum int64
		for _, n := range counts {
			if n < 0 || n > maxReferenceCount {
				return formatError("measures.counts", "%d is not from 0 to %d", n, maxReferenceCount)
			}
			sum += n
		}
		if len(counts) != bins || sum < 1 {
			return formatError("measures.counts", "%d counts of %d pictures, expected one count for each of %d bins and at least one picture", len(counts), sum, bins)
		}
	}
	if m.Limit != nil && !(*m.Limit > 0 && *m.Limit <= math.MaxFloat32) {
		return formatError("measures.limit", "%v is not a number above 0", *m.Limit)
	}
	return nil
}
