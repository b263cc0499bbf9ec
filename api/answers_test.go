package api

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestAnswerTellsCalibrationPointPrevalenceAndGate(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	var plain, p decided
	s.post("?model=tiny-plain", picture).decode(t, &plain)
	if plain.RawProbability != plain.Probability || plain.OperatingPoint != nil || plain.Prevalence != nil || plain.Gate != nil {
		t.Errorf("%+v", plain)
	}
	s.post("?model=tiny-gated", picture).decode(t, &p)
	if p.RawProbability != plain.Probability || p.Probability == p.RawProbability || p.Probabilities["PNEUMONIA"] != p.Probability {
		t.Errorf("%+v; the network without a calibration says %v", p, plain.Probability)
	}
	if p.OperatingPoint == nil || *p.OperatingPoint != "balanced" || p.Threshold != 0.5 || p.Prevalence != nil {
		t.Errorf("%+v", p)
	}
	if p.Gate == nil || !p.Gate.Accepted || p.Gate.Reason != nil || p.Gate.Probability < 0.5 {
		t.Errorf("gate %+v", p.Gate)
	}
	var at decided
	s.post("?model=tiny-gated&operating_point=screening&prevalence=0.05", picture).decode(t, &at)
	if *at.OperatingPoint != "screening" || at.Threshold != 0.2 || at.Probability != p.Probability {
		t.Errorf("%+v", at)
	}
	if v := at.Prevalence; v.Stated != 0.05 || v.Probability >= p.Probability || v.PPV == nil || v.NPV == nil || v.PPV.Low >= v.PPV.High {
		t.Errorf("%+v", v)
	}
	var by decided
	s.post("?model=tiny-gated&threshold=0.2&prevalence=0.05", picture).decode(t, &by)
	if by.OperatingPoint != nil || by.Prevalence.PPV != nil || by.Prevalence.NPV != nil || by.Prevalence.Probability != at.Prevalence.Probability {
		t.Errorf("%+v, %+v", by, by.Prevalence)
	}
}

func TestUnknownOperatingPointsAreToldTheKnown(t *testing.T) {
	a := start(t, nil).post("?model=tiny-gated&operating_point=none", testmodel.PNG(64, 64, 1))
	if a.status != 400 || a.problem(t) != "invalid-parameter" || !strings.Contains(string(a.body), "balanced, screening") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestGateFlagsAPicture(t *testing.T) {
	s := start(t, nil)
	var p decided
	s.post("?model=tiny-gated", testmodel.Shade(300, 300, 1, 0.1)).decode(t, &p)
	if p.Gate == nil || p.Gate.Accepted || *p.Gate.Reason != "turned" || len(p.Input.Warnings) == 0 ||
		!strings.Contains(strings.Join(p.Input.Warnings, "\n"), "turned") {
		t.Errorf("%+v, %q", p.Gate, p.Input.Warnings)
	}
	metric(t, s, `spikeray_gate_flagged_total{model="tiny-gated",reason="turned"} 1`)
	metric(t, s, `spikeray_gate_flagged_total{model="tiny-gated",reason="other_part"} 0`)
}

func TestGateRefusesAPicture(t *testing.T) {
	s := start(t, func(c *Config) { c.Gate = pipeline.GateRefuse })
	dark, light := testmodel.Shade(300, 300, 1, 0.1), testmodel.PNG(300, 300, 1)
	a := s.post("?model=tiny-gated", dark)
	if a.status != 422 || a.problem(t) != "gate-refused" || !strings.Contains(string(a.body), "turned") {
		t.Errorf("%d %s", a.status, a.body)
	}
	var list struct{ Predictions []listed }
	s.postForm("?model=tiny-gated", light, dark).decode(t, &list)
	if list.Predictions[0].Error != nil || list.Predictions[1].Error == nil || list.Predictions[1].Error.Status != 422 {
		t.Errorf("%+v", list)
	}
	if a := s.post("?model=tiny-plain", dark); a.status != 200 {
		t.Errorf("a model without a gate: %d %s", a.status, a.body)
	}
	metric(t, s, `spikeray_gate_flagged_total{model="tiny-gated",reason="turned"} 2`)
	metric(t, s, `spikeray_prediction_failures_total{model="tiny-gated",problem="gate-refused"} 2`)
}

func TestGateThatIsOffIsNotAsked(t *testing.T) {
	s := start(t, func(c *Config) { c.Gate = pipeline.GateOff })
	var p decided
	s.post("?model=tiny-gated", testmodel.Shade(300, 300, 1, 0.1)).decode(t, &p)
	if p.Gate != nil || p.Probability == 0 {
		t.Errorf("%+v", p)
	}
}

// A client could do nothing about it.
func TestAServerWithAGateModeThatIsNoneDoesNotStart(t *testing.T) {
	config := Config{Models: entries(t), Metrics: telemetry.NewMetrics(telemetry.Build{}), Log: slog.New(slog.DiscardHandler), Gate: "perhaps"}
	if _, err := New(config); !errors.Is(err, pipeline.ErrOptions) {
		t.Error(err)
	}
}

func TestModelsTellTheirCalibrationPointsAndGate(t *testing.T) {
	s := start(t, nil)
	var m modelDocument
	s.get("/v1/models/tiny-gated").decode(t, &m)
	if m.Calibration == nil || m.Calibration.Prevalence != 0.75 || len(m.OperatingPoints) != 2 || m.OperatingPoints[1].Name != "screening" ||
		m.Gate == nil || m.Gate.Accept != "chest" || len(m.Gate.Labels) != 3 || m.Threshold != 0.5 {
		t.Errorf("%+v", m.modelSummary)
	}
	var plain modelDocument
	s.get("/v1/models/tiny-rows").decode(t, &plain)
	if plain.Calibration != nil || len(plain.OperatingPoints) != 0 || plain.Gate != nil || plain.Card != "# A card" {
		t.Errorf("%+v", plain.modelSummary)
	}
}
