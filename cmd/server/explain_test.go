package main

import (
	"archive/zip"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// explanation is a file explanation.json.
type explanation struct {
	Prediction predicted
	evidence.Evidence
}

func TestPredictWritesEvidence(t *testing.T) {
	dir := t.TempDir()
	one, odd := write(t, testmodel.PNG(300, 200, 1), dir, "one.png"), write(t, testmodel.JPEG(200, 300, 2), dir, "a=b ../ü.jpeg")
	to := filepath.Join(dir, "new", "evidence")
	plain := spikeray(t, nil, "predict", "--json", one, odd, one)
	r := spikeray(t, nil, "predict", "--json", "--explain", to, "--positions=16", "--fill=blur", one, odd, one)
	if r.status != 0 || r.out != plain.out {
		t.Fatalf("%+v, without evidence %+v", r, plain)
	}
	answers := lines(t, r.out)
	folders, err := os.ReadDir(to)
	if err != nil || len(folders) != 3 {
		t.Fatalf("%d folders, %v", len(folders), err)
	}
	for i, name := range []string{"0001-one", "0002-_", "0003-one"} {
		folder := filepath.Join(to, name)
		data, err := os.ReadFile(filepath.Join(folder, "explanation.json"))
		if err != nil {
			t.Fatal(err)
		}
		var e explanation
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		if e.Prediction.File != answers[i].File || *e.Prediction.Probability != *answers[i].Probability || e.Notice != evidence.Notice {
			t.Errorf("%s: %+v, expected %+v", name, e.Prediction, answers[i])
		}
		if e.Occlusion.Positions != 16 || len(e.Occlusion.Fills) != 1 || e.Occlusion.Fills[0].Fill != evidence.FillBlur {
			t.Errorf("%s: %+v", name, e.Occlusion)
		}
		if odds := e.Anytime[len(e.Anytime)-1].LogOdds; e.Activation.LogOdds != *odds || math.Abs(1/(1+math.Exp(-*odds))-*answers[i].RawProbability) > 1e-12 {
			t.Errorf("%s: evidence of another answer: %v, %v", name, *odds, *answers[i].RawProbability)
		}
		if len(e.Pictures) != 5 {
			t.Errorf("%s: %d pictures", name, len(e.Pictures))
		}
		for _, p := range e.Pictures {
			file, err := os.Open(filepath.Join(folder, p.File))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := png.Decode(file); err != nil || p.PNG != nil {
				t.Errorf("%s, %s: %v", name, p.File, err)
			}
			file.Close()
		}
		npz, err := zip.OpenReader(filepath.Join(folder, "raster.npz"))
		if err != nil || len(npz.File) != len(e.Spikes.Layers) {
			t.Fatalf("%s: %v", name, err)
		}
		npz.Close()
		table, err := os.ReadFile(filepath.Join(folder, "raster.csv"))
		if err != nil || !strings.HasPrefix(string(table), "layer,step,") || strings.Count(string(table), "\n") < 1000 {
			t.Errorf("%s: %.40s, %v", name, table, err)
		}
	}
}

func TestEvidenceIsOfAsManyStepsAsTheAnswer(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, testmodel.PNG(300, 200, 1), dir, "x.png")
	if r := spikeray(t, nil, "predict", "--explain", dir, "--positions=16", "--steps=1", picture); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	data, err := os.ReadFile(filepath.Join(dir, "0001-x", "explanation.json"))
	var e explanation
	if err := json.Unmarshal(data, &e); err != nil || len(e.Anytime) != 1 || len(e.Activation.Steps) != 1 {
		t.Errorf("%d answers, %v", len(e.Anytime), err)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestEvidenceThatCannotBeWrittenIsAnError(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, testmodel.PNG(300, 200, 1), dir, "x.png")
	if r := spikeray(t, nil, "predict", "--explain", picture, picture); r.status != 1 || !strings.Contains(r.err, "--explain: ") {
		t.Errorf("a file for the folder: %+v", r)
	}
	write(t, nil, dir, "0001-x") // where the picture's folder should be
	if r := spikeray(t, nil, "predict", "--json", "--explain", dir, "--positions=16", picture); r.status != 1 || !strings.Contains(r.out, "explain: ") {
		t.Errorf("a file for the picture's folder: %+v", r)
	}
	for _, flag := range []string{"--positions=63", "--fill=black"} {
		if r := spikeray(t, nil, "predict", "--explain", dir, flag, picture); r.status == 0 {
			t.Errorf("%s: %+v", flag, r)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); slices.Contains(left, filepath.Join(dir, "0001-x", "explanation.json")) {
		t.Errorf("written: %q", left)
	}
}
