package drift

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/model"
)

// described is a model whose reference was drawn as draw draws, 1000 pictures of each class.
func described(limit float64) *model.Description {
	rng := rand.New(rand.NewPCG(1, 2))
	r := &model.Reference{}
	for _, name := range []string{model.LogOdds, model.Brightness} {
		m := model.ReferenceMeasure{Name: name, Limit: &limit}
		if name == model.LogOdds {
			m.Edges = []float64{-4, -3, -2, -1, 0, 1, 2, 3, 4}
		} else {
			m.Edges = []float64{90, 100, 110, 120, 130}
		}
		for class := range m.Counts {
			m.Counts[class] = make([]int64, len(m.Edges)+1)
			e := expected{ReferenceMeasure: &m}
			for range 1000 {
				m.Counts[class][e.bin(draw(rng, class, 0, 0))]++
			}
		}
		r.Measures = append(r.Measures, m)
	}
	r.Measures = append(r.Measures, model.ReferenceMeasure{Name: model.Format, Values: []string{"jpeg"}, Counts: [2][]int64{{1000, 0}, {1000, 0}}})
	r.Estimates = []model.ReferenceEstimate{{OperatingPoint: "balanced", Confident: [2]float64{0, 0}, Error: &model.EstimateError{CBPE: model.RateError{Specificity: 0.2}}}}
	return &model.Description{Reference: r, Decision: model.Decision{
		Calibration:     &model.Calibration{Slope: 2, Intercept: 0, Prevalence: 0.5},
		OperatingPoints: []model.OperatingPoint{{Name: "balanced", Threshold: 0.5}, {Name: "screening", Threshold: 0.2}},
	}}
}

// draw gives log-odds of -2 or 2 with deviation sqrt(2), for which a slope of 2 is right, and a brightness that the class
// says something of; healthier pictures look iller by odds, all are brighter by light.
func draw(rng *rand.Rand, class int, odds, light float64) Seen {
	z := -2 + odds
	if class == 1 {
		z = 2
	}
	return Seen{
		Probability: 1 / (1 + math.Exp(-(z + math.Sqrt2*rng.NormFloat64()))), Gate: math.NaN(), Format: "jpeg", Width: 224, Height: 224,
		Look: Look{Brightness: 105 + 10*float64(class) + light + 10*rng.NormFloat64()},
	}
}

func filled(d *model.Description, n int, positive, odds, light float64, seed uint64) Report {
	w, rng := NewWindow(d), rand.New(rand.NewPCG(seed, 3))
	for i := range n {
		class := 0
		if float64(i%100) < positive*100 {
			class = 1
		}
		w.Add(draw(rng, class, odds, light))
	}
	return w.Report()
}

func of(r Report, name string) Measured {
	for _, m := range r.Measures {
		if m.Name == name {
			return m
		}
	}
	panic(name)
}

