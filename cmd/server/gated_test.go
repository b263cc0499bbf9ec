package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// gatedModel is the path of a model file with a calibration, operating points and
// a gate that takes dark pictures for turned ones.
func gatedModel(t *testing.T) string {
	t.Helper()
	return write(t, testmodel.GatedFile("mine"), t.TempDir(), "mine.safetensors")
}

func TestPredictTellsPointPrevalenceAndGate(t *testing.T) {
	dir, model := t.TempDir(), gatedModel(t)
	light := write(t, testmodel.PNG(200, 200, 1), dir, "light.png")
	dark := write(t, testmodel.Shade(200, 200, 1, 0.1), dir, "dark.png")
	predict := func(args ...string) []predicted {
		return lines(t, spikeray(t, nil, append([]string{"predict", "--json", "--model", model}, args...)...).out)
	}

	got := predict("--prevalence=0.05", "--operating-point=screening", light, dark)
	for i, p := range got {
		if *p.Probability == *p.RawProbability || p.OperatingPoint != "screening" || p.Prevalence == nil || p.Prevalence.PPV == nil ||
			p.Prevalence.Probability >= *p.Probability || (p.Label == "PNEUMONIA") != (*p.Probability >= 0.2) {
			t.Errorf("%+v", p)
		}
		flagged := strings.Contains(strings.Join(p.Warnings, "\n"), "turned")
		if p.Gate == nil || p.Gate.Accepted != (i == 0) || flagged != (i == 1) {
			t.Errorf("%+v with %q", p.Gate, p.Warnings)
		}
	}
	refused := predict("--gate=refuse", light, dark)
	if refused[0].Error != "" || refused[1].Probability != nil || !strings.Contains(refused[1].Error, "turned") || *refused[1].Gate.Reason != "turned" {
		t.Errorf("%+v", refused)
	}
	if off := predict("--gate=off", dark); off[0].Gate != nil || *off[0].Probability != *got[1].Probability {
		t.Errorf("%+v", off)
	}
	r := spikeray(t, nil, "predict", "--model", model, "--prevalence=0.05", light, dark)
	if r.status != 0 || strings.Count(r.out, "prevalence of 0.05") != 2 || strings.Count(r.out, "gate: turned") != 1 {
		t.Errorf("%+v", r)
	}
	// The screening point has a sensitivity of 0.97 and a specificity of 0.6; a threshold of one's own has neither.
	r = spikeray(t, nil, "predict", "--model", model, "--prevalence=0.05", "--operating-point=screening", light)
	if !strings.Contains(r.out, "prevalence of 0.05, PPV 0.113, NPV 0.997)") {
		t.Errorf("%+v", r)
	}
	r = spikeray(t, nil, "predict", "--model", model, "--prevalence=0.05", "--threshold=0.2", light)
	if !strings.Contains(r.out, "prevalence of 0.05)") {
		t.Errorf("%+v", r)
	}
	for args, want := range map[string]int{
		"--operating-point=none": 1, "--operating-point=balanced --threshold=0.5": 2, "--prevalence=1": 1, "--gate=perhaps": 2,
		"--operating-point=balanced": 0,
	} {
		if r := spikeray(t, nil, append([]string{"predict", "--model", model, light}, strings.Fields(args)...)...); r.status != want {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if r := spikeray(t, nil, "predict", "--model=snnxray", "--prevalence=0.5", light); r.status != 1 || !strings.Contains(r.err, "not calibrated") {
		t.Errorf("%+v", r)
	}
}

func TestServeRefusesWhatTheGateDoesNotAccept(t *testing.T) {
	p := serve(t, []string{"SPIKERAY_GATE=refuse"}, "--model", gatedModel(t))
	p.predict(t, testmodel.PNG(200, 200, 1))
	response, err := http.Post(p.url+"/v1/predictions", "image/png", bytes.NewReader(testmodel.Shade(200, 200, 1, 0.1)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var problem struct{ Type string }
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || response.StatusCode != 422 || problem.Type != "urn:spikeray:problem:gate-refused" {
		t.Errorf("%d %+v, %v", response.StatusCode, problem, err)
	}
	if status, logs := p.end(t); status != 0 {
		t.Errorf("status %d\n%s", status, logs)
	}
}

func TestEvaluateTellsPointsRawAndFlagged(t *testing.T) {
	dir, model := folder(t, 6), gatedModel(t)
	write(t, testmodel.Shade(200, 200, 1, 0.1), dir, "NORMAL", "dark.png")
	type report struct {
		N              int
		Threshold      float64
		OperatingPoint *string `json:"operating_point"`
		ECE, Brier     float64
		ECERaw         float64 `json:"ece_raw"`
		BrierRaw       float64 `json:"brier_raw"`
		Intervals      map[string][2]float64
		Points         []struct {
			Name        string
			Threshold   float64
			Sensitivity float64
			Specificity float64
			F1Weighted  *float64 `json:"f1_weighted"`
			Intervals   map[string][2]float64
		} `json:"operating_points"`
		Gate *gated
	}
	evaluate := func(args ...string) (got report) {
		t.Helper()
		r := spikeray(t, nil, append([]string{"evaluate", "--json", "--bootstrap=50", "--model", model, dir}, args...)...)
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.status != 0 {
			t.Fatalf("%v: %+v", err, r)
		}
		return got
	}
	got := evaluate()
	if got.N != 13 || got.Threshold != 0.5 || got.OperatingPoint == nil || *got.OperatingPoint != "balanced" || got.ECE == got.ECERaw || got.Brier == got.BrierRaw {
		t.Errorf("%+v", got)
	}
	if len(got.Points) != 2 || got.Points[1].Name != "screening" || got.Points[1].Threshold != 0.2 || got.Points[1].F1Weighted == nil ||
		got.Points[1].Sensitivity < got.Points[0].Sensitivity || len(got.Points[1].Intervals) == 0 || len(got.Intervals) != 10 {
		t.Errorf("%+v", got)
	}
	if got.Gate == nil || got.Gate.Flagged != 1 || got.Gate.Reasons["turned"] != 1 || got.Gate.Mode != "flag" {
		t.Errorf("%+v", got.Gate)
	}
	if at := evaluate("--operating-point=screening"); at.Threshold != 0.2 || *at.OperatingPoint != "screening" {
		t.Errorf("%+v", at)
	}
	if at := evaluate("--threshold=0.3"); at.Threshold != 0.3 || at.OperatingPoint != nil || len(at.Points) != 2 {
		t.Errorf("%+v", at)
	}
	if refused := evaluate("--gate=refuse"); refused.N != 12 || refused.Gate.Flagged != 1 {
		t.Errorf("%+v, %+v", refused, refused.Gate)
	}
	if off := evaluate("--gate=off"); off.N != 13 || off.Gate != nil {
		t.Errorf("%+v", off.Gate)
	}
	r := spikeray(t, nil, "evaluate", "--model", model, "--gate=refuse", dir)
	for _, want := range []string{"screening, threshold 0.2", "calibration error, raw", "not accepted by the gate: 1 (1 turned)", "not in the report"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in %s", want, r.out)
		}
	}
}

func TestEvaluateTellsThatTheGateRefusedAll(t *testing.T) {
	dir, model := t.TempDir(), gatedModel(t)
	write(t, testmodel.Shade(200, 200, 1, 0.1), dir, normal, "dark.png")
	write(t, testmodel.Shade(200, 200, 2, 0.1), dir, pneumonia, "dark.png")
	write(t, testmodel.Shade(300, 300, 1, 0.65), dir, pneumonia, "light.png")
	bad := write(t, []byte("no picture"), dir, normal, "bad.png")
	r := spikeray(t, nil, "evaluate", "--model", model, "--gate=refuse", dir)
	if r.status != 1 || r.out != "" || !strings.Contains(r.err, bad) || !strings.Contains(r.err, "the gate refused 3 pictures (1 other_part, 2 turned)") {
		t.Errorf("%+v", r)
	}
}

func TestModelShowTellsCalibrationPointsAndGate(t *testing.T) {
	r := spikeray(t, nil, "model", "show", gatedModel(t))
	for _, want := range []string{"slope 1.5", "prevalence of 0.75", "operating point screening: threshold 0.2, sensitivity 0.970 (0.950 to 1.000)", `gate: "chest" from 0.5`} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in %s", want, fmt.Sprint(r))
		}
	}
}
