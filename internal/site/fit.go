package site

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spikeray/spikeray/pkg/model"
)

// Picture is one of the place's, answered by the model.
type Picture struct {
	LogOdds  float64 // of the positive label, as the network gives them
	Positive bool    // the truth
	Patient  string  // whose it is; "" where that is not known, and then it is a patient's of its own
}

// The assumptions before any picture of the place is seen. docs/RATIONALE.md says how they were chosen.
const (
	// slopeSpread is the standard deviation of the logarithm of the slope around the model's own.
	slopeSpread = 0.2
	// interceptSpread is that of the intercept around the model's own, taken to the place's prevalence.
	interceptSpread = 1
	// expectation is as how many pictures a threshold counts that follows from the fitted calibration, against the one
	// that the pictures themselves have.
	expectation = 200
)

// The fewest pictures and patients of a class that a calibration is fitted on, and the least area under the ROC curve.
const (
	MinPictures = 30
	// MaxPictures is the most.
	MaxPictures = 100_000
	minPatients = 10
	minAUC      = 0.6
)

// ErrTooFew is wrapped by the errors for too few pictures or patients.
var ErrTooFew = errors.New("too few pictures to fit a calibration")

// ErrUseless is wrapped by the error for pictures whose classes the model cannot separate, which no calibration changes.
var ErrUseless = errors.New("the model does not separate the classes of these pictures")

// neutral is the calibration of a model that has none.
var neutral = model.Calibration{Method: "logistic", Slope: 1, Prevalence: 0.5}

// standard are the operating points of a model that has none, by what docs/PROTOCOL.md says of them.
var standard = []model.OperatingPoint{{Name: balanced}, {Name: "screening", Sensitivity: model.Estimate{Value: 0.985}}}

// balanced is the operating point at which sensitivity and specificity are nearest to each other. Every other is the
// highest threshold that keeps the sensitivity that the model's own point has.
const balanced = "balanced"

// enough returns an error if there are too few or too many pictures to fit on; it says how many are missing.
func enough(d *model.Description, pictures []Picture) error {
	if len(pictures) > MaxPictures {
		return fmt.Errorf("%d pictures, must be at most %d", len(pictures), MaxPictures)
	}
	var n [2]int
	patients := [2]map[string]bool{{}, {}}
	said := false
	for _, p := range pictures {
		n[class(p.Positive)]++
		patients[class(p.Positive)][p.Patient] = true
		said = said || p.Patient != ""
	}
	other := d.Labels[1-slices.Index(d.Labels, d.Positive)]
	if least := min(n[0], n[1]); least < MinPictures {
		return fmt.Errorf("%w: there are %d of %s and %d of %s, must be at least %d of each: add %s", ErrTooFew,
			n[0], other, n[1], d.Positive, MinPictures, lacking(other, n[0], d.Positive, n[1], MinPictures))
	}
	if p := [2]int{len(patients[0]), len(patients[1])}; said && min(p[0], p[1]) < minPatients {
		return fmt.Errorf("%w: the pictures are of %d patients with %s and %d with %s, must be at least %d of each: add %s", ErrTooFew,
			p[0], other, p[1], d.Positive, minPatients, lacking(other, p[0], d.Positive, p[1], minPatients))
	}
	return nil
}

func lacking(a string, na int, b string, nb, wanted int) string {
	switch {
	case na >= wanted:
		return fmt.Sprintf("%d more of %s", wanted-nb, b)
	case nb >= wanted:
		return fmt.Sprintf("%d more of %s", wanted-na, a)
	}
	return fmt.Sprintf("%d more of %s and %d more of %s", wanted-na, a, wanted-nb, b)
}

// fit is the calibration and the operating points' thresholds by some of the place's pictures, at its prevalence. The
// points' figures are left out.
func fit(d *model.Description, pictures []Picture, prevalence float64) (*model.Decision, error) {
	own := d.Calibration
	if own == nil {
		own = &neutral
	}
	var n [2]float64
	for _, p := range pictures {
		n[class(p.Positive)]++
	}
	weight := [2]float64{(1 - prevalence) * (n[0] + n[1]) / n[0], prevalence * (n[0] + n[1]) / n[1]}
	labelled := make([]model.Labelled, len(pictures))
	for i, p := range pictures {
		labelled[i] = model.Labelled{LogOdds: p.LogOdds, Positive: p.Positive, Weight: weight[class(p.Positive)]}
	}
	c, err := model.FitCalibration(labelled, model.Prior{Around: *own.To(prevalence), Slope: slopeSpread, Intercept: interceptSpread})
	if err != nil {
		return nil, err
	}
	c.Prevalence = prevalence // which the weights give but for rounding
	for i := range labelled {
		labelled[i].LogOdds = c.LogOdds(labelled[i].LogOdds)
	}
	slices.SortFunc(labelled, func(a, b model.Labelled) int { return cmp.Compare(a.LogOdds, b.LogOdds) })
	decision := &model.Decision{Calibration: c}
	points := d.OperatingPoints
	if len(points) == 0 {
		points = standard
	}
	for _, p := range points {
		var odds float64
		if p.Name == balanced {
			// Where the place had as many of either label, even odds would be the threshold.
			even := math.Log(prevalence) - math.Log1p(-prevalence)
			odds = blend(even, balancedAt(labelled), min(n[0], n[1]))
		} else {
			odds = blend(keepsAt(labelled, p.Sensitivity.Value, expected), keepsAt(labelled, p.Sensitivity.Value, counted), n[1])
		}
		decision.OperatingPoints = append(decision.OperatingPoints, model.OperatingPoint{Name: p.Name, Threshold: sigmoid(odds)})
	}
	return decision, nil
}

// blend weighs the log-odds that the calibration gives a threshold with those that so many pictures do.
func blend(byCalibration, byPictures, pictures float64) float64 {
	return (expectation*byCalibration + pictures*byPictures) / (expectation + pictures)
}

// balancedAt gives the log-odds at which sensitivity and specificity are nearest to each other, half-way between two of
// the pictures, which are in the order of their log-odds.
func balancedAt(pictures []model.Labelled) float64 {
	var all [2]float64
	for _, p := range pictures {
		all[class(p.Positive)] += p.Weight
	}
	var below [2]float64 // what a threshold above the picture leaves below it
	best, nearest := 0, math.Inf(1)
	for i, p := range pictures {
		below[class(p.Positive)] += p.Weight
		if d := math.Abs(1 - below[1]/all[1] - below[0]/all[0]); d < nearest {
			best, nearest = i, d
		}
	}
	return (pictures[best].LogOdds + pictures[min(best+1, len(pictures)-1)].LogOdds) / 2
}

// keepsAt gives the highest log-odds of a picture from which on so large a share of the ill lies. How much of a picture
// is ill is told by ill.
func keepsAt(pictures []model.Labelled, sensitivity float64, ill func(model.Labelled) float64) float64 {
	var all, below float64
	for _, p := range pictures {
		all += ill(p)
	}
	for _, p := range pictures {
		if below += ill(p); below > (1-sensitivity)*all {
			return p.LogOdds
		}
	}
	return pictures[len(pictures)-1].LogOdds
}

// counted takes a picture for what it is.
func counted(p model.Labelled) float64 { return p.Weight * float64(class(p.Positive)) }

// expected takes it for what the calibration makes of it, its label aside.
func expected(p model.Labelled) float64 { return p.Weight * sigmoid(p.LogOdds) }

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

func class(positive bool) int {
	if positive {
		return 1
	}
	return 0
}
