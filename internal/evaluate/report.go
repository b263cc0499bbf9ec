// Package evaluate scores a model's probabilities against the truth: the
// classification report, the area under the ROC curve, calibration and
// bootstrap intervals. Tests compare its numbers with scikit-learn's.
package evaluate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/integrate"
)

// CalibrationBins is the number of equally wide bins over [0, 1] of the
// expected calibration error, as in Guo et al., "On Calibration of Modern
// Neural Networks" (2017).
const CalibrationBins = 15

// ErrNoCases says that there is nothing to score.
var ErrNoCases = errors.New("evaluate: no cases")

// Case is one picture's truth and the probability that a model gave it.
type Case struct {
	Positive bool
	// Probability, in [0, 1], is that of the positive class, and Raw what it was
	// before a calibration that keeps the order of cases.
	Probability, Raw float64
}

// Number is a statistic. What is undefined, such as the sensitivity without a
// positive case, is NaN, and null in JSON.
type Number float64

// MarshalJSON writes NaN as null.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// Interval is a 95% confidence interval, lower end first.
type Interval [2]Number

// Class is one class's line of the report. As in scikit-learn, a quotient by 0
// is 0.
type Class struct {
	Precision Number `json:"precision"`
	Recall    Number `json:"recall"`
	F1        Number `json:"f1"`
	// Support is the number of cases of the class, for an average of all cases.
	Support int `json:"support"`
}

// Point is a named threshold to report on.
type Point struct {
	Name      string
	Threshold float64
}

// Decisions is how well the answers are that a threshold makes.
type Decisions struct {
	Threshold   float64 `json:"threshold"`
	Accuracy    Number  `json:"accuracy"`
	Sensitivity Number  `json:"sensitivity"`
	Specificity Number  `json:"specificity"`
	F1Pneumonia Number  `json:"f1_pneumonia"`
	F1Weighted  Number  `json:"f1_weighted"`
	// Confusion is [truth][answer], NORMAL before PNEUMONIA:
	// [[true negatives, false positives], [false negatives, true positives]].
	Confusion [2][2]int `json:"confusion"`
	Normal    Class     `json:"normal"`
	Pneumonia Class     `json:"pneumonia"`
	Macro     Class     `json:"macro_average"`
	Weighted  Class     `json:"weighted_average"`
	// Intervals are by the JSON names of the statistics.
	Intervals map[string]Interval `json:"intervals"`
}

// AtPoint is what a [Point]'s threshold makes.
type AtPoint struct {
	Name string `json:"name"`
	Decisions
}

// Report is how well the probabilities tell the two classes apart. Its JSON has
// the statistics at the top, those of its threshold among them.
type Report struct {
	N int `json:"n"`
	Decisions
	AUC Number `json:"auc"`
	// Brier is the mean squared difference of probability and truth.
	Brier    Number `json:"brier"`
	BrierRaw Number `json:"brier_raw"` // of the raw probabilities, as ECERaw
	// ECE is the expected calibration error of the positive class's probability
	// in CalibrationBins bins.
	ECE             Number    `json:"ece"`
	ECERaw          Number    `json:"ece_raw"`
	OperatingPoints []AtPoint `json:"operating_points"`
}

// Score makes the report of the cases, PNEUMONIA being what is positive. A
// probability of at least threshold answers positive; the points are reported on
// beside it. The intervals come from the given number of bootstrap samples, drawn
// from the seed; none for 0.
func Score(cases []Case, threshold float64, samples int, seed uint64, points ...Point) (*Report, error) {
	if len(cases) == 0 {
		return nil, ErrNoCases
	}
	for i, c := range cases {
		for _, p := range []float64{c.Probability, c.Raw} {
			if !(p >= 0 && p <= 1) {
				return nil, fmt.Errorf("evaluate: case %d has probability %v, must be 0 to 1", i, p)
			}
		}
	}
	s := newScorer(cases, threshold, points)
	ones := make([]float64, len(cases))
	for i := range ones {
		ones[i] = 1
	}
	r := s.report(ones)
	s.bootstrap(r, samples, seed)
	return r, nil
}

// scorer has the cases sorted by probability, which resampling does not change:
// a sample is how often each case was drawn.
type scorer struct {
	probability, raw []float64
	positive         []bool
	threshold        float64
	points           []Point
}

