package site

import (
	"math"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// figuresOf are the accuracy and the Brier score of pictures by a document's own calibration.
func figuresOf(d *Document, pictures []Picture) (accuracy, brier float64) {
	for _, p := range pictures {
		probability := sigmoid(d.Calibration.LogOdds(p.LogOdds))
		if (probability >= d.OperatingPoints[0].Threshold) == p.Positive {
			accuracy += 1 / float64(len(pictures))
		}
		off := probability - float64(class(p.Positive))
		brier += off * off / float64(len(pictures))
	}
	return accuracy, brier
}

// What the validation says a calibration is worth is what it is worth on pictures that nobody has seen, and what it was
// worth before is what the model's own is.
func TestAValidationSaysWhatAPlaceWillSee(t *testing.T) {
	d, err := Make(request(t, place(3000, 0.5, 1.2, -1.5, 5)))
	if err != nil {
		t.Fatal(err)
	}
	v := d.Validation
	accuracy, brier := figuresOf(d, place(20000, 0.5, 1.2, -1.5, 6))
	if !(math.Abs(v.After.Accuracy.Value-accuracy) <= 0.02 && math.Abs(v.After.Brier.Value-brier) <= 0.01) {
		t.Errorf("said to be worth %v and %v, and is worth %v and %v", v.After.Accuracy.Value, v.After.Brier.Value, accuracy, brier)
	}
	own, was := testmodel.Gated(t).Description(), 0.0
	unseen := place(20000, 0.5, 1.2, -1.5, 6)
	for _, p := range unseen {
		off := sigmoid(own.Calibration.LogOdds(p.LogOdds)) - float64(class(p.Positive))
		was += off * off / float64(len(unseen))
	}
	if !(math.Abs(v.Before.Brier.Value-was) <= 0.01 && math.Abs(v.Gained.Brier.Value-(v.After.Brier.Value-v.Before.Brier.Value)) <= 1e-5) {
		t.Errorf("before %v, want %v; gained %v", v.Before.Brier.Value, was, v.Gained.Brier.Value)
	}
}

// Few pictures look better by the calibration that was fitted on them than by those that were fitted on the others.
func TestNoPictureIsJudgedByACalibrationThatSawIt(t *testing.T) {
	for seed := range uint64(6) {
		pictures := place(80, 0.5, 1.2, -1.5, 100+seed)
		d, err := Make(request(t, pictures))
		if err != nil {
			t.Fatal(err)
		}
		_, seen := figuresOf(d, pictures)
		if held := d.Validation.After.Brier.Value; !(held > seen+1e-4) {
			t.Errorf("%d: a Brier score of %v held out, and of %v on the pictures that were fitted to", seed, held, seen)
		}
	}
}
