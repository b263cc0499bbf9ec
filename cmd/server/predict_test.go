package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// predicted is a row of predict --json; null leaves a field empty.
type predicted struct {
	File           string
	Truth          string
	Model          pipeline.ModelReference
	Backend        pipeline.Backend
	Probability    *float64
	RawProbability *float64 `json:"raw_probability"`
	Label          string
	Threshold      *float64
	OperatingPoint string `json:"operating_point"`
	Steps          *int
	Prevalence     *pipeline.Prevalence
	Gate           *pipeline.GateAnswer
	Degraded       string
	Warnings       []string
	Error          string
}

func lines(t *testing.T, out string) []predicted {
	t.Helper()
	var all []predicted
	for line := range strings.Lines(out) {
		var p predicted
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, p)
	}
	return all
}

func TestPredictPrintsALineForEachFileInOrder(t *testing.T) {
	dir := t.TempDir()
	files := []string{
		write(t, testmodel.PNG(300, 200, 1), dir, "one.png"),
		write(t, testmodel.JPEG(200, 300, 2), dir, "two.jpeg"),
		write(t, testmodel.PNG(300, 200, 1), dir, "one again.png"),
	}
	for _, name := range models.Names() {
		m, err := pipeline.OpenModel(t.Context(), name, model.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := spikeray(t, nil, append([]string{"predict", "--json", "--model", name}, files...)...)
		if r.status != 0 || r.err != "" {
			t.Fatalf("%s: %+v", name, r)
		}
		got := lines(t, r.out)
		if len(got) != 3 {
			t.Fatalf("%d lines for 3 files", len(got))
		}
		for i, p := range got {
			if p.File != files[i] || p.Probability == nil || p.Error != "" {
				t.Fatalf("%s: line %d is %+v", name, i, p)
			}
			if want := map[bool]string{true: "PNEUMONIA", false: "NORMAL"}[*p.Probability >= m.Description().DefaultThreshold()]; p.Label != want {
				t.Errorf("%s: %s at %v", name, p.Label, *p.Probability)
			}
		}
		if *got[0].Probability != *got[2].Probability {
			t.Errorf("%s: the same picture has %v and %v", name, *got[0].Probability, *got[2].Probability)
		}
		if *got[0].Probability == *got[1].Probability {
			t.Errorf("%s: two pictures have the same probability", name)
		}
	}
}

func TestPredictGoesOnAfterAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	picture := testmodel.PNG(300, 200, 1)
	good := write(t, picture, dir, "good.png")
	r := spikeray(t, nil, "predict", "--json", "--max-bytes=100K",
		filepath.Join(dir, "missing.png"), good, write(t, []byte("text"), dir, "text.png"),
		write(t, picture[:len(picture)/2], dir, "half.png"), write(t, make([]byte, 101<<10), dir, "long.png"), write(t, nil, dir, "empty.png"), good)
	if r.status != 1 {
		t.Errorf("status %d", r.status)
	}
	got := lines(t, r.out)
	if len(got) != 7 {
		t.Fatalf("%d lines: %s", len(got), r.out)
	}
	for i, p := range got {
		if failed := i != 1 && i != 6; (p.Error != "") != failed || (p.Probability == nil) != failed {
			t.Errorf("line %d: %+v", i, p)
		}
	}
	if r := spikeray(t, nil, "predict", "--max-bytes=100K", good, filepath.Join(dir, "text.png")); r.status != 1 ||
		!strings.Contains(r.out, "good.png") || !strings.Contains(r.err, "text.png") {
		t.Errorf("for people: %+v", r)
	}
}

func TestPredictReadsStandardInput(t *testing.T) {
	picture := testmodel.PNG(300, 200, 1)
	file := write(t, picture, t.TempDir(), "x.png")
	r := spikeray(t, picture, "predict", "--json", "-", file)
	got := lines(t, r.out)
	if r.status != 0 || len(got) != 2 || *got[0].Probability != *got[1].Probability || got[0].File != "-" {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, make([]byte, 2<<10), "predict", "--json", "--max-bytes=1K", "-"); r.status != 1 || !strings.Contains(r.out, "too large") {
		t.Errorf("too much of it: %+v", r)
	}
	if r := spikeray(t, picture, "predict", "-", "-"); r.status != 1 {
		t.Errorf("twice: %+v", r)
	}
}

func TestPredictTakesAModelFile(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, testmodel.PNG(64, 64, 1), dir, "x.png")
	file := write(t, testmodel.File("mine", map[string]any{"axis": "steps", "steps": 4}), dir, "mine.safetensors")
	for steps, want := range map[string]int{"1": 0, "4": 0, "5": 1} {
		if r := spikeray(t, nil, "predict", "--model", file, "--steps", steps, picture); r.status != want {
			t.Errorf("%s steps: %+v", steps, r)
		}
	}
	always := lines(t, spikeray(t, nil, "predict", "--json", "--model", file, "--threshold=0", picture).out)
	never := lines(t, spikeray(t, nil, "predict", "--json", "--model", file, "--threshold=1", picture).out)
	if always[0].Label != "PNEUMONIA" || never[0].Label != "NORMAL" {
		t.Errorf("%+v, %+v", always, never)
	}
	if r := spikeray(t, nil, "predict", "--model", "none", picture); r.status != 1 || !strings.Contains(r.err, "snnxray") {
		t.Errorf("no such model: %+v", r)
	}
}

func TestModelsAreListedShownAndChecked(t *testing.T) {
	if r := spikeray(t, nil, "model", "list"); r.status != 0 || !strings.HasPrefix(r.out, models.Default) {
		t.Errorf("%+v", r)
	}
	for _, name := range models.Names() {
		r := spikeray(t, nil, "model", "show", name)
		if card, _ := models.Card(name); r.status != 0 || card == "" || !strings.Contains(r.out, card) {
			t.Errorf("%+v", r)
		}
		var d struct{ Name string }
		if err := json.Unmarshal([]byte(spikeray(t, nil, "model", "show", "--json", name).out), &d); err != nil || d.Name != name {
			t.Errorf("%v: %+v", err, d)
		}
	}
	if r := spikeray(t, nil, "model", "check", models.ForBoards); r.status != 0 || !strings.Contains(r.out, "good, "+models.ForBoards) {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, "model", "check", "--json", models.Default); r.status != 0 || !strings.Contains(r.out, `"name":"spikeray"`) {
		t.Errorf("%+v", r)
	}
	dir := t.TempDir()
	file := testmodel.File("mine", nil)
	if r := spikeray(t, nil, "model", "check", write(t, file, dir, "good")); r.status != 0 || !strings.Contains(r.out, "good, mine 0.1.0") {
		t.Errorf("%+v", r)
	}
	for name, bad := range map[string][]byte{"cut": file[:len(file)-4], "empty": {}, "text": []byte("not a model at all")} {
		if r := spikeray(t, nil, "model", "check", write(t, bad, dir, name)); r.status != 1 || !strings.Contains(r.err, name) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
