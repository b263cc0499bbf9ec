package site

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"

	"github.com/spikeray/spikeray/pkg/model"
)

// refits is how many samples of patients the spread is of.
const refits = 200

// Spread is how far slope and intercept could be from the fitted ones by chance: by which pictures the place happened to have, and
// by what was assumed before any picture was seen.
type Spread struct {
	// Slope and Intercept are standard deviations.
	Slope     float64 `json:"slope"`
	Intercept float64 `json:"intercept"`
	// Correlation is that of the two.
	Correlation float64 `json:"correlation"`
}

func (s *Spread) check() error {
	for _, v := range []float64{s.Slope, s.Intercept} {
		if !(v >= 0 && v <= math.MaxFloat32) {
			return errors.New("spread: slope and intercept must be finite numbers of at least 0")
		}
	}
	if !(math.Abs(s.Correlation) <= 1) {
		return errors.New("spread.correlation: must be -1 to 1")
	}
	return nil
}

// Interval is the 95% interval of the probability that the calibration gives for log-odds as the network gives them. It is of the
// calibration alone: not of the network, nor of pictures of another kind. The last result is false for a calibration that does
// not tell its spread.
func (d *Document) Interval(logOdds float64) (low, high float64, ok bool) {
	if d.Spread == nil {
		return 0, 0, false
	}
	s := d.Spread
	variance := logOdds*logOdds*s.Slope*s.Slope + 2*logOdds*s.Correlation*s.Slope*s.Intercept + s.Intercept*s.Intercept
	half := 1.959963984540054 * math.Sqrt(max(variance, 0)) // the normal distribution's 97.5th percentile
	z := d.Calibration.LogOdds(logOdds)
	return sigmoid(z - half), sigmoid(z + half), true
}

// spread fits to samples of the patients, each with assumptions that are drawn from their own distribution: of a linear model with
// normal errors, such fits are draws of the posterior distribution (randomised maximum a posteriori; Bardsley and others, "Randomize-
// Then-Optimize", 2014).
func (s *sampler) spread(d *model.Description, pictures []Picture, prevalence float64) (*Spread, error) {
	own := d.Calibration
	if own == nil {
		own = &neutral
	}
	around := *own.To(prevalence)
	var slopes, intercepts []float64
	times := make([]float64, len(pictures))
	for sample := range refits {
		s.draw(sample, times)
		random := rand.New(rand.NewPCG(seed, uint64(samples+sample)))
		prior := model.Prior{Around: around, Slope: slopeSpread, Intercept: interceptSpread}
		prior.Around.Slope *= math.Exp(slopeSpread * random.NormFloat64())
		prior.Around.Intercept += interceptSpread * random.NormFloat64()
		var labelled []model.Labelled
		drawn := 0.0
		for _, n := range times {
			drawn += n
		}
		for i, weight := range s.weights(times) {
			if weight > 0 && !math.IsInf(weight, 0) {
				labelled = append(labelled, model.Labelled{LogOdds: pictures[i].LogOdds, Positive: pictures[i].Positive, Weight: weight * drawn})
			}
		}
		c, err := model.FitCalibration(labelled, prior)
		if errors.Is(err, model.ErrFit) { // a sample without a class, for one
			continue
		}
		if err != nil {
			return nil, err
		}
		slopes, intercepts = append(slopes, c.Slope), append(intercepts, c.Intercept)
	}
	if len(slopes) < refits/2 {
		return nil, fmt.Errorf("%w: %d of %d samples of the pictures could not be fitted", ErrTooFew, refits-len(slopes), refits)
	}
	return spreadOf(slopes, intercepts), nil
}

// spreadOf are the standard deviations and the correlation of at least two pairs. It writes to the slices.
func spreadOf(slopes, intercepts []float64) *Spread {
	n := float64(len(slopes))
	for _, v := range [][]float64{slopes, intercepts} {
		floats.AddConst(-floats.Sum(v)/n, v)
	}
	slope, intercept := floats.Norm(slopes, 2), floats.Norm(intercepts, 2)
	out := &Spread{Slope: rounded(slope / math.Sqrt(n-1)), Intercept: rounded(intercept / math.Sqrt(n-1))}
	if out.Slope > 0 && out.Intercept > 0 {
		out.Correlation = rounded(floats.Dot(slopes, intercepts) / (slope * intercept))
	}
	return out
}