func TestWithoutAReferenceThereIsNothingToCompareWith(t *testing.T) {
	r := NewWindow(&model.Description{}).Report()
	if r.State != NoReference || r.Window.Pictures != 0 || r.PositiveShare != nil || r.Measures == nil || r.Estimates == nil {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsRaisedBeforeTheMinimum(t *testing.T) {
	d := described(30)
	for n, want := range map[int]State{0: Filling, 1: Filling, Minimum - 1: Filling, Minimum: Drifted, 3 * Capacity: Drifted} {
		r := filled(d, n, 0.5, 0, 60, 1)
		if r.State != want || r.Window.Pictures != min(n, Capacity) {
			t.Errorf("%d pictures: %s of %d", n, r.State, r.Window.Pictures)
		}
		if m := of(r, model.Brightness); (m.PSI != nil) != (n >= Minimum) || (r.PositiveShare != nil) != (n >= Minimum) || len(r.Estimates) > 0 != (n >= Minimum) {
			t.Errorf("%d pictures: %+v", n, m)
		}
	}
}

func TestAnotherClassMixIsNoDrift(t *testing.T) {
	for seed := range uint64(5) {
		for _, positive := range []float64{0.02, 0.2, 0.5, 0.9, 1} {
			r := filled(described(30), Capacity, positive, 0, 0, seed)
			if r.State != Steady || !near(*r.PositiveShare, positive, 0.1) {
				t.Errorf("%v positive: %s, estimated %v", positive, r.State, *r.PositiveShare)
			}
			if m := of(r, model.LogOdds); positive != 0.5 && *m.Unmixed <= *m.PSI {
				t.Errorf("%v positive: PSI %v, without regard to the mix %v", positive, *m.PSI, *m.Unmixed)
			}
		}
	}
}

func TestDriftIsNamedByItsMeasure(t *testing.T) {
	r := filled(described(30), Capacity, 0.4, 0, 15, 1)
	if r.State != Drifted || !of(r, model.Brightness).Drifted || of(r, model.LogOdds).Drifted {
		t.Errorf("brighter pictures: %+v", r)
	}
	r = filled(described(30), Capacity, 0.4, 1.6, 0, 1)
	if r.State != Drifted || of(r, model.Brightness).Drifted || !of(r, model.LogOdds).Drifted {
		t.Errorf("iller answers: %+v", r)
	}
}

// The index of two samples of one kind is larger the fewer there are of either, and so is its limit.
func TestLimitsAreAsOfSoManyPictures(t *testing.T) {
	for _, n := range []int{Minimum, Capacity} {
		m := of(filled(described(30), n, 0.5, 0, 0, 1), model.Brightness)
		if want := 30 * (1/float64(n) + 1.0/2000); m.ReferencePictures != 2000 || !near(*m.Limit, want, 1e-12) {
			t.Errorf("%d pictures: the limit is %v beside %d, want %v", n, *m.Limit, m.ReferencePictures, want)
		}
	}
}

func TestAMeasureWithoutALimitIsOnlyTold(t *testing.T) {
	w, rng := NewWindow(described(30)), rand.New(rand.NewPCG(9, 9))
	for i := range Capacity {
		s := draw(rng, i%2, 0, 0)
		s.Format = "png"
		w.Add(s)
	}
	r := w.Report()
	if m := of(r, model.Format); r.State != Steady || m.Limit != nil || m.Drifted || *m.PSI < 1 {
		t.Errorf("%s, %+v", r.State, m)
	}
}

func TestTheWindowForgets(t *testing.T) {
	w, rng := NewWindow(described(30)), rand.New(rand.NewPCG(4, 4))
	for range Capacity {
		w.Add(Seen{Probability: 0.5, Gate: math.NaN(), Look: Look{Brightness: math.NaN()}})
	}
	if r := w.Report(); of(r, model.Brightness).Pictures != 0 || of(r, model.Brightness).PSI != nil || of(r, model.LogOdds).Pictures != Capacity {
		t.Errorf("what could not be measured was counted: %+v", r.Measures)
	}
	for i := range Capacity {
		w.Add(draw(rng, i%2, 0, 0))
	}
	r := w.Report()
	if r.State != Steady {
		t.Errorf("%s of new pictures alone", r.State)
	}
	for _, m := range r.Measures {
		if m.Pictures != Capacity {
			t.Errorf("%s counts %d", m.Name, m.Pictures)
		}
	}
}

func TestCertainAnswersStayNumbers(t *testing.T) {
	w := NewWindow(described(30))
	for i := range Capacity {
		w.Add(Seen{Probability: float64(i % 2), Gate: 1, Format: "x", Width: 1, Height: 1})
	}
	r := w.Report()
	if !near(*r.PositiveShare, 0.5, 0.05) {
		t.Errorf("share %v", *r.PositiveShare)
	}
	for _, e := range r.Estimates {
		if *e.Sensitivity.Value < 0.99 || *e.Specificity.Value < 0.99 {
			t.Errorf("%+v", e)
		}
	}
}

func TestEstimatesHoldWhereAnswersMeanWhatTheyMeant(t *testing.T) {
	for _, positive := range []float64{0.2, 0.5, 0.8} {
		r := filled(described(30), Capacity, positive, 0, 0, 5)
		// The reference has nothing of screening: there is no ATC, and nobody measured how far CBPE is off.
		if len(r.Estimates) != 3 || r.Estimates[2].OperatingPoint != "screening" || r.Estimates[2].Method != CBPE || r.Estimates[2].Sensitivity.Error != nil {
			t.Fatalf("%+v", r.Estimates)
		}
		if r.Estimates[0].OperatingPoint != "balanced" || r.Estimates[0].Method != CBPE || r.Estimates[1].Method != ATC {
			t.Fatalf("%+v", r.Estimates)
		}
		// A normal variable of mean 2 and deviation sqrt(2) is above 0 with a chance of .921.
		e := r.Estimates[0]
		for _, rate := range []Rate{e.Sensitivity, e.Specificity} {
			if !near(*rate.Value, 0.921, 0.04) || *rate.Low >= *rate.Value || *rate.High <= *rate.Value {
				t.Errorf("%v positive: %v (%v to %v)", positive, *rate.Value, *rate.Low, *rate.High)
			}
		}
		if *e.Specificity.Error != 0.2 {
			t.Errorf("%+v", e)
		}
	}
}

func TestConcurrentPicturesAreAllCounted(t *testing.T) {
	w := NewWindow(described(30))
	var all sync.WaitGroup
	for g := range uint64(4) {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(g, 0))
			for i := range 200 {
				w.Add(draw(rng, i%2, 0, 0))
				if i%50 == 0 {
					w.Report()
				}
			}
		})
	}
	all.Wait()
	for _, m := range w.Report().Measures {
		if m.Pictures != Capacity {
			t.Errorf("%s counts %d", m.Name, m.Pictures)
		}
	}
}

func TestTinyPicturesHaveNoDetail(t *testing.T) {
	look := Measure(kernel.Preferred(), []uint8{7, 7, 7}, 3, 1)
	if look.Brightness != 7 || look.Contrast != 0 || look.Range != 0 || !math.IsNaN(look.Detail[0]) || !math.IsNaN(look.Detail[3]) {
		t.Errorf("%+v", look)
	}
}

func BenchmarkMeasure(b *testing.B) {
	picture := make([]uint8, 128*128)
	for i := range picture {
		picture[i] = uint8(i * 31)
	}
	b.ReportAllocs()
	for b.Loop() {
		Measure(kernel.Preferred(), picture, 128, 128)
	}
}

func BenchmarkAdd(b *testing.B) {
	w, s := NewWindow(described(30)), draw(rand.New(rand.NewPCG(1, 1)), 0, 0, 0)
	b.ReportAllocs()
	for b.Loop() {
		w.Add(s)
	}
}

func BenchmarkReport(b *testing.B) {
	w, rng := NewWindow(described(30)), rand.New(rand.NewPCG(1, 1))
	for i := range Capacity {
		w.Add(draw(rng, i%2, 0, 0))
	}
	for b.Loop() {
		w.Report()
	}
}
