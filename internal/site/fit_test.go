package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
)

// described is a description with what a fit looks at.
func described(slope, intercept, prevalence, screening float64) *model.Description {
	return &model.Description{
		Name: "m", Version: "1.0.0", Labels: []string{"NORMAL", "PNEUMONIA"}, Positive: "PNEUMONIA",
		Decision: model.Decision{
			Calibration: &model.Calibration{Method: "logistic", Slope: slope, Intercept: intercept, Prevalence: prevalence},
			OperatingPoints: []model.OperatingPoint{
				{Name: "balanced", Threshold: 0.5, Sensitivity: model.Estimate{Value: 0.96}},
				{Name: "screening", Threshold: 0.2, Sensitivity: model.Estimate{Value: screening}},
			},
		},
	}
}

func TestFitIsThatOfScipyAndNumpy(t *testing.T) {
	file, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name                string
		Own                 struct{ Slope, Intercept, Prevalence, Screening float64 }
		Prevalence          float64
		LogOdds             []float64 `json:"log_odds"`
		Positive            []int
		Slope, Intercept    float64
		Balanced, Screening float64
	}
	if err := json.Unmarshal(file, &cases); err != nil || len(cases) == 0 {
		t.Fatal(err)
	}
	for _, c := range cases {
		var pictures []Picture
		for i, z := range c.LogOdds {
			pictures = append(pictures, Picture{LogOdds: z, Positive: c.Positive[i] == 1})
		}
		got, err := fit(described(c.Own.Slope, c.Own.Intercept, c.Own.Prevalence, c.Own.Screening), pictures, c.Prevalence)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		for what, v := range map[string][2]float64{
			"slope": {got.Calibration.Slope, c.Slope}, "intercept": {got.Calibration.Intercept, c.Intercept},
			"balanced": {got.OperatingPoints[0].Threshold, c.Balanced}, "screening": {got.OperatingPoints[1].Threshold, c.Screening},
		} {
			if math.Abs(v[0]-v[1]) > 1e-5 {
				t.Errorf("%s: %s is %v, want %v", c.Name, what, v[0], v[1])
			}
		}
	}
}

// place draws pictures whose log-odds are those of a known calibration: with slope and intercept 1 and 0 they would be
// right for a place where half are ill.
func place(n int, prevalence, slope, intercept float64, seed uint64) (out []Picture) {
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		ill := random.Float64() < prevalence
		// Normals of equal variance, v apart by v: their log-likelihood ratio is the value itself.
		const v = 9.0
		odds := v*(float64(class(ill))-0.5) + math.Sqrt(v)*random.NormFloat64()
		out = append(out, Picture{LogOdds: (odds - intercept) / slope, Positive: ill, Patient: fmt.Sprint(i / 2)})
	}
	return out
}

func TestAKnownShiftIsFound(t *testing.T) {
	d := described(1.7, 0.6, 0.5, 0.985)
	got, err := fit(d, place(20000, 0.3, 1.2, -1.5, 1), 0.3)
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Calibration; math.Abs(c.Slope-1.2) > 0.05 || math.Abs(c.To(0.5).Intercept+1.5) > 0.1 || c.Prevalence != 0.3 {
		t.Errorf("%+v", c)
	}
	var right, n, found [2]float64
	for _, p := range place(20000, 0.3, 1.2, -1.5, 2) {
		probability := sigmoid(got.Calibration.LogOdds(p.LogOdds))
		n[class(p.Positive)]++
		right[class(p.Positive)] += float64(class((probability >= got.OperatingPoints[0].Threshold) == p.Positive))
		found[class(p.Positive)] += float64(class(probability >= got.OperatingPoints[1].Threshold))
	}
	if a, b := right[0]/n[0], right[1]/n[1]; math.Abs(a-b) > 0.02 || a < 0.9 {
		t.Errorf("balanced has a specificity of %.3f and a sensitivity of %.3f", a, b)
	}
	if s := found[1] / n[1]; s < 0.975 || s > 0.995 {
		t.Errorf("screening has a sensitivity of %.3f", s)
	}
}

