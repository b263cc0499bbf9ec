package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
)

// folder has n pictures of each class.
func folder(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		write(t, testmodel.PNG(80, 60, uint64(i)), dir, "NORMAL", fmt.Sprintf("%d.png", i))
		write(t, testmodel.JPEG(60, 80, uint64(100+i)), dir, "PNEUMONIA", fmt.Sprintf("%d.jpeg", i))
	}
	write(t, []byte("not for us"), dir, "NORMAL", ".DS_Store")
	return dir
}

func TestEvaluateIsWhatPredictSays(t *testing.T) {
	dir := folder(t, 6)
	const threshold = 0.4
	r := spikeray(t, nil, "evaluate", "--json", fmt.Sprint("--threshold=", threshold), dir)
	if r.status != 0 || r.err != "" {
		t.Fatalf("%+v", r)
	}
	var got struct {
		N                     int
		Accuracy, Brier       float64
		Confusion             [2][2]int
		Intervals             map[string][2]float64
		Model                 pipeline.ModelReference
		Unread                []unread
		Sensitivity           *float64
		Specificity, AUC, ECE *float64
		F1Pneumonia           *float64 `json:"f1_pneumonia"`
		F1Weighted            *float64 `json:"f1_weighted"`
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Sensitivity == nil || got.Specificity == nil || got.AUC == nil || got.ECE == nil || got.F1Pneumonia == nil || got.F1Weighted == nil {
		t.Errorf("a statistic is missing: %s", r.out)
	}

	var want [2][2]int
	var squares float64
	for class, name := range []string{normal, pneumonia} {
		files, err := filepath.Glob(filepath.Join(dir, name, "*.*g"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range lines(t, spikeray(t, nil, slices.Concat([]string{"predict", "--json"}, files)...).out) {
			answer := 0
			if *p.Probability >= threshold {
				answer = 1
			}
			want[class][answer]++
			squares += (*p.Probability - float64(class)) * (*p.Probability - float64(class))
		}
	}
	if got.N != 12 || got.Confusion != want || got.Accuracy != float64(want[0][0]+want[1][1])/12 {
		t.Errorf("got %+v, want the confusion %v", got, want)
	}
	if d := got.Brier - squares/12; d > 1e-12 || d < -1e-12 {
		t.Errorf("Brier %v, want %v", got.Brier, squares/12)
	}
	if i := got.Intervals["accuracy"]; i[0] > got.Accuracy || i[1] < got.Accuracy || len(got.Intervals) != 10 {
		t.Errorf("accuracy %v in %v of %v", got.Accuracy, i, got.Intervals)
	}
	if got.Model.Name != models.Default || len(got.Unread) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestEvaluateListsWhatItCannotReadAndFails(t *testing.T) {
	dir := folder(t, 2)
	bad := write(t, []byte("no picture"), dir, "NORMAL", "bad.png")
	r := spikeray(t, nil, "evaluate", dir)
	if r.status != 1 || !strings.Contains(r.err, bad) || !strings.Contains(r.err, "1 of 5") || !strings.Contains(r.out, "4 pictures") {
		t.Errorf("%+v", r)
	}
	r = spikeray(t, nil, "evaluate", "--json", "--bootstrap=0", dir)
	var got struct {
		N      int
		Unread []unread
	}
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.status != 1 || got.N != 4 || len(got.Unread) != 1 || got.Unread[0].File != bad {
		t.Errorf("%v: %+v from %+v", err, got, r)
	}
}

func TestEvaluateWantsBothFolders(t *testing.T) {
	dir := t.TempDir()
	write(t, testmodel.PNG(64, 64, 1), dir, "NORMAL", "1.png")
	if r := spikeray(t, nil, "evaluate", dir); r.status != 1 || !strings.Contains(r.err, "PNEUMONIA") {
		t.Errorf("%+v", r)
	}
}

func TestEvaluateDrawsAsManySamplesAsItIsTold(t *testing.T) {
	dir, model := folder(t, 6), gatedModel(t)
	interval := func(samples string) [2]float64 {
		t.Helper()
		var got struct{ Intervals map[string][2]float64 }
		r := spikeray(t, nil, "evaluate", "--json", "--model", model, "--bootstrap="+samples, dir)
		if err := json.Unmarshal([]byte(r.out), &got); err != nil || r.status != 0 || (len(got.Intervals) == 0) != (samples == "0") {
			t.Fatalf("%s samples: %+v, %v", samples, r, err)
		}
		return got.Intervals["brier"]
	}
	interval("0")
	if one, many := interval("1"), interval("400"); one[0] != one[1] || many[0] >= many[1] {
		t.Errorf("one sample from %v to %v, 400 from %v to %v", one[0], one[1], many[0], many[1])
	}
}
