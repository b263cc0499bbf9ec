package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/site/sitetest"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// folderOf is a folder of models with a small model "tiny" in these versions.
func folderOf(t *testing.T, versions ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i, version := range versions {
		write(t, variant(t, testmodel.GatedFile("tiny"), version, float64(i)), dir, "tiny", version, "model.safetensors")
	}
	return dir
}

func TestModelUseChoosesWhatServersUse(t *testing.T) {
	dir := folderOf(t, "1.0.0", "1.1.0", "2.0.0")
	write(t, []byte("no model"), dir, "tiny", "3.0.0", "model.safetensors")
	current := filepath.Join(dir, "tiny", "current")
	for _, step := range []struct {
		args          []string
		status        int
		out, err, now string
	}{
		{[]string{"use", dir, "tiny", "previous"}, 0, "tiny 1.1.0\n", "", "1.1.0\n"},
		{[]string{"use", dir, "tiny", "1.0.0"}, 0, "tiny 1.0.0\n", "", "1.0.0\n"},
		{[]string{"use", dir, "tiny", "3.0.0"}, 1, "", "model tiny 3.0.0: model file: header", "1.0.0\n"},
		{[]string{"use", dir, "tiny", "4.0.0"}, 1, "", "not in the model repository", "1.0.0\n"},
		{[]string{"use", dir, "none", "1.0.0"}, 1, "", "not in the model repository", "1.0.0\n"},
		{[]string{"use", dir, "tiny", "previous"}, 1, "", "a version of model tiny before 1.0.0 is not in the model repository", "1.0.0\n"},
		{[]string{"use", dir, "tiny"}, 2, "", "<version>", "1.0.0\n"},
		{[]string{"use", dir, "tiny", "newest"}, 0, "tiny 2.0.0\n", "", ""},
	} {
		r := spikeray(t, nil, append([]string{"model"}, step.args...)...)
		now, _ := os.ReadFile(current)
		if r.status != step.status || r.out != step.out || !strings.Contains(r.err, step.err) || string(now) != step.now {
			t.Errorf("%q: %+v, and current is %q", step.args[1:], r, now)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tiny", ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestAChoiceThatIsBadCanBeMended also where it is the default model's, without which a server does not start.
func TestAChoiceThatIsBadCanBeMended(t *testing.T) {
	dir := t.TempDir()
	write(t, variant(t, testmodel.GatedFile(models.Default), "9.9.9", 0), dir, models.Default, "9.9.9", "model.safetensors")
	for choice, mends := range map[string]string{"9.9.8": "9.9.9", "latest": "newest"} { // one is not there, the other is no version
		write(t, []byte(choice+"\n"), dir, models.Default, "current")
		if r := spikeray(t, nil, "model", "folder", dir); r.status != 1 || !strings.Contains(r.out, "cnnxray") || !strings.Contains(r.out, choice) {
			t.Errorf("%q: %+v", choice, r)
		}
		if r := spikeray(t, nil, "model", "use", dir, models.Default, mends); r.status != 0 || r.out != models.Default+" 9.9.9\n" {
			t.Errorf("%q: %+v", choice, r)
		}
	}
}

func TestModelFolderTellsWhatIsGood(t *testing.T) {
	dir := folderOf(t, "1.0.0", "2.0.0")
	if r := spikeray(t, nil, "model", "folder", dir); r.status != 0 || !strings.Contains(r.out, "tiny") {
		t.Errorf("%+v", r)
	}
	write(t, []byte("no model"), dir, "tiny", "3.0.0", "model.safetensors")
	r := spikeray(t, nil, "model", "folder", "--json", dir)
	found := map[string]folderVersion{}
	for line := range strings.Lines(r.out) {
		var v folderVersion
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		found[v.Name+" "+v.Version] = v
	}
	if v := found["tiny 2.0.0"]; !v.Serves || v.Checked != repository.CheckTiers || r.status != 1 {
		t.Errorf("status %d, %+v", r.status, v)
	}
	if v := found["tiny 3.0.0"]; v.Serves || v.Error == "" {
		t.Errorf("%+v", v)
	}
	if v := found["tiny 1.0.0"]; v.Serves || v.Error != "" || v.Digest == "" {
		t.Errorf("%+v", v)
	}
}

func TestModelCanaryIsWhatAServerChecks(t *testing.T) {
	for _, name := range models.Names() {
		r := spikeray(t, nil, "model", "canary", name)
		c, err := repository.ParseCanary([]byte(r.out))
		if r.status != 0 || err != nil || c.Model.Name != name || len(c.Pictures) != 2 {
			t.Errorf("%s: %d %v %s", name, r.status, err, r.err)
		}
	}
	dir := folderOf(t, "1.0.0")
	file := filepath.Join(dir, "tiny", "1.0.0", "model.safetensors")
	canary := spikeray(t, nil, "model", "canary", file).out
	write(t, []byte(canary), dir, "tiny", "1.0.0", "canary.json")
	if r := spikeray(t, nil, "model", "folder", "--json", dir); r.status != 0 || !strings.Contains(r.out, `"checked":"canary"`) {
		t.Errorf("%+v", r)
	}
}

// served asks a process for the version that answers.
func (p *process) version(t *testing.T, query string) string {
	t.Helper()
	response, err := http.Post(p.url+"/v1/predictions"+query, "application/octet-stream", bytes.NewReader(testmodel.PNG(200, 200, 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var a named
	if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a.Model.Name + " " + a.Model.Version
}

func TestHangupHasServersUseTheVersionThatIsChosen(t *testing.T) {
	dir := folderOf(t, "1.0.0", "2.0.0")
	p := serve(t, nil, "--models="+dir, "--default-model=tiny", "--models-poll=0")
	if got := p.version(t, ""); got != "tiny 2.0.0" {
		t.Errorf("%s answers", got)
	}
	if got := p.version(t, "?model="+models.Default); !strings.HasPrefix(got, models.Default+" ") {
		t.Errorf("%s answers", got)
	}
	if r := spikeray(t, nil, "model", "use", dir, "tiny", "previous"); r.status != 0 {
		t.Fatalf("%+v", r)
	}
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); p.version(t, "") != "tiny 1.0.0"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the version that was chosen does not serve")
		}
	}
	if n := p.metric(t, `spikeray_model_loads_total{result="loaded"}`); n != 1 {
		t.Errorf("%v loads since the start", n)
	}
	if n := p.metric(t, `spikeray_model_load_failed{model="tiny"}`); n != 0 {
		t.Errorf("a load has failed: %v", n)
	}
	if status, logs := p.end(t); status != 0 || !strings.Contains(logs, `"msg":"model swapped"`) || strings.Contains(logs, dir) {
		t.Errorf("status %d\n%s", status, logs)
	}
}

func TestACalibrationBelongsToAVersion(t *testing.T) {
	// A place's calibration of the shipped model does not fit another version of it.
	shipped, err := models.Open(models.Default)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, variant(t, shipped, "9.9.9", 0), dir, models.Default, "9.9.9", "model.safetensors")
	own, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file, _ := sitetest.Made(t, own.Model)
	calibration := write(t, file, t.TempDir(), "ward.json")
	p := serve(t, nil, "--models="+dir, "--models-poll=0", "--calibration="+calibration)
	if got := p.version(t, ""); got == models.Default+" 9.9.9" {
		t.Error("a version without a calibration has taken the place of one with")
	}
	if n := p.metric(t, `spikeray_model_load_failed{model="`+models.Default+`"}`); n != 1 {
		t.Errorf("it is not said to have failed: %v", n)
	}
	p.end(t)
	// With one for that version beside it, it does.
	next, err := pipeline.OpenModel(t.Context(), filepath.Join(dir, models.Default, "9.9.9", "model.safetensors"), model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	file, _ = sitetest.Made(t, next.Model)
	write(t, file, dir, models.Default, "9.9.9", "calibration.json")
	p = serve(t, nil, "--models="+dir, "--models-poll=0", "--calibration="+calibration)
	if got := p.version(t, ""); got != models.Default+" 9.9.9" {
		t.Errorf("%s answers", got)
	}
	p.end(t)
}

func TestABoardKeepsTheModelThatItHas(t *testing.T) {
	dir := t.TempDir()
	file := testmodel.BoardFile("tiny-board")
	write(t, variant(t, file, "1.0.0", 0), dir, "tiny-board", "1.0.0", "model.safetensors")
	board := []string{"--board=loihi", "--board-option=chip=loihi1", "--models=" + dir, "--models-poll=0", "--models-api", "--model-versions=2"}
	p := serve(t, nil, append(board, "--default-model=tiny-board")...)
	if p.first["backend"] != "loihi" || p.first["version"] != "1.0.0" {
		t.Errorf("%v", p.first)
	}
	write(t, variant(t, file, "2.0.0", 0), dir, "tiny-board", "2.0.0", "model.safetensors")
	write(t, variant(t, testmodel.GatedFile("tiny"), "1.0.0", 0), dir, "tiny", "1.0.0", "model.safetensors")
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); p.version(t, "?model=tiny") != "tiny 1.0.0"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("another model is not loaded beside the board's")
		}
	}
	r, err := http.Post(p.url+"/v1/models/tiny-board/load?version=2.0.0", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if text, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusConflict || !strings.Contains(string(text), "after a restart") {
		t.Errorf("%d %s", r.StatusCode, text)
	}
	if got := p.version(t, ""); got != "tiny-board 1.0.0" {
		t.Errorf("%s answers", got)
	}
	if n := p.metric(t, `spikeray_model_load_failed{model="tiny-board"}`); n != 1 {
		t.Errorf("it is not told that a version waits for a restart: %v", n)
	}
	p.end(t)
	p = serve(t, nil, append(board, "--default-model=tiny-board")...)
	if p.first["backend"] != "loihi" || p.first["version"] != "2.0.0" {
		t.Errorf("after a restart: %v", p.first)
	}
	if got := p.version(t, "?version=1.0.0"); got != " " {
		t.Errorf("%s answers without the board", got)
	}
	p.end(t)
	// A version that the board cannot run is not replaced by an older one on the simulator.
	write(t, variant(t, testmodel.File("tiny-board", nil), "3.0.0", 0), dir, "tiny-board", "3.0.0", "model.safetensors")
	if r := spikeray(t, nil, append([]string{"serve"}, append(board, "--default-model=tiny-board")...)...); r.status != 1 || r.err == "" {
		t.Errorf("%+v", r)
	}
	if r := spikeray(t, nil, append([]string{"serve"}, append(board, "--default-model=none")...)...); r.status != 1 || !strings.Contains(r.err, `"none" is neither in`) {
		t.Errorf("%+v", r)
	}
}
