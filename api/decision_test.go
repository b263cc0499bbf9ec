package api

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestFewerStepsAnswerByTheirOwnDecisionOrByNone(t *testing.T) {
	s := start(t, func(c *Config) {
		all := c.Models.Catalogue().All()
		c.Models = pipeline.NewCatalogue(append([]*pipeline.Entry{{Model: testmodel.Early(t)}}, all[:2]...)...)
		c.Standard.OperatingPoint = "screening"
	})
	picture := testmodel.PNG(300, 300, 1)
	for query, want := range map[string]float64{"": 0.2, "&steps=4": 0.2, "&steps=2": 0.3, "&steps=2&operating_point=balanced": 0.6, "&steps=2&threshold=0.7": 0.7} {
		var p decided
		s.post("?model=tiny-early"+query, picture).decode(t, &p)
		if p.Threshold != want || (p.OperatingPoint == nil) != (want == 0.7) || (p.Label == "PNEUMONIA") != (p.Probability >= want) || p.Probability == p.RawProbability {
			t.Errorf("%q: %+v", query, p)
		}
	}
	var p predictionDocument
	s.post("?model=tiny-early&steps=1", picture).decode(t, &p)
	if p.Probability != nil || p.Label != nil || p.Threshold != nil || p.OperatingPoint != nil || p.Probabilities != nil || p.Prevalence != nil ||
		*p.Steps != 1 || p.Spikes.Steps != 1 || p.RawProbability == 0 || p.Gate == nil {
		t.Errorf("%+v", p)
	}
	if len(p.Input.Warnings) != 1 || !strings.HasPrefix(p.Input.Warnings[0], "uncalibrated: ") || !strings.Contains(p.Input.Warnings[0], "1 of its 4 steps") {
		t.Errorf("%q", p.Input.Warnings)
	}
	for _, query := range []string{"threshold=0.5", "operating_point=balanced", "prevalence=0.5"} {
		if a := s.post("?model=tiny-early&steps=3&"+query, picture); a.status != 400 || a.problem(t) != "invalid-parameter" || !strings.Contains(string(a.body), "3 of its 4 steps") {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	scrape := string(s.get("/metrics").body)
	for _, line := range []string{`spikeray_undecided_answers_total{model="tiny-early"} 1`, `spikeray_undecided_answers_total{model="tiny-steps"} 0`,
		`spikeray_prediction_probability_ratio_count{model="tiny-early"} 5`} {
		if !strings.Contains(scrape, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

// A server may decide by a point or a threshold of its own. A request that says another has it.
func TestServerDecidesByItsStandard(t *testing.T) {
	picture := testmodel.PNG(64, 64, 1)
	quarter := 0.25
	gatedFirst := func(c *Config) {
		all := c.Models.Catalogue().All()
		c.Models = pipeline.NewCatalogue(append([]*pipeline.Entry{{Model: testmodel.Gated(t)}}, all[:1]...)...)
	}
	type want struct {
		threshold float64
		point     string
	}
	for standard, answers := range map[pipeline.Standard]map[string]want{
		{OperatingPoint: "screening"}: {"": {0.2, "screening"}, "?operating_point=balanced": {0.5, "balanced"}, "?threshold=0.7": {0.7, ""}, "?model=tiny-rows": {0.5, ""}},
		{Threshold: &quarter}:         {"": {0.25, ""}, "?operating_point=balanced": {0.5, "balanced"}, "?threshold=0.7": {0.7, ""}, "?model=tiny-rows": {0.25, ""}},
	} {
		s := start(t, func(c *Config) { gatedFirst(c); c.Standard = standard })
		for query, want := range answers {
			var p decided
			s.post(query, picture).decode(t, &p)
			point := ""
			if p.OperatingPoint != nil {
				point = *p.OperatingPoint
			}
			if p.Threshold != want.threshold || point != want.point {
				t.Errorf("%+v, %q: %v of %q, want %+v", standard, query, p.Threshold, point, want)
			}
			strayed := slices.ContainsFunc(p.Input.Warnings, func(w string) bool { return strings.HasPrefix(w, "operating-point: ") })
			if strayed != (query == "?model=tiny-rows" && standard.OperatingPoint != "") {
				t.Errorf("%+v, %q: %q", standard, query, p.Input.Warnings)
			}
		}
	}
	one := 1.5
	for _, standard := range []pipeline.Standard{{OperatingPoint: "none"}, {Threshold: &one}, {OperatingPoint: "screening", Threshold: &quarter}} {
		config := Config{Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(telemetry.Build{}), Models: entries(t), Standard: standard}
		gatedFirst(&config)
		if _, err := New(config); !errors.Is(err, pipeline.ErrOptions) {
			t.Errorf("%+v: %v", standard, err)
		}
	}
}
