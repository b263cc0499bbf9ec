// Package evaluate scores a model's probabilities against the truth: the
// classification report, the area under the ROC curve, calibration and
// bootstrap intervals. Its numbers are held against scikit-learn's.
package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/integrate"
	"gonum.org/v1/gonum/stat"
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
	// Probability, in [0, 1], is that of the positive class.
	Probability float64
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

// Report is how well the probabilities tell the two classes apart. Its JSON has
// the statistics at the top.
type Report struct {
	N           int    `json:"n"`
	Accuracy    Number `json:"accuracy"`
	AUC         Number `json:"auc"`
	Sensitivity Number `json:"sensitivity"`
	Specificity Number `json:"specificity"`
	F1Pneumonia Number `json:"f1_pneumonia"`
	F1Weighted  Number `json:"f1_weighted"`
	// Brier is the mean squared difference of probability and truth.
	Brier Number `json:"brier"`
	// ECE is the expected calibration error of the positive class's probability
	// in CalibrationBins bins.
	ECE Number `json:"ece"`
	// Confusion is [truth][answer], NORMAL before PNEUMONIA:
	// [[true negatives, false positives], [false negatives, true positives]].
	Confusion [2][2]int `json:"confusion"`

	// Intervals are by the JSON names of the statistics above.
	Intervals map[string]Interval `json:"intervals"`
	Normal    Class               `json:"normal"`
	Pneumonia Class               `json:"pneumonia"`
	Macro     Class               `json:"macro_average"`
	Weighted  Class               `json:"weighted_average"`
	Threshold float64             `json:"threshold"`
}

// Score makes the report of the cases, PNEUMONIA being what is positive. A
// probability of at least threshold answers positive. The intervals come from
// the given number of bootstrap samples, drawn from the seed; none for 0.
func Score(cases []Case, threshold float64, samples int, seed uint64) (*Report, error) {
	if len(cases) == 0 {
		return nil, ErrNoCases
	}
	for i, c := range cases {
		if !(c.Probability >= 0 && c.Probability <= 1) {
			return nil, fmt.Errorf("evaluate: case %d has probability %v, want one in [0, 1]", i, c.Probability)
		}
	}
	s := newScorer(cases, threshold)
	ones := make([]float64, len(cases))
	for i := range ones {
		ones[i] = 1
	}
	r := s.report(ones)
	r.Intervals = s.bootstrap(samples, seed)
	return r, nil
}

// scorer has the cases sorted by probability, which resampling does not change:
// a sample is how often each case was drawn.
type scorer struct {
	probability []float64
	positive    []bool
	threshold   float64
}

func newScorer(cases []Case, threshold float64) *scorer {
	sorted := slices.Clone(cases)
	slices.SortStableFunc(sorted, func(a, b Case) int {
		switch {
		case a.Probability < b.Probability:
			return -1
		case a.Probability > b.Probability:
			return 1
		}
		return 0
	})
	s := &scorer{threshold: threshold}
	for _, c := range sorted {
		s.probability = append(s.probability, c.Probability)
		s.positive = append(s.positive, c.Positive)
	}
	return s
}

// report scores the cases, each counted as often as its weight says.
func (s *scorer) report(weights []float64) *Report {
	var confusion [2][2]float64
	var squares float64
	for i, p := range s.probability {
		confusion[index(s.positive[i])][index(p >= s.threshold)] += weights[i]
		d := p - float64(index(s.positive[i]))
		squares += weights[i] * d * d
	}
	tn, fp, fn, tp := confusion[0][0], confusion[0][1], confusion[1][0], confusion[1][1]
	n := tn + fp + fn + tp

	normal, pneumonia := class(tn, fn, fp), class(tp, fp, fn)
	r := &Report{
		N:           int(n),
		Accuracy:    Number((tn + tp) / n),
		AUC:         s.auc(weights),
		Sensitivity: Number(tp / (tp + fn)),
		Specificity: Number(tn / (tn + fp)),
		F1Pneumonia: pneumonia.F1,
		Brier:       Number(squares / n),
		ECE:         s.calibrationError(weights),
		Confusion:   [2][2]int{{int(tn), int(fp)}, {int(fn), int(tp)}},
		Normal:      normal,
		Pneumonia:   pneumonia,
		Macro:       average(normal, pneumonia, 0.5, int(n)),
		Weighted:    average(normal, pneumonia, Number((fn+tp)/n), int(n)),
		Threshold:   s.threshold,
	}
	r.F1Weighted = r.Weighted.F1
	return r
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
	tpr, fpr, _ := stat.ROC(nil, s.probability, s.positive, weights)
	return Number(integrate.Trapezoidal(fpr, tpr))
}

// calibrationError is the mean over the bins, by their cases, of the distance
// between the mean probability and the share of positives. A bin is open below
// and closed above, but for the first, as in Guo et al.
func (s *scorer) calibrationError(weights []float64) Number {
	var probability, positive [CalibrationBins]float64
	var n float64
	for i, p := range s.probability {
		bin := max(0, int(math.Ceil(p*CalibrationBins))-1)
		probability[bin] += weights[i] * p
		positive[bin] += weights[i] * float64(index(s.positive[i]))
		n += weights[i]
	}
	var sum float64
	for bin := range probability {
		sum += math.Abs(probability[bin] - positive[bin])
	}
	return Number(sum / n)
}
