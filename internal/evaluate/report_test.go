package evaluate

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// golden is testdata/golden.json, which testdata/golden.py makes with
// scikit-learn.
type golden struct {
	Name        string
	Truth       []int
	Probability []float64
	Threshold   float64
	Statistics  map[string]any
	Classes     map[string]map[string]float64
	Intervals   map[string][2]float64
}

func (g golden) cases() []Case {
	var out []Case
	for i, t := range g.Truth {
		out = append(out, Case{t == 1, g.Probability[i], g.Probability[i]})
	}
	return out
}

func readGolden(t *testing.T) []golden {
	t.Helper()
	file, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []golden
	if err := json.Unmarshal(file, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// asJSON is the report as a program reads it.
func asJSON(t *testing.T, r *Report) map[string]any {
	t.Helper()
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(out, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func near(got, want any) bool {
	switch want := want.(type) {
	case float64:
		got, ok := got.(float64)
		return ok && math.Abs(got-want) < 1e-12
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for i := range want {
			if !near(got[i], want[i]) {
				return false
			}
		}
		return true
	}
	return got == want
}

func TestReportIsScikitLearns(t *testing.T) {
	for _, g := range readGolden(t) {
		r, err := Score(g.cases(), g.Threshold, 0, 0)
		if err != nil {
			t.Fatalf("%s: %v", g.Name, err)
		}
		got := asJSON(t, r)
		for key, want := range g.Statistics {
			if !near(got[key], want) {
				t.Errorf("%s: %s is %v, want %v", g.Name, key, got[key], want)
			}
		}
		for class, lines := range g.Classes {
			for key, want := range lines {
				if line := got[class].(map[string]any); !near(line[key], want) {
					t.Errorf("%s: %s of %s is %v, want %v", g.Name, key, class, line[key], want)
				}
			}
		}
	}
}

func TestIntervalsAreNearNumpys(t *testing.T) {
	for _, g := range readGolden(t) {
		if g.Intervals == nil {
			continue
		}
		r, err := Score(g.cases(), g.Threshold, 5000, 1)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range g.Intervals {
			got := r.Intervals[key]
			// Two draws of thousands of samples differ by a small part of the width, or
			// by one case.
			slack := 0.05*(want[1]-want[0]) + 1.01/float64(len(g.Truth))
			if math.Abs(float64(got[0])-want[0]) > slack || math.Abs(float64(got[1])-want[1]) > slack {
				t.Errorf("%s: %s is in %v, want %v", g.Name, key, got, want)
			}
		}
	}
}

// At a point, and of the raw probabilities, the figures are those that the threshold or they alone would have.
func TestPointsAndRawProbabilitiesAreScoredAsAlone(t *testing.T) {
	g := readGolden(t)[0]
	cases := g.cases()
	for i := range cases {
		p := cases[i].Probability
		cases[i].Raw = p * p
	}
	r, err := Score(cases, 0.5, 200, 1, Point{"half", 0.5}, Point{"low", 0.2})
	if err != nil {
		t.Fatal(err)
	}
	for i, threshold := range []float64{0.5, 0.2} {
		alone, err := Score(cases, threshold, 200, 1)
		if err != nil {
			t.Fatal(err)
		}
		p := r.OperatingPoints[i]
		for key, interval := range p.Intervals {
			if alone.Intervals[key] != interval {
				t.Errorf("%s: %s in %v, alone in %v", p.Name, key, interval, alone.Intervals[key])
			}
		}
		p.Intervals, alone.Intervals = nil, nil
		if len(r.Intervals) != 10 || !reflect.DeepEqual(p.Decisions, alone.Decisions) {
			t.Errorf("%+v, alone %+v", p, alone.Decisions)
		}
	}
	if r.OperatingPoints[0].Confusion == r.OperatingPoints[1].Confusion {
		t.Error("the points do not differ")
	}
	raw := slices.Clone(cases)
	for i := range raw {
		raw[i].Probability = raw[i].Raw
	}
	alone, err := Score(raw, 0.5, 0, 1)
	if err != nil || !near(float64(r.BrierRaw), float64(alone.Brier)) || !near(float64(r.ECERaw), float64(alone.ECE)) || r.ECERaw == r.ECE {
		t.Errorf("raw %v and %v, alone %+v: %v", r.BrierRaw, r.ECERaw, alone, err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "low, threshold 0.2") || !strings.Contains(text.String(), "Brier score, raw") {
		t.Errorf("%v\n%s", err, text.String())
	}
}

func TestIntervalsAreTheSameForTheSameSeed(t *testing.T) {
	cases := readGolden(t)[0].cases()
	interval := func(seed uint64) Interval {
		r, err := Score(cases, 0.5, 200, seed)
		if err != nil {
			t.Fatal(err)
		}
		return r.Intervals["auc"]
	}
	if interval(1) != interval(1) {
		t.Error("two draws from one seed differ")
	}
	if interval(1) == interval(2) {
		t.Error("two seeds draw the same")
	}
}

func TestCasesThatCannotBeScored(t *testing.T) {
	if _, err := Score(nil, 0.5, 10, 1); !errors.Is(err, ErrNoCases) {
		t.Errorf("nothing: %v", err)
	}
	for _, p := range []float64{math.NaN(), -0.1, 1.1, math.Inf(1)} {
		if _, err := Score([]Case{{true, p, 0.5}}, 0.5, 10, 1); err == nil {
			t.Errorf("probability %v: no error", p)
		}
		if _, err := Score([]Case{{true, 0.5, p}}, 0.5, 10, 1); err == nil {
			t.Errorf("raw probability %v: no error", p)
		}
	}
}

func TestTextTellsWhatIsUndefined(t *testing.T) {
	r, err := Score([]Case{{true, 0.9, 0.9}, {true, 0.2, 0.2}}, 0.5, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text.String()) {
		fields := strings.Fields(line)
		if len(fields) > 1 && (fields[0] == "AUC" || fields[0] == "specificity") && fields[1] != "-" {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(text.String(), "95% interval") || !strings.Contains(text.String(), "weighted average") {
		t.Errorf("got\n%s", text.String())
	}
}

func BenchmarkScore(b *testing.B) {
	cases := make([]Case, 5000)
	for i := range cases {
		p := float64(i*7919%5000) / 5000
		cases[i] = Case{i%3 == 0, p, p}
	}
	for b.Loop() {
		if _, err := Score(cases, 0.5, 10, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// By hand: bins are a fifteenth wide and open below. What is off in one bin does not make up for what is off in the next.
func TestBinsOfTheCalibrationErrorDoNotRunIntoEachOther(t *testing.T) {
	for _, c := range []struct {
		probability []float64
		positive    []bool
		want        float64
	}{
		{[]float64{0.03, 0.1}, []bool{false, true}, (0.03 + 0.9) / 2},
		{[]float64{0.07, 0.1}, []bool{false, true}, (0.9 - 0.07) / 2},
		{[]float64{0.5, 0.55}, []bool{false, true}, (0.5 + 0.45) / 2},
		{[]float64{0.96, 1}, []bool{false, true}, 0.96 / 2},
		{[]float64{0, 0.01}, []bool{true, false}, (1 - 0.01) / 2},
	} {
		if got := CalibrationError(c.probability, []float64{1, 1}, c.positive); !(math.Abs(got-c.want) <= 1e-12) {
			t.Errorf("%v, %v: %v, want %v", c.probability, c.positive, got, c.want)
		}
	}
}
