package pipeline_test

import (
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// Each of the answers on the way is that of a run which ends there.
func TestTheAnswerAfterEachStepIsThatOfAShorterRun(t *testing.T) {
	shipped, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*model.Model{"shipped": shipped.Model, "early": testmodel.Early(t), "steps": testmodel.Steps(t, 5)} {
		d := m.Description()
		for last := 1; last <= d.MaxSteps(); last++ {
			picture := testmodel.PNG(120, 90, 7)
			p, err := pipeline.Predict(t.Context(), m, picture, radiograph.Limits{}, pipeline.Options{Steps: last, EachStep: true})
			if err != nil {
				t.Fatal(err)
			}
			if p.EachStep == nil || len(p.EachStep.Probabilities) != last {
				t.Fatalf("%s, %d steps: %+v", name, last, p.EachStep)
			}
			calibrated := true
			for step := 1; step <= last; step++ {
				decision := d.DecisionAt(step)
				calibrated = calibrated && decision != nil && decision.Calibration != nil
			}
			if p.EachStep.Calibrated != calibrated {
				t.Errorf("%s, %d steps: calibrated is %v", name, last, p.EachStep.Calibrated)
			}
			for i, got := range p.EachStep.Probabilities {
				short, err := pipeline.Predict(t.Context(), m, picture, radiograph.Limits{}, pipeline.Options{Steps: i + 1})
				if err != nil {
					t.Fatal(err)
				}
				want := short.RawProbability
				if calibrated {
					want = short.Probability
				}
				if got != want {
					t.Errorf("%s, step %d of %d: %v, want %v", name, i+1, last, got, want)
				}
			}
		}
	}
}

func TestTheAnswerAfterEachStepIsLeftOut(t *testing.T) {
	picture := testmodel.PNG(120, 90, 7)
	for name, c := range map[string]struct {
		m   *model.Model
		ask bool
	}{"not asked for": {testmodel.Early(t), false}, "rows": {testmodel.Rows(t), true}, "no neurons": {testmodel.Plain(t), true}} {
		p, err := pipeline.Predict(t.Context(), c.m, picture, radiograph.Limits{}, pipeline.Options{EachStep: c.ask})
		if err != nil || p.EachStep != nil {
			t.Errorf("%s: %+v, %v", name, p.EachStep, err)
		}
	}
}
