package model_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"gonum.org/v1/gonum/optimize"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func TestFitIsScikitLearns(t *testing.T) {
	file, err := os.ReadFile("testdata/fit.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name               string
		LogOdds            []float64 `json:"log_odds"`
		Positive           []int
		Weight             []float64
		Slope, Intercept   float64
		Around, Spread     [2]float64
		PenalisedSlope     float64 `json:"penalised_slope"`
		PenalisedIntercept float64 `json:"penalised_intercept"`
	}
	if err := json.Unmarshal(file, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err)
	}
	for _, c := range cases {
		var pictures []model.Labelled
		for i, z := range c.LogOdds {
			pictures = append(pictures, model.Labelled{LogOdds: z, Positive: c.Positive[i] == 1, Weight: c.Weight[i]})
		}
		around := model.Calibration{Slope: c.Around[0], Intercept: c.Around[1], Prevalence: 0.5}
		free, err := model.FitCalibration(pictures, model.Prior{Around: around, Slope: math.Inf(1), Intercept: math.Inf(1)})
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if math.Abs(free.Slope-c.Slope) > 1e-5 || math.Abs(free.Intercept-c.Intercept) > 1e-5 {
			t.Errorf("%s: %v and %v, scikit-learn has %v and %v", c.Name, free.Slope, free.Intercept, c.Slope, c.Intercept)
		}
		held, err := model.FitCalibration(pictures, model.Prior{Around: around, Slope: c.Spread[0], Intercept: c.Spread[1]})
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if math.Abs(held.Slope-c.PenalisedSlope) > 1e-5 || math.Abs(held.Intercept-c.PenalisedIntercept) > 1e-5 {
			t.Errorf("%s, with a prior: %v and %v, want %v and %v", c.Name, held.Slope, held.Intercept, c.PenalisedSlope, c.PenalisedIntercept)
		}
	}
}

// drawn are pictures whose truth was drawn by a known calibration.
func drawn(n int, slope, intercept float64, seed uint64) (out []model.Labelled) {
	random := rand.New(rand.NewPCG(seed, 0))
	for range n {
		z := 3 * random.NormFloat64()
		ill := random.Float64() < 1/(1+math.Exp(-(slope*z+intercept)))
		out = append(out, model.Labelled{LogOdds: z, Positive: ill, Weight: 1})
	}
	return out
}

func TestFitFindsWhatThePicturesWereDrawnBy(t *testing.T) {
	around := model.Calibration{Slope: 1.7, Intercept: 0.6, Prevalence: 0.5}
	for _, prior := range []model.Prior{{around, math.Inf(1), math.Inf(1)}, {around, 0.2, 1}} {
		c, err := model.FitCalibration(drawn(20000, 0.8, -1.5, 1), prior)
		if err != nil || math.Abs(c.Slope-0.8) > 0.05 || math.Abs(c.Intercept+1.5) > 0.1 {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// searched is the fit as a general search finds it.
func searched(t *testing.T, pictures []model.Labelled, prior model.Prior) (slope, intercept float64) {
	t.Helper()
	around, spread := []float64{math.Log(prior.Around.Slope), prior.Around.Intercept}, []float64{prior.Slope, prior.Intercept}
	sign := map[bool]float64{true: -1, false: 1}
	loss := func(x []float64) (sum float64) {
		for _, p := range pictures {
			z := sign[p.Positive] * (math.Exp(x[0])*p.LogOdds + x[1])
			sum += p.Weight * (max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))))
		}
		for i, v := range x {
			sum += math.Pow((v-around[i])/spread[i], 2) / 2
		}
		return sum
	}
	settings := &optimize.Settings{MajorIterations: 2000, Converger: &optimize.FunctionConverge{Absolute: 1e-15, Iterations: 100}}
	result, err := optimize.Minimize(optimize.Problem{Func: loss}, around, settings, &optimize.NelderMead{})
	if err != nil {
		t.Fatal(err)
	}
	return math.Exp(result.X[0]), result.X[1]
}

// Searches start far from the best point, and log-odds are small and large.
func TestTheFitIsThatOfAGeneralSearch(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 0))
	fitted := 0
	for n := range 100 {
		slope, intercept := math.Exp(random.NormFloat64()), 2*random.NormFloat64()
		pictures := drawn(10+random.IntN(80), slope, intercept, uint64(n))
		scale := math.Exp(random.NormFloat64())
		for i := range pictures {
			pictures[i].LogOdds *= scale
			pictures[i].Weight = math.Exp(random.NormFloat64())
		}
		prior := model.Prior{Around: model.Calibration{Slope: math.Exp(random.NormFloat64()), Intercept: random.NormFloat64()}, Slope: 0.5, Intercept: 1.5}
		if n%4 == 0 {
			prior.Slope, prior.Intercept = math.Inf(1), math.Inf(1)
		}
		c, err := model.FitCalibration(pictures, prior)
		if errors.Is(err, model.ErrFit) {
			continue // a class without a picture, or none that overlap
		}
		if err != nil {
			t.Fatal(err)
		}
		fitted++
		s, i := searched(t, pictures, prior)
		// Where the log-odds have the labels the wrong way round, the best slope without a prior is the smallest.
		if math.Abs(c.Slope-s) > 1e-4*s+1e-6 || math.Abs(c.Intercept-i) > 1e-4*(1+math.Abs(i)) {
			t.Errorf("%d: %v and %v, the search has %v and %v", n, c.Slope, c.Intercept, s, i)
		}
	}
	if fitted < 70 {
		t.Errorf("%d were fitted", fitted)
	}
}

