package pipeline_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
)

func predict(t *testing.T, m *model.Model, picture []byte, opt pipeline.Options) pipeline.Prediction {
	t.Helper()
	p, err := pipeline.Predict(t.Context(), m, picture, radiograph.Limits{}, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLabelFollowsTheOperatingPoint(t *testing.T) {
	m, plain := testmodel.Gated(t), testmodel.Plain(t)
	labels := map[string]int{}
	for seed := range uint64(20) {
		picture := testmodel.PNG(64, 64, seed)
		raw := predict(t, plain, picture, pipeline.Options{}).Probability
		for _, name := range []string{"", "balanced", "screening"} {
			p := predict(t, m, picture, pipeline.Options{OperatingPoint: name})
			want := map[string]float64{"": 0.5, "balanced": 0.5, "screening": 0.2}[name]
			if p.Threshold != want || p.OperatingPoint == nil || (p.Label == "PNEUMONIA") != (p.Probability >= want) {
				t.Errorf("%q: %+v", name, p)
			}
			labels[name+p.Label]++
			if p.RawProbability != raw || (p.Probability-0.5)*(1.5*math.Log(raw/(1-raw))-0.25) < 0 {
				t.Errorf("%v raw, %v calibrated, where the network without says %v", p.RawProbability, p.Probability, raw)
			}
		}
		threshold := 0.5
		if p := predict(t, m, picture, pipeline.Options{Threshold: &threshold}); p.OperatingPoint != nil || p.Threshold != threshold {
			t.Errorf("%+v", p)
		}
	}
	if labels["screeningPNEUMONIA"] <= labels["balancedPNEUMONIA"] {
		t.Errorf("the points do not differ: %v", labels)
	}
}

// Fewer steps than a model is calibrated for have the raw probability alone, and take nothing that needs another.
func TestFewerStepsDecideByTheirOwnOrNotAtAll(t *testing.T) {
	m := testmodel.Early(t)
	picture := testmodel.PNG(300, 300, 3)
	stated := 0.1
	two := predict(t, m, picture, pipeline.Options{Steps: 2, OperatingPoint: "screening", Prevalence: &stated})
	c := m.Description().DecisionAt(2).Calibration
	if two.Threshold != 0.3 || two.OperatingPoint.Sensitivity.Value != 0.92 || two.Prevalence.Probability != c.AtPrevalence(two.Probability, two.Probabilities[0], stated) {
		t.Errorf("%+v, %+v", two, two.Prevalence)
	}
	one := predict(t, m, picture, pipeline.Options{Steps: 1, Standard: pipeline.Standard{OperatingPoint: "screening"}})
	if !math.IsNaN(one.Probability) || !math.IsNaN(one.Threshold) || one.Label != "" || one.OperatingPoint != nil || one.Probabilities != nil ||
		!(one.RawProbability > 0) || len(one.Warnings) != 1 || !strings.HasPrefix(one.Warnings[0], "uncalibrated: ") {
		t.Errorf("%+v", one)
	}
	if all := predict(t, m, picture, pipeline.Options{Steps: 4}); all.Probability != predict(t, m, picture, pipeline.Options{}).Probability || len(all.Warnings) != 0 {
		t.Errorf("%+v", all)
	}
	threshold := 0.5
	for name, o := range map[string]pipeline.Options{
		"threshold": {Steps: 1, Threshold: &threshold}, "point": {Steps: 3, OperatingPoint: "balanced"}, "prevalence": {Steps: 1, Prevalence: &stated},
	} {
		if err := o.Check(m.Description()); !errors.Is(err, pipeline.ErrOptions) || !strings.Contains(err.Error(), "not calibrated") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for steps, m := range map[int]*model.Model{5: m, -1: m, 1: testmodel.Rows(t)} {
		if err := (pipeline.Options{Steps: steps}).Check(m.Description()); !errors.Is(err, model.ErrSteps) {
			t.Errorf("%d steps of %s: %v", steps, m.Description().Name, err)
		}
	}
}

func TestPrevalenceMovesTheProbabilityNotTheLabel(t *testing.T) {
	m := testmodel.Gated(t)
	picture := testmodel.PNG(64, 64, 1)
	without := predict(t, m, picture, pipeline.Options{})
	if without.Prevalence != nil {
		t.Errorf("%+v", without.Prevalence)
	}
	stated := 0.05
	p := predict(t, m, picture, pipeline.Options{Prevalence: &stated})
	if p.Probability != without.Probability || p.Label != without.Label {
		t.Errorf("%v %s, without a prevalence %v %s", p.Probability, p.Label, without.Probability, without.Label)
	}
	// Of 1000, 50 ill: sensitivity 0.9 finds 45; specificity 0.8 leaves 190 of 950 wrongly called ill.
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-12 }
	at := p.Prevalence
	if !near(at.PPV.Value, 45./(45+190)) || !near(at.NPV.Value, 760./(760+5)) {
		t.Errorf("PPV %+v, NPV %+v", at.PPV, at.NPV)
	}
	if !near(at.PPV.Low, 42.5/(42.5+237.5)) || !near(at.PPV.High, 47.5/(47.5+142.5)) || !(at.NPV.Low < at.NPV.Value && at.NPV.Value < at.NPV.High) {
		t.Errorf("PPV %+v, NPV %+v", at.PPV, at.NPV)
	}
	if want := m.Description().Calibration.AtPrevalence(p.Probability, p.Probabilities[0], stated); at.Probability != want || at.Stated != stated || want >= p.Probability {
		t.Errorf("%+v, want %v", at, want)
	}
	threshold := 0.5
	if p := predict(t, m, picture, pipeline.Options{Prevalence: &stated, Threshold: &threshold}); p.Prevalence.PPV != nil || p.Prevalence.NPV != nil || p.Prevalence.Probability != at.Probability {
		t.Errorf("with a threshold: %+v", p.Prevalence)
	}
}

func TestGateFlagsRefusesOrIsOff(t *testing.T) {
	m := testmodel.Gated(t)
	for light, reason := range map[float64]string{1: "", 0.65: "other_part", 0.1: "turned"} {
		picture := testmodel.Shade(300, 300, 1, light)
		p := predict(t, m, picture, pipeline.Options{})
		if flag := predict(t, m, picture, pipeline.Options{Gate: pipeline.GateFlag}); *flag.Gate != *p.Gate || !slices.Equal(flag.Warnings, p.Warnings) {
			t.Errorf("light %v: %+v, %q when flagging is asked for", light, flag.Gate, flag.Warnings)
		}
		words := strings.ReplaceAll(reason, "_", " ")
		warned := slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.HasPrefix(w, "gate: ") && strings.Contains(w, words) })
		if p.Gate == nil || p.Gate.Accepted != (reason == "") || p.Gate.Reason != reason || warned == p.Gate.Accepted {
			t.Errorf("light %v: %+v, %q", light, p.Gate, p.Warnings)
		}
		refused, err := pipeline.Predict(t.Context(), m, picture, radiograph.Limits{}, pipeline.Options{Gate: pipeline.GateRefuse})
		var by *pipeline.RefusedError
		if errors.As(err, &by) != (reason != "") || reason == "" && err != nil || *refused.Gate != *p.Gate {
			t.Errorf("light %v: %v, %+v", light, err, refused.Gate)
		}
		if by != nil && !strings.Contains(by.Error(), words) {
			t.Errorf("light %v: %v", light, by)
		}
		off := predict(t, m, picture, pipeline.Options{Gate: pipeline.GateOff})
		if off.Gate != nil || off.Probability != p.Probability || slices.ContainsFunc(off.Warnings, func(w string) bool { return strings.HasPrefix(w, "gate") }) {
			t.Errorf("light %v: %+v", light, off)
		}
	}
	if p := predict(t, testmodel.Plain(t), testmodel.PNG(64, 64, 1), pipeline.Options{Gate: pipeline.GateRefuse}); p.Gate != nil {
		t.Errorf("a model without a gate says %+v", p.Gate)
	}
}

