package api

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// shadowed is a service whose default model tiny-gated has a shadow.
func shadowed(t *testing.T, dir, name, version string) (*service, *repository.Repository) {
	t.Helper()
	r := stocked(t, dir, func(o *repository.Options) {
		o.Default, o.Shadow = "tiny-gated", repository.Reference{Name: name, Version: version}
	})
	s := start(t, func(c *Config) {
		c.Models, c.Repository, c.ShadowShare = r, r, 1
		c.Queue = NewQueue(2, 64)
	})
	r.Hook(repository.Hooks{Changed: s.server.Announce, Shadowed: s.server.Accompany})
	return s, r
}

// counted reads a series of the service's metrics.
func (s *service) counted(series string) (value float64) {
	s.t.Helper()
	for _, line := range strings.Split(string(s.get("/metrics").body), "\n") {
		if n, _ := fmt.Sscanf(line, series+" %g", &value); n == 1 {
			return value
		}
	}
	return math.NaN()
}

// awaited waits until a series has a value.
func (s *service) awaited(series string, want float64) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := s.counted(series)
		if got == want {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s is %v, expected %v", series, got, want)
		}
	}
}

const difference = "spikeray_shadow_probability_difference_ratio_sum"

func TestAShadowIsComparedAndHeardByNobody(t *testing.T) {
	dir := t.TempDir()
	putVersion(t, dir, "tiny-gated", "1.0.0", 0)
	putVersion(t, dir, "tiny-gated", "2.0.0-rc1", 3)
	s, r := shadowed(t, dir, "tiny-gated", "2.0.0-rc1")
	own, other := r.Catalogue().Default(), r.Shadow()
	wantOther, want, agreed := 0.0, 0.0, 0.0
	const pictures = 6
	for seed := range uint64(pictures) {
		picture := testmodel.PNG(64, 64, seed)
		var got decided
		s.post("", picture).decode(t, &got)
		if got.Model.Version != "1.0.0" {
			t.Fatalf("%+v answered", got.Model)
		}
		s.awaited("spikeray_shadow_probability_difference_ratio_count", float64(seed+1))
		for _, m := range []*pipeline.Entry{own, other} {
			p, err := pipeline.Predict(t.Context(), m.Model, picture, s.server.config.Limits, pipeline.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if m == other {
				wantOther = p.Probability
				if p.Label == got.Label {
					agreed++
				}
			} else if p.Probability != got.Probability {
				t.Fatalf("%v, expected %v", got.Probability, p.Probability)
			}
		}
		want += math.Abs(wantOther - got.Probability)
	}
	if got := s.counted(difference); math.Abs(got-want) > 1e-12 || want == 0 {
		t.Errorf("the differences add up to %v, expected %v", got, want)
	}
	if yes, no := s.counted(`spikeray_shadow_answers_total{agree="true"}`), s.counted(`spikeray_shadow_answers_total{agree="false"}`); yes != agreed || yes+no != pictures {
		t.Errorf("%v agree and %v do not, expected %v of %d", yes, no, agreed, pictures)
	}
	if a := s.post("?model=tiny-gated&version=2.0.0-rc1", testmodel.PNG(64, 64, 1)); a.problem(t) != "unknown-model" {
		t.Errorf("the shadow answers: %s", a.body)
	}
	if n := s.counted(`spikeray_predictions_total{model="tiny-gated",label="NORMAL"}`); n > pictures {
		t.Errorf("the shadow's answers are counted as predictions: %v", n)
	}
	// Once it serves, it is compared with nothing; the metrics start anew.
	if err := r.Load(t.Context(), "tiny-gated", "2.0.0-rc1"); err != nil {
		t.Fatal(err)
	}
	s.post("", testmodel.PNG(64, 64, 1))
	if n := s.counted("spikeray_shadow_probability_difference_ratio_count"); n != 0 || r.Shadow() != nil {
		t.Errorf("%v comparisons with itself", n)
	}
	if !math.IsNaN(s.counted(`spikeray_shadow_info{default_model="tiny-gated",default_version="1.0.0",model="tiny-gated",version="2.0.0-rc1"}`)) {
		t.Error("the pair of before is still told of")
	}
}

// TestAShadowOfAnotherSizeTakesThePictureAsItCame uses a model whose prepared picture is another.
func TestAShadowOfAnotherSizeTakesThePictureAsItCame(t *testing.T) {
	dir := t.TempDir()
	putFile(t, dir, "wide", "1.0.0", testmodel.ChangedFile("wide", func(d map[string]any) {
		d["version"] = "1.0.0"
		d["preparation"].(map[string]any)["reduced_decoding"] = true
	}))
	s, r := shadowed(t, dir, "wide", "")
	picture := testmodel.JPEG(500, 400, 1)
	var got decided
	s.post("", picture).decode(t, &got)
	s.awaited("spikeray_shadow_probability_difference_ratio_count", 1)
	p, err := pipeline.Predict(t.Context(), r.Shadow().Model, picture, s.server.config.Limits, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if sum := s.counted(difference); sum != math.Abs(p.Probability-got.Probability) {
		t.Errorf("%v, expected %v", sum, math.Abs(p.Probability-got.Probability))
	}
}

func TestAShadowThatCannotAnswerHarmsNobody(t *testing.T) {
	s, _ := shadowed(t, t.TempDir(), "tiny-broken", "")
	for seed := range uint64(5) {
		if a := s.post("", testmodel.PNG(64, 64, seed)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	s.awaited(`spikeray_shadow_skipped_total{reason="failed"}`, 5)
	// What the request asks for applies to its model only.
	if a := s.post("?operating_point=screening", testmodel.PNG(64, 64, 1)); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.awaited(`spikeray_shadow_skipped_total{reason="options"}`, 1)
}

// TestAShadowWaitsWhileWorkersAreBusy fills the queue's workers: pictures are left out once too many wait, and none is answered late.
func TestAShadowWaitsWhileWorkersAreBusy(t *testing.T) {
	s, _ := shadowed(t, t.TempDir(), "tiny-early", "")
	d := s.server.shadow
	ended := make(chan struct{})
	close(ended)
	release := s.fillQueue()
	offer := func() {
		c := &comparison{shadow: d, pair: d.pair.Load(), ended: ended, pixels: make([]uint8, 256)}
		c.offer(pipeline.Prediction{Label: "NORMAL"})
	}
	for range shadowPlaces + 3 {
		offer()
	}
	if n := s.counted(`spikeray_shadow_skipped_total{reason="busy"}`); n != 3 {
		t.Errorf("%v were left out", n)
	}
	if n := s.counted("spikeray_shadow_probability_difference_ratio_count"); n != 0 {
		t.Errorf("%v were answered while others waited", n)
	}
	release()
	s.awaited("spikeray_shadow_probability_difference_ratio_count", shadowPlaces)
	s.server.config.ShadowMemory = 300
	release = s.fillQueue()
	offer()
	offer()
	if n := s.counted(`spikeray_shadow_skipped_total{reason="memory"}`); n != 1 {
		t.Errorf("%v were left out for want of memory", n)
	}
	release()
	s.awaited("spikeray_shadow_probability_difference_ratio_count", shadowPlaces+1)
}

// TestPreparedPicturesAreNotTheShadows: they are prepared for the model that was asked.
func TestPreparedPicturesAreNotTheShadows(t *testing.T) {
	s, _ := shadowed(t, t.TempDir(), "tiny-early", "")
	p := entryOf(t, s, "tiny-gated").Description().Preparation
	pixels := make([]byte, p.Width*p.Height)
	for i := range pixels {
		pixels[i] = byte(i)
	}
	in := oip.Tensor{Name: "pixels", Datatype: oip.Uint8, Shape: []int{1, p.Height, p.Width}, Data: pixels}
	s.infer("tiny-gated", &oip.InferRequest{Inputs: []oip.Tensor{in}}).inferred(t)
	s.infer("tiny-gated", &oip.InferRequest{Inputs: files(testmodel.PNG(64, 64, 1))}).inferred(t)
	s.awaited("spikeray_shadow_probability_difference_ratio_count", 1)
	for _, reason := range shadowReasons {
		if n := s.counted(fmt.Sprintf("spikeray_shadow_skipped_total{reason=%q}", reason)); n != 0 {
			t.Errorf("%v were left out as %s", n, reason)
		}
	}
}

func TestOnlyItsShareOfPicturesIsTheShadows(t *testing.T) {
	s, r := shadowed(t, t.TempDir(), "tiny-early", "")
	s.server.config.ShadowShare = 0.25
	q := s.server.question(r.Catalogue())
	taken := 0
	for range 4000 {
		var options pipeline.Options
		if s.server.shadow.sample(t.Context(), q, nil, &options) != nil {
			taken++
		}
	}
	if taken < 850 || taken > 1150 {
		t.Errorf("%d of 4000, expected a quarter", taken)
	}
	q.model = r.Catalogue().All()[1]
	if !slices.Contains(r.Catalogue().All(), q.model) || s.server.shadow.sample(t.Context(), q, nil, &pipeline.Options{}) != nil {
		t.Error("another model's pictures are taken")
	}
}
