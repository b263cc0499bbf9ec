package model_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func theDefaultModel(t *testing.T) *model.Model {
	t.Helper()
	file, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAnAdditiveReadOutGivesTheLogOdds from the counts that the read-out took.
func TestAnAdditiveReadOutGivesTheLogOdds(t *testing.T) {
	m := theDefaultModel(t)
	a, ok := m.Additive()
	if !ok || a.Layer != "spike9" || a.Shape != (spike.Shape{H: 8, W: 8, C: 128}) || len(a.Weights) != 128 || a.Spike != 1 {
		t.Fatalf("%+v", a)
	}
	for steps := range m.MaxSteps() + 1 {
		var counts spike.Train
		recorder := &spike.Recorder{Rasters: []string{a.Layer}}
		p := testmodel.Picture(128, 128, uint64(steps)).Pix
		r, err := m.Infer(t.Context(), p, model.Options{Steps: steps, Counts: &counts, Recorder: recorder})
		if err != nil {
			t.Fatal(err)
		}
		if raster := recorder.Layers[len(recorder.Layers)-1].Raster; !slices.Equal(raster.Counts, counts.Counts) || counts.Shape != a.Shape || counts.Axis != spike.Steps {
			t.Errorf("%d steps: the counts are not the last layer's", steps)
		}
		odds := a.Bias
		for i, n := range counts.Counts {
			odds += a.Weights[i%128] * float64(n) / float64(counts.Steps()*8*8)
		}
		if math.Abs(odds-r.LogOdds) > 1e-5 {
			t.Errorf("%d steps: %v, expected %v", steps, odds, r.LogOdds)
		}
	}
}

func TestOtherReadOutsAreNotAdditive(t *testing.T) {
	for _, m := range []*model.Model{testmodel.Rows(t), testmodel.Steps(t, 2), testmodel.Plain(t)} {
		if a, ok := m.Additive(); ok {
			t.Errorf("%s: %+v", m.Description().Name, a)
		}
	}
}

func TestSpikingLayersAreThoseThatAreRecorded(t *testing.T) {
	for _, m := range []*model.Model{theDefaultModel(t), testmodel.Rows(t), testmodel.Steps(t, 2), testmodel.Plain(t)} {
		p := m.Description().Preparation
		recorder := &spike.Recorder{}
		if _, err := m.Infer(t.Context(), testmodel.Picture(p.Width, p.Height, 1).Pix, model.Options{Recorder: recorder}); err != nil {
			t.Fatal(err)
		}
		var recorded []model.SpikingLayer
		for _, l := range recorder.Layers {
			recorded = append(recorded, model.SpikingLayer{Name: l.Name, Shape: l.Raster.Shape})
		}
		if got := m.SpikingLayers(); !slices.Equal(got, recorded) {
			t.Errorf("%s: %v, recorded are %v", m.Description().Name, got, recorded)
		}
	}
}

// TestAnswersOnTheWayAreThoseOfFewerSteps, with their own decision where there is one.
func TestAnswersOnTheWayAreThoseOfFewerSteps(t *testing.T) {
	m := testmodel.Early(t)
	p := testmodel.Picture(16, 16, 3).Pix
	seen := 0
	_, err := m.Infer(t.Context(), p, model.Options{
		OnStep: func(step int, a *model.Result) error {
			seen++
			want, err := m.Infer(t.Context(), p, model.Options{Steps: step})
			if err != nil {
				return err
			}
			same := a.Probability == want.Probability || math.IsNaN(a.Probability) && math.IsNaN(want.Probability)
			if step != seen || a.LogOdds != want.LogOdds || !same || !slices.Equal(a.RawProbabilities, want.RawProbabilities) {
				t.Errorf("step %d: %+v, expected %+v", step, a, want)
			}
			return nil
		},
	})
	if err != nil || seen != 4 {
		t.Errorf("%d answers, %v", seen, err)
	}
	stop := errors.New("stop")
	if _, err := m.Infer(t.Context(), p, model.Options{OnStep: func(int, *model.Result) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("stopped: %v", err)
	}
	if _, err := testmodel.Plain(t).Infer(t.Context(), p, model.Options{OnStep: func(int, *model.Result) error { return nil }}); !errors.Is(err, model.ErrSteps) {
		t.Errorf("no steps: %v", err)
	}
}