func TestOptionsThatDoNotFitTheModel(t *testing.T) {
	gated, plain := testmodel.Gated(t), testmodel.Plain(t)
	number := func(x float64) *float64 { return &x }
	for name, c := range map[string]struct {
		m    *model.Model
		opt  pipeline.Options
		says string
	}{
		"unknown point":        {gated, pipeline.Options{OperatingPoint: "none"}, "balanced, screening"},
		"no points":            {plain, pipeline.Options{OperatingPoint: "balanced"}, "no operating points"},
		"point and threshold":  {gated, pipeline.Options{OperatingPoint: "balanced", Threshold: number(0.5)}, "not both"},
		"threshold":            {plain, pipeline.Options{Threshold: number(math.NaN())}, "must be 0 to 1"},
		"prevalence of 0":      {gated, pipeline.Options{Prevalence: number(0)}, "above 0 and below 1"},
		"prevalence of 1":      {gated, pipeline.Options{Prevalence: number(1)}, "above 0 and below 1"},
		"prevalence of no one": {gated, pipeline.Options{Prevalence: number(math.NaN())}, "above 0 and below 1"},
		"unknown gate mode":    {plain, pipeline.Options{Gate: "perhaps"}, `unknown gate mode "perhaps"`},
		"not calibrated":       {plain, pipeline.Options{Prevalence: number(0.5)}, "not calibrated"},
	} {
		_, err := pipeline.Predict(t.Context(), c.m, testmodel.PNG(64, 64, 1), radiograph.Limits{}, c.opt)
		if !errors.Is(err, pipeline.ErrOptions) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A picture is positive from the threshold on, and not above it alone.
func TestAProbabilityAtTheThresholdIsPositive(t *testing.T) {
	for _, m := range []*model.Model{testmodel.Gated(t), testmodel.Rows(t)} {
		ask := func(threshold *float64) pipeline.Prediction {
			t.Helper()
			p, err := pipeline.Predict(t.Context(), m, testmodel.PNG(64, 64, 1), radiograph.Limits{}, pipeline.Options{Threshold: threshold})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		at := ask(nil).Probability
		above := math.Nextafter(at, 2)
		if on, under := ask(&at), ask(&above); on.Label != "PNEUMONIA" || under.Label != "NORMAL" {
			t.Errorf("%s: %s at %v, %s just below the threshold", m.Description().Name, on.Label, at, under.Label)
		}
	}
}
