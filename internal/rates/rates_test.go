package rates

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// made is a reference of a small model, of two pictures.
func made(t testing.TB) *Reference {
	t.Helper()
	m := testmodel.Steps(t, 4)
	var byLayer [][]float64
	for range m.SpikingLayers() {
		byLayer = append(byLayer, []float64{0.25, 0.5})
	}
	r, err := Make(m, "two pictures", byLayer)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func file(t testing.TB) []byte {
	t.Helper()
	text, err := json.Marshal(made(t))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAReferenceIsReadAsItWasWritten(t *testing.T) {
	want := made(t)
	got, err := Parse(file(t))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v, want %+v", got, err, want)
	}
	if err := got.Check(testmodel.Steps(t, 4)); err != nil {
		t.Error(err)
	}
	if s := got.Of(got.Layers[0].Name); s == nil || s.Mean != 0.375 || s.P5 != 0.2625 || s.P95 != 0.4875 {
		t.Errorf("%+v", s)
	}
	if got.Of("other") != nil {
		t.Error("a layer out of nothing")
	}
}

// TestSpreadIsNumpys: of these numbers, numpy has the mean, std(ddof=1) and percentile(…, 5) and (…, 95).
func TestSpreadIsNumpys(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want Spread
	}{
		{[]float64{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}, Spread{4, 2.36643, 1, 7.5}},
		{[]float64{0.5, 0.25}, Spread{0.375, 0.176777, 0.2625, 0.4875}},
		{[]float64{0, 0, 0}, Spread{}},
		{[]float64{0.00123456789, 0.00223456789}, Spread{0.00173457, 0.000707107, 0.00128457, 0.00218457}},
	} {
		if got := spread(c.of); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.of, got, c.want)
		}
	}
	shuffled := make([]float64, 1001)
	for i := range shuffled {
		shuffled[i] = float64(i)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if got := spread(shuffled); got.P5 != 50 || got.P95 != 950 || got.Mean != 500 {
		t.Errorf("%+v", got)
	}
}

func TestSpoiledFilesAreRefused(t *testing.T) {
	good := string(file(t))
	for name, edit := range map[string][2]string{
		"format": {`"format":1`, `"format":2`}, "an unknown key": {`"format":1`, `"format":1,"more":1`}, "a missing key": {`"pictures":2,`, ``},
		"a key twice": {`"pictures":2`, `"pictures":2,"pictures":2`}, "null": {`"pictures":2`, `"pictures":null`}, "one picture": {`"pictures":2`, `"pictures":1`},
		"no source": {`"two pictures"`, `""`}, "a long source": {`"two pictures"`, `"` + strings.Repeat("x", maxText+1) + `"`},
		"negative": {`"mean":0.375`, `"mean":-0.375`}, "too many": {`"mean":0.375`, `"mean":256`}, "turned round": {`"p5":0.2625`, `"p5":0.6`},
		"infinite": {`"mean":0.375`, `"mean":1e999`}, "cut": {`}]}`, ``}, "another type": {`"pictures":2`, `"pictures":2.5`},
		"no layers": {good[strings.Index(good, `"layers":`):], `"layers":[]}`},
		"long":      {`{`, strings.Repeat(" ", MaxBytes) + `{`},
	} {
		spoiled := strings.Replace(good, edit[0], edit[1], 1)
		if spoiled == good {
			t.Fatalf("%s: nothing is spoiled", name)
		}
		if _, err := Parse([]byte(spoiled)); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRatesOfAnotherModelAreRefused(t *testing.T) {
	r := made(t)
	if err := r.Check(testmodel.Steps(t, 5)); !errors.Is(err, ErrOtherModel) {
		t.Errorf("another digest: %v", err)
	}
	turned := slices.Clone(r.Layers)
	slices.Reverse(turned)
	for name, layers := range map[string][]Layer{"fewer": r.Layers[1:], "turned": turned, "no": nil} {
		other := *r
		other.Layers = layers
		if err := other.Check(testmodel.Steps(t, 4)); !errors.Is(err, ErrOtherModel) {
			t.Errorf("%s layers: %v", name, err)
		}
	}
}

func TestAReferenceIsMadeOfTheSamePicturesForEachLayer(t *testing.T) {
	m := testmodel.Steps(t, 4)
	n := len(m.SpikingLayers())
	each := func(rates ...float64) [][]float64 { return slices.Repeat([][]float64{rates}, n) }
	uneven := each(1, 2)
	uneven[n-1] = []float64{1, 2, 3}
	for name, byLayer := range map[string][][]float64{
		"none": nil, "fewer layers": each(1, 2)[1:], "one picture": each(1), "no picture": each(), "uneven": uneven, "no number": each(1, math.NaN()),
	} {
		if r, err := Make(m, "x", byLayer); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if _, err := Make(testmodel.Plain(t), "x", nil); !errors.Is(err, ErrFile) {
		t.Errorf("a model that does not spike: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(file(f))
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte(`{"format":1,"digest":"","source":"x","pictures":2,"layers":[{"name":"","mean":0,"standard_deviation":0,"p5":0,"p95":0}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if (r == nil) != errors.Is(err, ErrFile) {
			t.Fatalf("%+v, %v", r, err)
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := Parse(again); err != nil || !reflect.DeepEqual(same, r) {
			t.Fatalf("%v, %+v, %+v", err, same, r)
		}
	})
}
