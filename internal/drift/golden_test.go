package drift

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/model"
)

// golden is what testdata/golden.py wrote.
var golden struct {
	Looks []struct {
		Width, Height int
		Picture       []int
		Look          [7]float64
	}
	Stabilities []struct {
		Counts             []int64
		Negative, Positive []float64
		Share, PSI         float64
	}
	Rates []struct {
		Right, Wrong, Low, High float64
	}
	Confusions struct {
		Odds                                           []float32
		Slope, Intercept, Prevalence, Threshold, Share float64
		Confident                                      [2]float64
		CBPE, ATC                                      [4]float64
	}
}

func TestMain(m *testing.M) {
	text, err := os.ReadFile("testdata/golden.json")
	if err == nil {
		err = json.Unmarshal(text, &golden)
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

func TestLooksAreNumpys(t *testing.T) {
	for _, g := range golden.Looks {
		picture := make([]uint8, len(g.Picture))
		for i, v := range g.Picture {
			picture[i] = uint8(v)
		}
		got := Measure(kernel.Preferred(), picture, g.Width, g.Height)
		all := append([]float64{got.Brightness, got.Contrast, got.Range}, got.Detail[:]...)
		for i, want := range g.Look {
			if !near(all[i], want, 1e-9) {
				t.Errorf("%d x %d, measure %d: %v, want %v", g.Width, g.Height, i, all[i], want)
			}
		}
	}
}

func TestStabilityAndMixtureAreScipys(t *testing.T) {
	for i, g := range golden.Stabilities {
		share, mixed := mixture(g.Counts, g.Negative, g.Positive)
		if psi := stability(shares(g.Counts), mixed); !near(share, g.Share, 1e-5) || !near(psi, g.PSI, 1e-5) {
			t.Errorf("%d: share %v, PSI %v, want %v, %v", i, share, psi, g.Share, g.PSI)
		}
	}
}

func TestIntervalsAreWilsons(t *testing.T) {
	for _, g := range golden.Rates {
		got := rate(g.Right, g.Wrong)
		if !near(*got.Low, g.Low, 1e-9) || !near(*got.High, g.High, 1e-9) || *got.Value != g.Right/(g.Right+g.Wrong) {
			t.Errorf("%v of %v: %v to %v, want %+v", g.Right, g.Wrong, *got.Low, *got.High, g)
		}
	}
	if got := rate(0, 0); got.Value != nil || got.Low != nil {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestConfusionsAreScipys(t *testing.T) {
	g := golden.Confusions
	c := &model.Calibration{Slope: g.Slope, Intercept: g.Intercept, Prevalence: g.Prevalence}
	cbpe, atc := confusions(g.Odds, g.Share, c, g.Threshold, g.Confident)
	for _, pair := range []struct {
		got  confusion
		want [4]float64
	}{{cbpe, g.CBPE}, {atc, g.ATC}} {
		for i, v := range []float64{pair.got.truePositive, pair.got.falsePositive, pair.got.trueNegative, pair.got.falseNegative} {
			if !near(v, pair.want[i], 1e-9) {
				t.Errorf("%d: %v, want %v", i, v, pair.want[i])
			}
		}
	}
}
