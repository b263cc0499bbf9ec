package site

import (
	"math/rand/v2"

	"github.com/spikeray/spikeray/internal/evaluate"
	"github.com/spikeray/spikeray/pkg/model"
)

// How a calibration is tried on pictures that it was not fitted on, and how often patients are drawn for the intervals.
const (
	folds     = 5
	repeats   = 20
	samples   = 1000
	seed      = 1
	precision = 1e6 // what is told is rounded to its inverse
)

// byPatient gives the pictures of each patient, in the order in which patients come, and which labels a patient has: 0,
// 1, or 2 for both. Pictures without a patient are each a patient's of its own.
func byPatient(pictures []Picture) (groups [][]int, labels []int) {
	of := map[string]int{}
	for i, p := range pictures {
		g, known := of[p.Patient]
		switch {
		case p.Patient == "" || !known:
			of[p.Patient] = len(groups)
			groups, labels = append(groups, []int{i}), append(labels, class(p.Positive))
		default:
			groups[g] = append(groups[g], i)
			if labels[g] != class(p.Positive) {
				labels[g] = 2
			}
		}
	}
	return groups, labels
}

// answers are those of one way of answering, by picture.
type answers struct {
	// right is how often the picture was answered rightly at an operating point, [point][picture], over the repeats.
	right [][]float64
	// probability is [repeat][picture].
	probability [][]float64
	// brier is the mean squared error over the repeats.
	brier []float64
}

func newAnswers(points, pictures int) *answers {
	a := &answers{right: make([][]float64, points), brier: make([]float64, pictures)}
	for i := range a.right {
		a.right[i] = make([]float64, pictures)
	}
	return a
}

// add answers some of the pictures by a decision, as one of so many repeats.
func (a *answers) add(c *model.Calibration, thresholds []float64, pictures []Picture, which []int, repeat int, share float64) {
	for len(a.probability) <= repeat {
		a.probability = append(a.probability, make([]float64, len(pictures)))
	}
	for _, i := range which {
		p := sigmoid(c.LogOdds(pictures[i].LogOdds))
		a.probability[repeat][i] = p
		for j, threshold := range thresholds {
			if (p >= threshold) == pictures[i].Positive {
				a.right[j][i] += share
			}
		}
		off := p - float64(class(pictures[i].Positive))
		a.brier[i] += share * off * off
	}
}

// validate adds the operating points, with what they are worth, and the validation: each picture is answered as before,
// and by calibrations that were fitted to other patients.
func (out *Document) validate(d *model.Description, pictures []Picture, points []model.OperatingPoint) error {
	groups, labels := byPatient(pictures)
	all := make([]int, len(pictures))
	for i := range all {
		all[i] = i
	}
	before := newAnswers(1, len(pictures))
	own := d.Calibration
	if own == nil {
		own = &neutral
	}
	before.add(own, []float64{d.DefaultThreshold()}, pictures, all, 0, 1)

	after := newAnswers(len(points), len(pictures))
	random := rand.New(rand.NewPCG(seed, 0))
	for repeat := range repeats {
		fold := deal(labels, random)
		for f := range folds {
			var others []Picture
			var held []int
			for g, group := range groups {
				if fold[g] == f {
					held = append(held, group...)
					continue
				}
				for _, i := range group {
					others = append(others, pictures[i])
				}
			}
			fitted, err := fit(d, others, out.Calibration.Prevalence)
			if err != nil {
				return err
			}
			var thresholds []float64
			for _, p := range fitted.OperatingPoints {
				thresholds = append(thresholds, p.Threshold)
			}
			after.add(fitted.Calibration, thresholds, pictures, held, repeat, 1.0/repeats)
		}
	}

	s := newSampler(pictures, groups, out.Calibration.Prevalence)
	spread, err := s.spread(d, pictures, out.Calibration.Prevalence)
	if err != nil {
		return err
	}
	out.Spread = spread
	out.Validation = Validation{Folds: folds, Repeats: repeats, Before: s.figures(before), After: s.figures(after)}
	gained := func(of func(*answers, []float64) float64) model.Estimate {
		return s.estimate(func(times []float64) float64 { return of(after, times) - of(before, times) })
	}
	out.Validation.Gained = Gained{Accuracy: gained(s.accuracy), ECE: gained(s.calibrationError), Brier: gained(s.brier)}
	for j, p := range points {
		p.Sensitivity = s.share(func(t []float64) float64 { return s.mean(after.right[j], t, 1) }, 1)
		p.Specificity = s.share(func(t []float64) float64 { return s.mean(after.right[j], t, 0) }, 0)
		out.OperatingPoints = append(out.OperatingPoints, Point{
			OperatingPoint: p,
			PPV:            s.predictive(after.right[j], 1, out.Calibration.Prevalence, p.Sensitivity, p.Specificity),
			NPV:            s.predictive(after.right[j], 0, 1-out.Calibration.Prevalence, p.Specificity, p.Sensitivity),
		})
	}
	return nil
}

// deal gives each patient a fold, so that every fold has about as many patients of each label.
func deal(labels []int, random *rand.Rand) []int {
	fold := make([]int, len(labels))
	next := random.IntN(folds)
	for label := range 3 {
		for _, g := range random.Perm(len(labels)) {
			if labels[g] == label {
				fold[g] = next % folds
				next++
			}
		}
	}
	return fold
}

// calibrationError is the mean over the repeats.
func (s *sampler) calibrationError(a *answers, times []float64) float64 {
	weights, sum := s.weights(times), 0.0
	for _, p := range a.probability {
		sum += evaluate.CalibrationError(p, weights, s.positive)
	}
	return sum / float64(len(a.probability))
}
