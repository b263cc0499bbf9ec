package model_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// readout is what small makes of the first steps of a raster of spike2, in plain sums of float64: the largest of each two
// by two, their mean over the steps that were asked for, two dense layers with a ReLU between them, and a softmax.
func readout(p parts, raster spike.Train, steps int) [2]float64 {
	s := raster.Shape
	h, w := s.H/2, s.W/2
	means := make([]float64, h*w*s.C)
	for t := range steps {
		counts := raster.Counts[t*s.Len():][:s.Len()]
		for y := range h {
			for x := range w {
				for c := range s.C {
					most := uint8(0)
					for i := range 4 {
						most = max(most, counts[((2*y+i/2)*s.W+2*x+i%2)*s.C+c])
					}
					means[(y*w+x)*s.C+c] += float64(most) / float64(steps)
				}
			}
		}
	}
	dense := func(in []float64, weights, bias []float32, out int) []float64 {
		to := make([]float64, out)
		for o := range to {
			if bias != nil {
				to[o] = float64(bias[o])
			}
			for i, v := range in {
				to[o] += v * float64(weights[i*out+o])
			}
		}
		return to
	}
	hidden := dense(means, p.tensors["dense1.weights"], p.tensors["dense1.bias"], 5)
	for i := range hidden {
		hidden[i] = max(hidden[i], 0)
	}
	logits := dense(hidden, p.tensors["dense2.weights"], nil, 2)
	positive := 1 / (1 + math.Exp(logits[0]-logits[1]))
	return [2]float64{1 - positive, positive}
}

// TestFewerStepsAreReadOutOverThemselves holds every number of steps to the spikes that were recorded, read out by other
// code: the mean is over the steps that were asked for.
func TestFewerStepsAreReadOutOverThemselves(t *testing.T) {
	p := small(spike.Steps)
	m := decode(t, p)
	picture := picture(m)
	rec := spike.Recorder{Rasters: []string{"spike2"}}
	var told [][]float64
	if _, err := m.Infer(t.Context(), picture, model.Options{Recorder: &rec, OnStep: func(_ int, a *model.Result) error {
		told = append(told, a.RawProbabilities)
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	raster := rec.Layers[1].Raster
	if raster.Steps() != 4 || len(told) != 4 {
		t.Fatalf("%d steps recorded, OnStep was called for %d", raster.Steps(), len(told))
	}
	for steps := 1; steps <= 4; steps++ {
		want := readout(p, raster, steps)
		r, err := m.Infer(t.Context(), picture, model.Options{Steps: steps})
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if !(math.Abs(r.RawProbabilities[i]-want[i]) <= 1e-5 && math.Abs(told[steps-1][i]-want[i]) <= 1e-5) {
				t.Errorf("%d steps, label %d: %v, and told %v on the way; the spikes make %v", steps, i, r.RawProbabilities[i], told[steps-1][i], want[i])
			}
		}
		if all := readout(p, raster, 4); steps < 4 && math.Abs(all[1]-want[1]) < 1e-4 {
			t.Errorf("%d steps make %v and all 4 make %v: nothing is told apart", steps, want[1], all[1])
		}
	}
}

// Whoever has left is not answered, with neurons or without, by the network or by the gate.
func TestNothingIsAnsweredAfterTheContextsEnd(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, m := range []*model.Model{testmodel.Plain(t), testmodel.Gated(t), testmodel.Rows(t), testmodel.Steps(t, 3)} {
		if _, err := m.Infer(gone, picture(m), model.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", m.Description().Name, err)
		}
	}
	m := testmodel.Gated(t)
	if _, err := m.Gate(gone, picture(m)); !errors.Is(err, context.Canceled) {
		t.Errorf("the gate: %v", err)
	}
}
