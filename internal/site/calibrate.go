package site

import (
	"fmt"
	"math"
	"time"

	"github.com/spikeray/spikeray/internal/evaluate"
	"github.com/spikeray/spikeray/pkg/model"
)

// Request is what a calibration is made from.
type Request struct {
	Model *model.Model
	// Pictures as the model answers them, in any order.
	Pictures []Picture
	// Prevalence is the share of the positive label at the place, between 0 and 1; 0 takes that of Pictures.
	Prevalence float64
	Place      string
	Made       time.Time
	// Unread, Duplicates, Refused and Flagged are as in [Data].
	Unread, Duplicates, Refused, Flagged int
}

// Make fits a calibration for a place and returns the file's document. The errors wrap [ErrTooFew] or [ErrUseless], or
// say what is wrong with the request.
func Make(r Request) (*Document, error) {
	d := r.Model.Description()
	if len(d.Labels) != 2 {
		return nil, fmt.Errorf("%s has %d labels; a calibration needs a model with two", d.Name, len(d.Labels))
	}
	if err := CheckPlace(r.Place); err != nil {
		return nil, err
	}
	if err := enough(d, r.Pictures); err != nil {
		return nil, err
	}
	out := &Document{
		Format: format, Place: r.Place, Made: r.Made.UTC().Format(time.RFC3339), Model: Model{d.Name, d.Version, r.Model.Digest()},
		Data: Data{Pictures: len(r.Pictures), Unread: r.Unread, Duplicates: r.Duplicates, Refused: r.Refused, Flagged: r.Flagged},
	}
	patients := map[string]bool{}
	for _, p := range r.Pictures {
		out.Data.Positive += class(p.Positive)
		patients[p.Patient] = true
	}
	if delete(patients, ""); len(patients) > 0 {
		groups, _ := byPatient(r.Pictures)
		out.Data.Patients = len(groups)
	}
	prevalence := r.Prevalence
	if prevalence == 0 {
		prevalence = float64(out.Data.Positive) / float64(out.Data.Pictures)
	}
	if !(prevalence > 0 && prevalence < 1) {
		return nil, fmt.Errorf("the prevalence must be above 0 and below 1, not %v", prevalence)
	}
	fitted, err := fit(d, r.Pictures, prevalence)
	if err != nil {
		return nil, err
	}
	out.Calibration = *fitted.Calibration
	if out.Data.AUC, err = auc(fitted.Calibration, r.Pictures); err != nil {
		return nil, err
	}
	if out.Data.AUC < minAUC {
		return nil, fmt.Errorf("%w: the area under the ROC curve is %.2f, must be at least %.1f, and no calibration changes it; are the labels right, and are the pictures of the kind that %s is for?",
			ErrUseless, out.Data.AUC, minAUC, d.Name)
	}
	return out, out.validate(d, r.Pictures, fitted.OperatingPoints)
}

func auc(c *model.Calibration, pictures []Picture) (float64, error) {
	var cases []evaluate.Case
	for _, p := range pictures {
		probability := sigmoid(c.LogOdds(p.LogOdds))
		cases = append(cases, evaluate.Case{Positive: p.Positive, Probability: probability, Raw: probability})
	}
	report, err := evaluate.Score(cases, 0.5, 0, evaluate.DefaultSeed)
	if err != nil {
		return math.NaN(), err
	}
	return float64(report.AUC), nil
}
