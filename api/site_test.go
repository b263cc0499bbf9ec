package api

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/drift"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/internal/site/sitetest"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// calibrated is a service whose tiny-gated and tiny-early are calibrated by a place.
func calibrated(t *testing.T) (*service, *site.Calibration) {
	t.Helper()
	_, gated := sitetest.Made(t, testmodel.Gated(t))
	_, early := sitetest.Made(t, testmodel.Early(t))
	return start(t, func(c *Config) {
		var err error
		if c.Models, err = c.Models.Catalogue().Calibrated(gated, early); err != nil {
			t.Fatal(err)
		}
	}), gated
}

func TestAnswersAreByThePlacesCalibration(t *testing.T) {
	s, c := calibrated(t)
	picture := testmodel.PNG(64, 64, 1)
	var before, plain, p, at decided
	start(t, nil).post("?model=tiny-gated", picture).decode(t, &before)
	s.post("?model=tiny-plain", picture).decode(t, &plain)
	s.post("?model=tiny-gated", picture).decode(t, &p)
	if plain.Calibration != nil || before.Calibration != nil {
		t.Errorf("%+v, %+v: a calibration that is not in force", plain.Calibration, before.Calibration)
	}
	want := pipeline.SiteCalibration{Place: "Children's ward", Made: "2026-03-01T12:00:00Z", Pictures: 60, Digest: c.Digest()}
	if p.Calibration == nil || p.Calibration.Interval == nil {
		t.Fatalf("%+v has no interval", p.Calibration)
	}
	if i := *p.Calibration.Interval; !(0 <= i.Low && i.Low < p.Probability && p.Probability < i.High && i.High <= 1) {
		t.Errorf("%v has the interval %+v", p.Probability, i)
	}
	p.Calibration.Interval = nil
	if *p.Calibration != want {
		t.Errorf("%+v, want %+v", p.Calibration, want)
	}
	odds := c.Calibration.LogOdds(math.Log(p.RawProbability) - math.Log1p(-p.RawProbability))
	if probability := 1 / (1 + math.Exp(-odds)); math.Abs(p.Probability-probability) > 1e-6 || p.RawProbability != before.RawProbability || p.Probability == before.Probability {
		t.Errorf("%v, the calibration makes %v", p.Probability, probability)
	}
	if p.Threshold != c.OperatingPoints[0].Threshold || *p.OperatingPoint != "balanced" {
		t.Errorf("%+v", p)
	}
	s.post("?model=tiny-gated&operating_point=screening&prevalence=0.05", picture).decode(t, &at)
	screening := c.OperatingPoints[1]
	ppv := 0.05 * screening.Sensitivity.Value / (0.05*screening.Sensitivity.Value + 0.95*(1-screening.Specificity.Value))
	if at.Threshold != screening.Threshold || math.Abs(at.Prevalence.PPV.Value-ppv) > 1e-9 ||
		math.Abs(at.Prevalence.Probability-c.Calibration.AtPrevalence(at.Probability, 1-at.Probability, 0.05)) > 1e-9 {
		t.Errorf("%+v, %+v", at, at.Prevalence)
	}
}

// A calibration changes what is decided, and nothing of what lies beside the model's file.
func TestACalibratedModelKeepsWhatIsBesideItsFile(t *testing.T) {
	e := &pipeline.Entry{Model: testmodel.Gated(t), Card: "# A card", Rates: &rates.Reference{Pictures: 7}, Shipped: true}
	_, c := sitetest.Made(t, e.Model)
	got, err := e.Calibrated(c)
	if err != nil || got.Site != c || got.Card != e.Card || got.Rates != e.Rates || !got.Shipped {
		t.Errorf("%+v, %v", got, err)
	}
}

// The place's calibration is for all steps, and the model's own for fewer would not fit the place.
func TestFewerStepsHaveNoCalibrationOfAPlace(t *testing.T) {
	s, _ := calibrated(t)
	picture := testmodel.PNG(300, 300, 1)
	var p predictionDocument
	s.post("?model=tiny-early&steps=2", picture).decode(t, &p)
	if p.Probability != nil || p.Label != nil || p.Threshold != nil || p.Calibration != nil || len(p.Input.Warnings) != 1 ||
		!strings.HasPrefix(p.Input.Warnings[0], "uncalibrated: ") {
		t.Errorf("%+v", p)
	}
	s.post("?model=tiny-early&steps=4", picture).decode(t, &p)
	if p.Probability == nil || p.Calibration == nil {
		t.Errorf("%+v", p)
	}
	if a := s.post("?model=tiny-early&steps=2&prevalence=0.1", picture); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestModelsAndMetricsTellThePlacesCalibration(t *testing.T) {
	s, c := calibrated(t)
	var m modelDocument
	s.get("/v1/models/tiny-gated").decode(t, &m)
	if m.SiteCalibration == nil || m.SiteCalibration.Digest != c.Digest() || *m.Calibration != c.Calibration || m.Threshold != c.OperatingPoints[0].Threshold ||
		m.Description.Calibration.Slope != 1.5 || m.Site == nil || m.Site.Validation != c.Validation {
		t.Errorf("%+v", m)
	}
	var early, plain modelDocument
	s.get("/v1/models/tiny-early").decode(t, &early)
	if len(early.Early) != 0 || len(early.Description.Early) != 1 {
		t.Errorf("%+v", early)
	}
	s.get("/v1/models/tiny-plain").decode(t, &plain)
	if plain.SiteCalibration != nil || plain.Site != nil {
		t.Errorf("%+v", plain)
	}
	if a := s.get("/v1/models"); strings.Count(string(a.body), c.Digest()) != 1 {
		t.Errorf("%s", a.body)
	}
	metric(t, s, fmt.Sprintf(`spikeray_site_calibration_info{digest=%q,made="2026-03-01T12:00:00Z",model="tiny-gated",pictures="60",place="Children's ward"} 1`, c.Digest()))
}

// What the model's reference says of its own thresholds does not hold for the place's.
func TestEstimatesWithoutLabelsAreByThePlacesCalibration(t *testing.T) {
	s, c := calibrated(t)
	for i := range drift.Minimum {
		s.post("?model=tiny-gated", testmodel.PNG(64, 48, uint64(i)))
	}
	d := s.drift("tiny-gated")
	if len(d.Measures) == 0 || len(d.Estimates) != len(c.OperatingPoints) {
		t.Fatalf("%+v", d)
	}
	for _, e := range d.Estimates {
		if e.Method != drift.CBPE || e.Sensitivity.Error != nil {
			t.Errorf("%+v", e)
		}
	}
}
