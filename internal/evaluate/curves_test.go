package evaluate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// The reference is gonum's, which the binary does without: it brings linear algebra along.
func TestRatesAndQuantilesAreGonums(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	near := func(a, b float64) bool {
		return math.Abs(a-b) <= 1e-15*max(1, math.Abs(b)) || math.IsNaN(a) && math.IsNaN(b)
	}
	for n := range 300 {
		cases, weights, values := make([]Case, 1+n), make([]float64, 1+n), make([]float64, 1+n)
		for i := range cases {
			cases[i] = Case{Positive: random.IntN(3) == 0, Probability: float64(random.IntN(50)) / 50}
			weights[i], values[i] = float64(random.IntN(3)), random.NormFloat64()
		}
		s := newScorer(cases, 0, nil)
		tpr, fpr := s.rates(weights)
		wantTPR, wantFPR, _ := stat.ROC(nil, s.probability, s.positive, weights)
		if !slices.EqualFunc(tpr, wantTPR, near) || !slices.EqualFunc(fpr, wantFPR, near) {
			t.Errorf("of %d cases: %v and %v, want %v and %v", len(cases), tpr, fpr, wantTPR, wantFPR)
		}
		slices.Sort(values)
		for _, p := range []float64{0, 0.025, random.Float64(), 0.5, 0.975, 1} {
			if got, want := Quantile(values, p), stat.Quantile(p, stat.LinInterp, values, nil); !near(got, want) {
				t.Errorf("%v of %d values: %v, want %v", p, len(values), got, want)
			}
		}
	}
}

func TestTheAreaUnderTheCurveIsTheReports(t *testing.T) {
	for _, g := range readGolden(t) {
		r, err := Score(g.cases(), 0.5, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		curve := ROC(g.cases())
		if math.IsNaN(float64(r.AUC)) {
			if curve != nil {
				t.Errorf("%s: a curve of one class", g.Name)
			}
			continue
		}
		var area float64
		for i := 1; i < len(curve); i++ {
			a, b := curve[i-1], curve[i]
			if b.FalsePositives < a.FalsePositives || b.Sensitivity < a.Sensitivity {
				t.Errorf("%s: from %v to %v", g.Name, a, b)
			}
			area += (b.FalsePositives - a.FalsePositives) * (a.Sensitivity + b.Sensitivity) / 2
		}
		if math.Abs(area-float64(r.AUC)) > 1e-12 || curve[0] != (ROCPoint{0, 0}) || curve[len(curve)-1] != (ROCPoint{1, 1}) {
			t.Errorf("%s: the area is %v, want %v: %v", g.Name, area, r.AUC, curve)
		}
	}
}

func TestTheBinsAreThoseOfTheCalibrationError(t *testing.T) {
	for _, g := range readGolden(t) {
		r, err := Score(g.cases(), 0.5, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		var off float64
		n := 0
		for _, b := range Bins(g.cases(), CalibrationBins) {
			if of := b.N[0] + b.N[1]; of > 0 {
				off += float64(of) * math.Abs(b.Mean-b.Share)
				n += of
				if b.Mean < b.Low-1e-12 || b.Mean > b.High+1e-12 || float64(b.Interval[0]) > b.Share || float64(b.Interval[1]) < b.Share {
					t.Errorf("%s: %+v", g.Name, b)
				}
			} else if !math.IsNaN(b.Mean) || !math.IsNaN(b.Share) {
				t.Errorf("%s: %+v of no cases", g.Name, b)
			}
		}
		if n != len(g.Truth) || math.Abs(off/float64(n)-float64(r.ECE)) > 1e-12 {
			t.Errorf("%s: %v of %d cases, want %v", g.Name, off/float64(n), n, r.ECE)
		}
	}
}

// The values are those of SciPy: binomtest(count, n).proportion_ci(method="wilson").
func TestScoreIntervals(t *testing.T) {
	for _, c := range []struct{ count, n, low, high float64 }{
		{0, 10, 0, 0.27753279986288926}, {3, 10, 0.10779126740630102, 0.6032218525388546}, {10, 10, 0.7224672001371109, 1},
		{50, 100, 0.4038315303659956, 0.5961684696340044},
	} {
		got := wilson(c.count/c.n, c.n)
		if math.Abs(float64(got[0])-c.low) > 1e-9 || math.Abs(float64(got[1])-c.high) > 1e-9 {
			t.Errorf("%v of %v: %v, want %v to %v", c.count, c.n, got, c.low, c.high)
		}
	}
}