// Of few pictures the prior keeps more than of many.
func TestThePriorHoldsMoreOfFewPictures(t *testing.T) {
	around := model.Calibration{Slope: 1.7, Intercept: 0.6, Prevalence: 0.5}
	var off []float64
	for _, n := range []int{40, 400, 4000} {
		c, err := model.FitCalibration(drawn(n, 0.5, 0.6, 2), model.Prior{Around: around, Slope: 0.2, Intercept: 1})
		if err != nil {
			t.Fatal(err)
		}
		off = append(off, math.Log(c.Slope/0.5))
	}
	if !(off[0] > off[1] && off[1] > off[2] && off[0] > 0.3 && off[2] < 0.2) {
		t.Errorf("off by factors of exp(%v)", off)
	}
}

func TestWhatCannotBeFitted(t *testing.T) {
	none := model.Prior{Around: model.Calibration{Slope: 1}, Slope: math.Inf(1), Intercept: math.Inf(1)}
	separated := []model.Labelled{{-1, false, 1}, {-2, false, 1}, {1, true, 1}, {3, true, 1}}
	for name, pictures := range map[string][]model.Labelled{
		"nothing": nil, "one class": {{1, true, 1}, {2, true, 1}}, "not a number": {{math.NaN(), true, 1}, {2, false, 1}},
		"no weight": {{1, true, 0}, {2, false, 1}}, "separated": separated,
	} {
		if c, err := model.FitCalibration(pictures, none); !errors.Is(err, model.ErrFit) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	held := model.Prior{Around: model.Calibration{Slope: 1}, Slope: 0.2, Intercept: 1}
	if c, err := model.FitCalibration(separated, held); err != nil || !(c.Slope > 0.8 && c.Slope < 2) {
		t.Errorf("separated, with a prior: %+v, %v", c, err)
	}
}

func TestACalibrationMovedIsBayes(t *testing.T) {
	c := model.Calibration{Method: "logistic", Slope: 1.3, Intercept: -0.4, Prevalence: 0.3}
	sigmoid := func(z float64) float64 { return 1 / (1 + math.Exp(-z)) }
	for _, z := range []float64{-6, -1, 0, 2, 5} {
		moved := c.To(0.05)
		want := c.AtPrevalence(sigmoid(c.LogOdds(z)), sigmoid(-c.LogOdds(z)), 0.05)
		if got := sigmoid(moved.LogOdds(z)); math.Abs(got-want) > 1e-12 || moved.Prevalence != 0.05 {
			t.Errorf("%v: %v, want %v", z, got, want)
		}
	}
}

func TestAModelWithAnotherDecision(t *testing.T) {
	own := decode(t, gated(spike.Steps))
	before := *own.Description()
	d := model.Decision{
		Calibration:     &model.Calibration{Method: "logistic", Slope: 1, Intercept: 0, Prevalence: 0.2},
		OperatingPoints: []model.OperatingPoint{{Name: "balanced", Threshold: 0.3, Sensitivity: model.Estimate{High: 1}, Specificity: model.Estimate{High: 1}}},
	}
	other, err := own.WithDecision(d)
	if err != nil {
		t.Fatal(err)
	}
	if got := other.Description(); got.Calibration.Prevalence != 0.2 || got.DefaultThreshold() != 0.3 || got.Early != nil || got.Name != before.Name {
		t.Errorf("%+v", got.Decision)
	}
	if own.Description().Calibration.Prevalence != before.Calibration.Prevalence || own.Digest() != other.Digest() {
		t.Error("the model that it was made from changed")
	}
	early := testmodel.Early(t)
	if other, err = early.WithDecision(d); err != nil || early.Description().DecisionAt(2) == nil || other.Description().DecisionAt(2) != nil {
		t.Errorf("%v: a decision for all steps is one for fewer", err)
	}
	d.Calibration = &model.Calibration{Method: "logistic", Slope: -1, Prevalence: 0.2}
	var bad *model.FormatError
	if _, err := own.WithDecision(d); !errors.As(err, &bad) {
		t.Error(err)
	}
}