func newScorer(cases []Case, threshold float64, points []Point) *scorer {
	sorted := slices.Clone(cases)
	slices.SortStableFunc(sorted, func(a, b Case) int { return cmp.Compare(a.Probability, b.Probability) })
	s := &scorer{threshold: threshold, points: points}
	for _, c := range sorted {
		s.probability = append(s.probability, c.Probability)
		s.raw = append(s.raw, c.Raw)
		s.positive = append(s.positive, c.Positive)
	}
	return s
}

// report scores the cases, each counted as often as its weight says.
func (s *scorer) report(weights []float64) *Report {
	r := &Report{
		Decisions:       s.decide(weights, s.threshold),
		AUC:             s.auc(weights),
		Brier:           s.brier(weights, s.probability),
		BrierRaw:        s.brier(weights, s.raw),
		ECE:             s.calibrationError(weights, s.probability),
		ECERaw:          s.calibrationError(weights, s.raw),
		OperatingPoints: []AtPoint{},
	}
	r.N = r.Weighted.Support
	for _, p := range s.points {
		r.OperatingPoints = append(r.OperatingPoints, AtPoint{p.Name, s.decide(weights, p.Threshold)})
	}
	return r
}

func (s *scorer) decide(weights []float64, threshold float64) Decisions {
	var confusion [2][2]float64
	for i, p := range s.probability {
		confusion[index(s.positive[i])][index(p >= threshold)] += weights[i]
	}
	tn, fp, fn, tp := confusion[0][0], confusion[0][1], confusion[1][0], confusion[1][1]
	n := tn + fp + fn + tp

	normal, pneumonia := class(tn, fn, fp), class(tp, fp, fn)
	weighted := average(normal, pneumonia, Number((fn+tp)/n), int(n))
	return Decisions{
		Threshold:   threshold,
		Accuracy:    Number((tn + tp) / n),
		Sensitivity: Number(tp / (tp + fn)),
		Specificity: Number(tn / (tn + fp)),
		F1Pneumonia: pneumonia.F1,
		F1Weighted:  weighted.F1,
		Confusion:   [2][2]int{{int(tn), int(fp)}, {int(fn), int(tp)}},
		Normal:      normal,
		Pneumonia:   pneumonia,
		Macro:       average(normal, pneumonia, 0.5, int(n)),
		Weighted:    weighted,
	}
}

func (s *scorer) brier(weights, probability []float64) Number {
	var squares, n float64
	for i, p := range probability {
		d := p - float64(index(s.positive[i]))
		squares += weights[i] * d * d
		n += weights[i]
	}
	return Number(squares / n)
}

func index(positive bool) int {
	if positive {
		return 1
	}
	return 0
}

// class is the line of a class with so many hits, wrongly taken for it and
// missed.
func class(hits, wrong, missed float64) Class {
	return Class{
		Precision: quotient(hits, hits+wrong),
		Recall:    quotient(hits, hits+missed),
		F1:        quotient(2*hits, 2*hits+wrong+missed),
		Support:   int(hits + missed),
	}
}

func quotient(a, b float64) Number {
	if b == 0 {
		return 0
	}
	return Number(a / b)
}

// average weighs b with w and a with the rest.
func average(a, b Class, w Number, support int) Class {
	mix := func(x, y Number) Number { return (1-w)*x + w*y }
	return Class{
		Precision: mix(a.Precision, b.Precision),
		Recall:    mix(a.Recall, b.Recall),
		F1:        mix(a.F1, b.F1),
		Support:   support,
	}
}

// auc is the area under the ROC curve, NaN unless both classes are there.
func (s *scorer) auc(weights []float64) Number {
	tpr, fpr := s.rates(weights)
	return Number(integrate.Trapezoidal(fpr, tpr))
}

func (s *scorer) calibrationError(weights, probability []float64) Number {
	return Number(CalibrationError(probability, weights, s.positive))
}

// CalibrationError is the mean over the bins, by their cases' weights, of the distance between the mean probability and
// the share of positives. A bin is open below and closed above, but for the first, as in Guo et al.
func CalibrationError(probability, weights []float64, positive []bool) float64 {
	var off [CalibrationBins]float64 // by how much the probabilities are above the positives
	var n float64
	for i, p := range probability {
		bin := max(0, int(math.Ceil(p*CalibrationBins))-1)
		off[bin] += weights[i] * (p - float64(index(positive[i])))
		n += weights[i]
	}
	var sum float64
	for _, d := range off {
		sum += math.Abs(d)
	}
	return sum / n
}
