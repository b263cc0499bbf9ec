package site

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat"
)

func TestTheSpreadIsGonums(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 0))
	for _, along := range []float64{0, 0.3, -2, 1e9} {
		var slopes, intercepts []float64
		for range 200 {
			v := random.NormFloat64()
			slopes, intercepts = append(slopes, 1.2+0.1*v), append(intercepts, -3+along*v+0.5*random.NormFloat64())
		}
		want := Spread{rounded(stat.StdDev(slopes, nil)), stat.StdDev(intercepts, nil), rounded(stat.Correlation(slopes, intercepts, nil))}
		got := spreadOf(slopes, intercepts)
		if got.Slope != want.Slope || math.Abs(got.Intercept/want.Intercept-1) > 1e-5 || got.Correlation != want.Correlation || got.check() != nil {
			t.Errorf("%v: %+v, want %+v", along, got, want)
		}
	}
	if got := spreadOf([]float64{1, 1, 1}, []float64{2, 3, 4}); *got != (Spread{Intercept: 1}) {
		t.Errorf("of slopes that are alike: %+v", got)
	}
}

// TestTheIntervalHoldsTheTruth, about as often as it says, at places whose calibration is as far from the model's own as is assumed.
func TestTheIntervalHoldsTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 0))
	held, asked := 0, 0
	for place_ := range 30 {
		slope, intercept := math.Exp(slopeSpread*random.NormFloat64()), interceptSpread*random.NormFloat64()
		pictures := place(120, 0.5, slope, intercept, uint64(100+place_))
		d := described(1, 0, 0.5, 0.985)
		fitted, err := fit(d, pictures, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		groups, _ := byPatient(pictures)
		spread, err := newSampler(pictures, groups, 0.5).spread(d, pictures, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		out := Document{Calibration: *fitted.Calibration, Spread: spread}
		for _, z := range []float64{-4, -1, 0, 1, 4} {
			low, high, ok := out.Interval(z)
			truth := sigmoid(slope*z + intercept)
			if asked++; ok && low <= truth && truth <= high {
				held++
			}
		}
	}
	share := float64(held) / float64(asked)
	t.Logf("it holds the truth %.3f of the time", share)
	if share < 0.9 {
		t.Errorf("the interval holds the truth %.3f of the time, want .95", share)
	}
}

func TestTheIntervalIsAroundTheProbability(t *testing.T) {
	pictures := place(100, 0.5, 1.2, 0.3, 3)
	d := described(1, 0, 0.5, 0.985)
	fitted, err := fit(d, pictures, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	groups, _ := byPatient(pictures)
	few, err := newSampler(pictures, groups, 0.5).spread(d, pictures, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	many := place(2000, 0.5, 1.2, 0.3, 4)
	groups, _ = byPatient(many)
	narrow, err := newSampler(many, groups, 0.5).spread(d, many, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range []float64{-50, -2, 0, 2, 50} {
		p := sigmoid(fitted.Calibration.LogOdds(z))
		low, high, _ := (&Document{Calibration: *fitted.Calibration, Spread: few}).Interval(z)
		if !(0 <= low && low <= p && p <= high && high <= 1) {
			t.Errorf("at %v: %v to %v does not hold %v", z, low, high, p)
		}
	}
	if !(narrow.Intercept < few.Intercept/2 && narrow.Slope < few.Slope) {
		t.Errorf("2000 pictures leave %+v, 100 leave %+v", *narrow, *few)
	}
	if _, _, ok := (&Document{}).Interval(0); ok {
		t.Error("a calibration without a spread has an interval")
	}
}