// A prevalence that is stated moves the probabilities, not who is called ill at the balanced threshold.
func TestAStatedPrevalenceIsThePlaces(t *testing.T) {
	pictures := place(2000, 0.5, 1.2, -1.5, 3)
	m := request(t, pictures)
	m.Prevalence = 0.1
	d, err := Make(m)
	if err != nil {
		t.Fatal(err)
	}
	var sum, weight float64
	for _, p := range pictures {
		w := 0.9
		if p.Positive {
			w = 0.1
		}
		sum += w * sigmoid(d.Calibration.LogOdds(p.LogOdds))
		weight += w
	}
	if mean := sum / weight; math.Abs(mean-0.1) > 0.01 || d.Calibration.Prevalence != 0.1 {
		t.Errorf("the mean probability is %v", mean)
	}
	p := d.OperatingPoints[0]
	hit, wrong := 0.1*p.Sensitivity.Value, 0.9*(1-p.Specificity.Value)
	if math.Abs(p.PPV.Value-hit/(hit+wrong)) > 1e-4 || p.PPV.Value > p.NPV.Value {
		t.Errorf("%+v: predictive values %v and %v", p, p.PPV, p.NPV)
	}
	if a := d.Validation.After.Accuracy.Value; math.Abs(a-(0.1*d.Validation.After.Sensitivity.Value+0.9*d.Validation.After.Specificity.Value)) > 1e-5 {
		t.Errorf("accuracy %v of %+v", a, d.Validation.After)
	}
}

func request(t testing.TB, pictures []Picture) Request {
	return Request{Model: testmodel.Gated(t), Pictures: pictures, Place: "Children's ward", Made: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func TestTooFewAreToldWhatItWouldTake(t *testing.T) {
	pictures := place(400, 0.5, 1, 0, 4)
	few := func(normal, ill int) (out []Picture) {
		for _, p := range pictures {
			if p.Positive && ill > 0 || !p.Positive && normal > 0 {
				ill, normal = ill-class(p.Positive), normal-class(!p.Positive)
				out = append(out, p)
			}
		}
		return out
	}
	of := func(patients int) []Picture {
		out := slices.Clone(pictures)
		for i := range out {
			out[i].Patient = fmt.Sprint(i % patients)
		}
		return out
	}
	for name, c := range map[string]struct {
		pictures []Picture
		words    string
	}{
		"none": {nil, "30 more of NORMAL and 30 more of PNEUMONIA"}, "healthy": {few(12, 88), "18 more of NORMAL"},
		"ill": {few(100, 29), "1 more of PNEUMONIA"}, "patients": {of(9), "9 patients with NORMAL"},
	} {
		if _, err := Make(request(t, c.pictures)); !errors.Is(err, ErrTooFew) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Make(request(t, few(30, 30))); err != nil {
		t.Errorf("thirty of each: %v", err)
	}
}

func TestPicturesThatTheModelCannotTellApartAreRefused(t *testing.T) {
	pictures := place(200, 0.5, 1, 0, 5)
	for i := range pictures {
		pictures[i].Positive = !pictures[i].Positive
	}
	if _, err := Make(request(t, pictures)); !errors.Is(err, ErrUseless) {
		t.Error(err)
	}
}

func TestARequestThatIsWrongIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"prevalence of 1": func(r *Request) { r.Prevalence = 1 }, "prevalence below 0": func(r *Request) { r.Prevalence = -0.1 },
		"no place": func(r *Request) { r.Place = "" }, "control characters": func(r *Request) { r.Place = "a\x1b[2J" },
		"not a number": func(r *Request) { r.Pictures[3].LogOdds = math.NaN() },
	} {
		r := request(t, place(200, 0.5, 1, 0, 6))
		change(&r)
		if _, err := Make(r); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
