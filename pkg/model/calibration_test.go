package model_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
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

// Fewer steps are another network: they have a decision of their own, or none.
func TestFewerStepsHaveTheirOwnDecisionOrNone(t *testing.T) {
	p := gated(spike.Steps)
	p.description["early"] = []map[string]any{early(1, 0.5, "balanced", "screening"), early(3, 3, "balanced", "screening")}
	m := decode(t, p)
	for steps, slope := range map[int]float64{0: 1.5, 1: 0.5, 2: 0, 3: 3, 4: 1.5} {
		r, err := m.Infer(t.Context(), picture(m), model.Options{Steps: steps})
		if err != nil {
			t.Fatal(err)
		}
		decision := m.Description().DecisionAt(steps)
		if sum := r.RawProbabilities[0] + r.RawProbabilities[1]; math.Abs(sum-1) > 1e-6 || r.RawProbability != r.RawProbabilities[1] {
			t.Errorf("%d steps: %+v", steps, r)
		}
		if slope == 0 {
			if decision != nil || r.Probabilities != nil || !math.IsNaN(r.Probability) {
				t.Errorf("%d steps: %+v by %+v", steps, r, decision)
			}
			continue
		}
		intercept := 0.25
		if steps%4 == 0 {
			intercept = -0.5
		}
		want := 1 / (1 + math.Exp(-(slope*math.Log(r.RawProbability/(1-r.RawProbability)) + intercept)))
		if math.Abs(r.Probability-want) > 1e-6 || r.Probability != r.Probabilities[1] {
			t.Errorf("%d steps: %v, the calibration makes %v", steps, r.Probability, want)
		}
		if c := decision.Calibration; c.Slope != slope || decision.OperatingPoint("screening") == nil {
			t.Errorf("%d steps: %+v", steps, decision)
		}
	}
	if at := m.Description().DecisionAt(1); at.DefaultThreshold() != 0.6 || at.OperatingPoint("screening").Threshold != 0.5 {
		t.Errorf("%+v", at)
	}
}

// What a description says, it says again: the decisions' keys are its own.
func TestDescriptionKeepsItsKeys(t *testing.T) {
	p := gated(spike.Steps)
	p.description["early"] = []map[string]any{early(2, 0.5, "balanced", "screening")}
	m := decode(t, p)
	text, err := json.Marshal(m.Description())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"calibration", "operating_points", "early", "gate", "time"} {
		if got[key] == nil {
			t.Errorf("no %s in %s", key, text)
		}
	}
	if got["Decision"] != nil || got["threshold"] != nil {
		t.Errorf("%s", text)
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
	for _, logOdds := range []float64{-800, -745, -300, -40, -20, -1, 0, 0.3, 1, 20, 40, 300, 745, 800} {
		p, q := 1/(1+math.Exp(-logOdds)), 1/(1+math.Exp(logOdds))
		for _, stated := range []float64{1e-100, 1e-18, 0.05, 0.742, 0.999, 1 - 0x1p-53} {
			// The likelihood ratio is p/q over the odds of the fitted prevalence.
			want := bayes(p, q, stated, c.Prevalence, 200)
			if got := c.AtPrevalence(p, q, stated); math.Abs(got-want) > 1e-15*want+1e-300 {
				t.Errorf("%v and %v at %v: %v, want %v", p, q, stated, got, want)
			}
		}
		if got := c.AtPrevalence(p, q, c.Prevalence); math.Abs(got-p) > 1e-15*p+1e-300 {
			t.Errorf("%v at the fitted prevalence is %v", p, got)
		}
	}
}

// bayes does every operation with so many bits of mantissa, 53 for a float64's.
func bayes(p, q, stated, fitted float64, bits uint) float64 {
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(bits).SetFloat64(x) }
	with := func(op func(z, x, y *big.Float) *big.Float, x, y *big.Float) *big.Float { return op(number(0), x, y) }
	share := func(x float64, stated, fitted *big.Float) *big.Float {
		return with((*big.Float).Mul, number(x), with((*big.Float).Mul, stated, fitted))
	}
	rest := func(x float64) *big.Float { return with((*big.Float).Sub, number(1), number(x)) }
	ill, well := share(p, number(stated), rest(fitted)), share(q, rest(stated), number(fitted))
	out, _ := with((*big.Float).Quo, ill, with((*big.Float).Add, ill, well)).Float64()
	return out
}

// A processor that fuses a product and a sum would give other bits.
func TestAnotherPrevalenceIsTheSameBitsEverywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		c := model.Calibration{Prevalence: random.Float64()}
		p, stated := random.Float64(), random.Float64()
		if got, want := c.AtPrevalence(p, 1-p, stated), bayes(p, 1-p, stated, c.Prevalence, 53); got != want {
			t.Fatalf("%v at %v, fitted at %v: %v, want %v", p, stated, c.Prevalence, got, want)
		}
	}
}

func TestAnotherPrevalenceIsANumber(t *testing.T) {
	ends := []float64{5e-324, 1e-200, 0.5, 1 - 0x1p-53}
	for _, fitted := range ends {
		for _, stated := range ends {
			for _, p := range [][2]float64{{0, 1}, {5e-324, 1}, {1e-200, 1}, {0.5, 0.5}, {1, 1e-200}, {1, 5e-324}, {1, 0}} {
				c := model.Calibration{Prevalence: fitted}
				if got := c.AtPrevalence(p[0], p[1], stated); !(got >= 0 && got <= 1) {
					t.Errorf("%v at %v, fitted at %v: %v", p, stated, fitted, got)
				}
			}
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
