package drift

import (
	"math"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/model"
)

// Method is a way of estimating without labels.
type Method string

const (
	// CBPE, confidence-based performance estimation (Kivimäki et al. 2025, arXiv 2505.05295): the entries of the confusion
	// matrix are sums of the probabilities of being right and wrong, here taken to the share of positives that the window
	// seems to have (Saerens et al. 2002). It is right where the probabilities are.
	CBPE Method = "cbpe"
	// ATC, average thresholded confidence (Garg et al. 2022, arXiv 2201.04234) for each answered class by itself (Li et al.
	// 2022, arXiv 2207.09957): an answer counts as right when it is more confident than as many of the reference's answers
	// as were wrong.
	ATC Method = "atc"
)

// Estimate is how well an operating point does, the model's or that of a place's calibration in its stead, as far as can be told without labels.
type Estimate struct {
	OperatingPoint string `json:"operating_point"`
	Method         Method `json:"method"`
	Sensitivity    Rate   `json:"sensitivity"`
	Specificity    Rate   `json:"specificity"`
}

// Rate is an estimated rate. Low and High are a 95% interval for what chance does to so few pictures; Error is how far the
// method was off on labelled pictures from elsewhere, which is no part of the interval. Value is nil where nobody is
// estimated to be of the class, Error where it was not measured.
type Rate struct {
	Value *float64 `json:"value"`
	Low   *float64 `json:"low"`
	High  *float64 `json:"high"`
	Error *float64 `json:"error"`
}

// estimates are of all operating points of a calibrated model: by ATC where the reference has what it needs. Under a place's
// calibration it has not, and CBPE goes by the place's.
func (w *Window) estimates(odds []float32, share float64) []Estimate {
	out := []Estimate{}
	d := w.description
	if d.Calibration == nil {
		return out
	}
	// Never quite all or none: of n pictures half a one may be of the other class.
	least := 0.5 / float64(len(odds))
	share = min(max(share, least), 1-least)
	for i := range d.OperatingPoints {
		point := &d.OperatingPoints[i]
		needs := d.Reference.Estimate(point.Name)
		if needs == nil {
			cbpe, _ := confusions(odds, share, d.Calibration, point.Threshold, [2]float64{})
			out = append(out, cbpe.estimate(point.Name, CBPE, model.RateError{}, false))
			continue
		}
		cbpe, atc := confusions(odds, share, d.Calibration, point.Threshold, needs.Confident)
		var off model.EstimateError
		if needs.Error != nil {
			off = *needs.Error
		}
		measured := needs.Error != nil
		out = append(out, cbpe.estimate(point.Name, CBPE, off.CBPE, measured), atc.estimate(point.Name, ATC, off.ATC, measured))
	}
	return out
}

// confusion is a confusion matrix in expected pictures.
type confusion struct{ truePositive, falsePositive, trueNegative, falseNegative float64 }

func confusions(odds []float32, share float64, c *model.Calibration, threshold float64, confident [2]float64) (cbpe, atc confusion) {
	shift := math.Log(share/(1-share)) - math.Log(c.Prevalence/(1-c.Prevalence))
	for _, z := range odds {
		calibrated := c.Slope*float64(z) + c.Intercept
		p, right := kernel.Sigmoid(calibrated+shift), 0.0
		if kernel.Sigmoid(calibrated) >= threshold {
			if float64(z) >= confident[1] {
				right = 1
			}
			cbpe.truePositive, cbpe.falsePositive = cbpe.truePositive+p, cbpe.falsePositive+1-p
			atc.truePositive, atc.falsePositive = atc.truePositive+right, atc.falsePositive+1-right
			continue
		}
		if float64(z) < confident[0] {
			right = 1
		}
		cbpe.trueNegative, cbpe.falseNegative = cbpe.trueNegative+1-p, cbpe.falseNegative+p
		atc.trueNegative, atc.falseNegative = atc.trueNegative+right, atc.falseNegative+1-right
	}
	return cbpe, atc
}

func (c confusion) estimate(point string, method Method, off model.RateError, measured bool) Estimate {
	e := Estimate{
		OperatingPoint: point, Method: method,
		Sensitivity: rate(c.truePositive, c.falseNegative), Specificity: rate(c.trueNegative, c.falsePositive),
	}
	if measured {
		e.Sensitivity.Error, e.Specificity.Error = &off.Sensitivity, &off.Specificity
	}
	return e
}

// rate is right of right and wrong, with Wilson's interval (1927).
func rate(right, wrong float64) Rate {
	n := right + wrong
	if !(n > 0) {
		return Rate{}
	}
	const z = 1.959963984540054
	p := right / n
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	low, high := max(min(middle-half, p), 0), min(max(middle+half, p), 1)
	return Rate{Value: &p, Low: &low, High: &high}
}
