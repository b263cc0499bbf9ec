package model_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func TestCalibrationMovesTheLogOdds(t *testing.T) {
	m := decode(t, gated(spike.Steps))
	c := m.Description().Calibration
	for _, grey := range []byte{0, 60, 128, 255} {
		r, err := m.Infer(t.Context(), bytes.Repeat([]byte{grey}, 12*14), model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		raw := math.Log(r.RawProbability / (1 - r.RawProbability))
		want := 1 / (1 + math.Exp(-(c.Slope*raw + c.Intercept)))
		if math.Abs(r.Probability-want) > 1e-12 || r.Probability != r.Probabilities[1] || r.Probability == r.RawProbability {
			t.Errorf("%+v, the calibration makes %v", r, want)
		}
		if sum := r.Probabilities[0] + r.Probabilities[1]; math.Abs(sum-1) > 1e-15 {
			t.Errorf("%v together", sum)
		}
	}
}

// Where softmax says 0 or 1, the calibration still has the logits.
func TestCalibrationOfACertainNetwork(t *testing.T) {
	p := gated(spike.Steps)
	fill(p.tensors["dense1.weights"], 0)
	fill(p.tensors["dense1.bias"], 1)
	fill(p.tensors["dense2.weights"], 0)
	p.tensors["dense2.weights"][1] = 1000
	p.part("calibration")["slope"], p.part("calibration")["intercept"] = 0.001, 0
	r, err := decode(t, p).Infer(t.Context(), make([]byte, 12*14), model.Options{})
	if err != nil || r.RawProbability != 1 || math.Abs(r.Probability-1/(1+math.Exp(-1))) > 1e-15 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWithoutCalibrationTheProbabilityIsTheNetworks(t *testing.T) {
	m := decode(t, small(spike.Steps))
	r, err := m.Infer(t.Context(), picture(m), model.Options{})
	if err != nil || r.Probability != r.RawProbability {
		t.Errorf("%+v, %v", r, err)
	}
	if g, err := m.Gate(t.Context(), picture(m)); g != nil || err != nil {
		t.Errorf("%+v, %v from a model without a gate", g, err)
	}
}

func TestAnotherPrevalenceIsBayes(t *testing.T) {
	c := model.Calibration{Prevalence: 0.742}
	for _, p := range []float64{0, 1e-9, 0.3, 0.742, 1 - 1e-9, 1} {
		for _, stated := range []float64{5e-324, 0.05, 0.742, 0.999} {
			// The likelihood ratio is p/(1-p) over the odds of the fitted prevalence.
			ill, well := p*stated*(1-c.Prevalence), (1-p)*(1-stated)*c.Prevalence
			if got, want := c.AtPrevalence(p, stated), ill/(ill+well); math.Abs(got-want) > 1e-14 {
				t.Errorf("%v at %v: %v, want %v", p, stated, got, want)
			}
		}
		if got := c.AtPrevalence(p, c.Prevalence); math.Abs(got-p) > 1e-15 {
			t.Errorf("%v at the fitted prevalence is %v", p, got)
		}
	}
}

func TestThePointsComeByName(t *testing.T) {
	d := decode(t, gated(spike.Steps)).Description()
	if p := d.OperatingPoint(""); p == nil || p.Name != "balanced" || d.DefaultThreshold() != p.Threshold {
		t.Errorf("the default is %+v at %v", p, d.DefaultThreshold())
	}
	if p := d.OperatingPoint("screening"); p == nil || p.Threshold != 0.2 || p.Sensitivity.Low != 0.8 {
		t.Errorf("%+v", p)
	}
	if p := d.OperatingPoint("none"); p != nil {
		t.Errorf("%+v", p)
	}
	if d := decode(t, small(spike.Steps)).Description(); d.OperatingPoint("") != nil || d.DefaultThreshold() != 0.5 {
		t.Errorf("%+v", d)
	}
}

// The gate of another size gets the same picture as from Pillow: the golden data sees to that. Here, what it is told of.
func TestGateTakesPreparedPicturesOnly(t *testing.T) {
	m := decode(t, gated(spike.Steps))
	if _, err := m.Gate(t.Context(), make([]byte, 64)); err == nil {
		t.Error("a picture of the gate's size, not the model's, is taken")
	}
	p := gated(spike.Steps)
	p.part("gate")["threshold"] = 0
	if r, err := decode(t, p).Gate(t.Context(), picture(m)); err != nil || !r.Accepted || r.Reason != "" {
		t.Errorf("%+v, %v at a threshold of 0", r, err)
	}
	p.part("gate")["threshold"] = 1
	if r, err := decode(t, p).Gate(t.Context(), picture(m)); err != nil || r.Accepted || r.Reason != "other" && r.Reason != "rotated" {
		t.Errorf("%+v, %v at a threshold of 1", r, err)
	}
}
