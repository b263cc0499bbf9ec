package pipeline

import (
	"math"

	"github.com/spikeray/spikeray/pkg/model"
)

// Prevalence is an answer adjusted to a stated prevalence.
type Prevalence struct {
	Stated float64 `json:"stated"`
	// Probability is the calibrated probability taken there.
	Probability float64 `json:"probability"`
	// PPV and NPV are the operating point's predictive values there: the share of
	// those called positive that are, and of those not called positive that are
	// not. They are nil where no operating point was used, or where nothing is
	// called so.
	PPV *model.Estimate `json:"ppv"`
	NPV *model.Estimate `json:"npv"`
}

func newPrevalence(c *model.Calibration, positive, other, stated float64, point *model.OperatingPoint) *Prevalence {
	p := &Prevalence{Stated: stated, Probability: c.AtPrevalence(positive, other, stated)}
	if point != nil {
		sensitivity, specificity := point.Sensitivity, point.Specificity
		p.PPV = predictive(sensitivity, specificity, stated)
		p.NPV = predictive(specificity, sensitivity, 1-stated)
	}
	return p
}

// predictive is Bayes' rule: of a share of cases that is found with a chance of
// hit, while the others are left alone with a chance of spared, the share of true
// cases among the found. Its ends are those of both intervals together.
func predictive(hit, spared model.Estimate, share float64) *model.Estimate {
	at := func(hit, spared float64) float64 {
		found, wrongly := float64(hit*share), float64((1-spared)*(1-share))
		return found / (found + wrongly)
	}
	e := &model.Estimate{Value: at(hit.Value, spared.Value), Low: at(hit.Low, spared.Low), High: at(hit.High, spared.High)}
	if math.IsNaN(e.Low + e.Value + e.High) { // one is 0/0
		return nil
	}
	return e
}
