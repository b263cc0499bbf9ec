package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
)

func TestWhatWouldBeIgnoredIsRefused(t *testing.T) {
	for _, c := range []struct {
		args  string
		wants string
	}{
		{"serve --addr=:1 --addr=:2", "--addr is given 2 times"},
		{"serve --gate=off --gate=flag", "--gate is given 2 times"},
		{"predict --model=snnxray --model=cnnxray x.png", "--model is given 2 times"},
		{"predict --json --json x.png", "--json is given 2 times"},
		{"predict --json --csv x.png", "give --json or --csv, not both"},
		{"predict --steps=0 x.png", "--steps must be above 0, not 0"},
		{"evaluate --bits=0 .", "--bits must be 8 to 16, not 0"},
		{"predict --positions=16 x.png", "--positions needs --explain"},
		{"predict --fill=blur x.png", "--fill needs --explain"},
		{"evaluate --rows .", "--rows needs --json"},
		{"serve --board-timeout=1s", "--board-timeout needs --board"},
		{"predict --board-queue=3 x.png", "--board-queue needs --board"},
		{"serve --max-bytes=65M", "more than --max-request-bytes"},
		{"serve --max-request-bytes=9M --max-upload-memory=8M", "more than the memory for uploads"},
		{"serve --max-bytes=9M --max-upload-memory=8M", "more than two thirds of the memory for uploads"},
		{"serve --workers=2 --queue=1 --max-images=4", "--max-images is 4, must be at most 3"},
	} {
		if r := spikeray(t, nil, strings.Fields(c.args)...); r.status != 2 || !strings.Contains(r.err, c.wants) {
			t.Errorf("%s: %+v, want %q", c.args, r, c.wants)
		}
	}
	early := write(t, testmodel.EarlyFile("tiny-early"), t.TempDir(), "early.safetensors")
	for args, wants := range map[string]string{
		"serve --model=snnxray --gate=refuse":                               "snnxray has no gate",
		"predict --model=snnxray --gate=refuse x.png":                       "snnxray has no gate",
		"serve --operating-point=none":                                      "those of spikeray are",
		"serve --model=spikeray --model=snnxray --operating-point=balanced": "snnxray has no operating points",
		"serve --model=snnxray --model=snnxray":                             "the same name, snnxray",
		"serve --board=loihi":                                               "--model " + models.ForBoards,
		"model check --board=loihi spikeray":                                "--model " + models.ForBoards,
		"board selftest --board=loihi":                                      "--model " + models.ForBoards,
		"predict --model=" + early + " --steps=1 --threshold=0.5 x.png":     "not calibrated for 1 of its 4 steps",
	} {
		if r := spikeray(t, nil, strings.Fields(args)...); r.status != 1 || !strings.Contains(r.err, wants) {
			t.Errorf("%s: %+v, want %q", args, r, wants)
		}
	}
}

func TestVariablesThatAreNotHeededAreRefused(t *testing.T) {
	for _, c := range []struct{ variable, args, wants string }{
		{"SPIKERAY_WORKER=3", "serve", "did you mean SPIKERAY_WORKERS?"},
		{"SPIKERAY_OPERATINGPOINT=x", "serve", "SPIKERAY_OPERATING_POINT"},
		{"SPIKERAY_TRESHOLD=0.4", "predict x.png", "SPIKERAY_THRESHOLD"},
		{"spikeray_addr=:1", "model list", "SPIKERAY_ADDR"},
		{"spikeray_threshold=1", "model list", "did you mean SPIKERAY_THRESHOLD?"},
		{"SPIKERAY_STEPS=0", "predict x.png", "--steps must be above 0"},
		{"SPIKERAY_PORT=9000", "serve", "unknown environment variable SPIKERAY_PORT"},
		{"SPIKERAY_STEPS=1", "serve", "serve has no --steps; a request can set it with ?steps="},
		{"SPIKERAY_PREVALENCE=0.1", "serve", "?prevalence="},
		{"SPIKERAY_PREVALENCE=0.1", "evaluate .", "evaluate has no --prevalence"},
		{"SPIKERAY_BOARD_TIMEOUT=1s", "serve", "SPIKERAY_BOARD_TIMEOUT needs --board"},
		{"SPIKERAY_MAX_BYTES=65M", "serve", "more than --max-request-bytes"},
	} {
		t.Run(c.variable, func(t *testing.T) {
			name, value, _ := strings.Cut(c.variable, "=")
			t.Setenv(name, value)
			if r := spikeray(t, nil, strings.Fields(c.args)...); r.status != 2 || !strings.Contains(r.err, c.wants) {
				t.Errorf("%s, %s: %+v, want %q", c.variable, c.args, r, c.wants)
			}
		})
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	for _, variable := range []string{
		"SPIKERAY=/bin/spikeray", "SPIKERAY_BIN=/bin/spikeray", "SPIKERAY_BOARDHOST_PYTHON=python3", "SPIKERAY_TEST_AS_PROGRAM=",
		"SPIKERAY_TIMEOUT=3s", "SPIKERAY_ADDR=0.0.0.0:8080", // a container's, for its server and its health check
		"SPIKERAY_PORT=tcp://10.0.0.1:80", "SPIKERAY_PORT_80_TCP=tcp://10.0.0.1:80", "SPIKERAY_BLUE_PORT_80_TCP=tcp://10.0.0.1:80",
	} {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	if r := spikeray(t, nil, "version"); r.status != 0 {
		t.Errorf("%+v", r)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	for _, variable := range []string{"SPIKERAY_SERVICE_HOST=10.0.0.1", "SPIKERAY_SERVICE_PORT=80", "SPIKERAY_SERVICE_PORT_HTTP=80", "SPIKERAY_PORT_80_TCP_ADDR=10.0.0.1"} {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	if r := spikeray(t, nil, "version"); r.status != 0 {
		t.Errorf("%+v", r)
	}
}

// What the project's own scripts and manifests export must not keep the servers from starting that they start.
func TestScriptsExportWhatTheProgramKnows(t *testing.T) {
	var c commands
	known, seen := variables(newParser(&c).Model), 0
	for _, root := range []string{"../../deploy", "../../.ci", "../../Dockerfile"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for _, name := range regexp.MustCompile(`SPIKERAY_[A-Z][A-Z_]*`).FindAllString(string(text), -1) {
				if seen++; !known[name] && !foreign(name, "tcp://10.0.0.1:80") {
					t.Errorf("%s names %s", path, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 10 {
		t.Errorf("only %d variables seen", seen)
	}
}

func TestHangupEndsNoServer(t *testing.T) {
	p := serve(t, nil)
	for range 3 {
		if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	p.predict(t, testmodel.PNG(300, 200, 1))
	if status, logs := p.end(t); status != 0 || !strings.Contains(logs, "SIGHUP ignored") {
		t.Errorf("status %d\n%s", status, logs)
	}
}

func TestServeTakesSeveralModels(t *testing.T) {
	mine := write(t, testmodel.GatedFile("mine"), t.TempDir(), "mine.safetensors")
	for _, c := range [][]string{
		{"--model=" + mine, "--model=" + models.ForBoards}, {"--model=" + mine + ";" + models.ForBoards},
	} {
		p := serve(t, []string{"SPIKERAY_OPERATING_POINT=screening"}, c...)
		if p.first["model"] != "mine" {
			t.Errorf("%q: %v", c, p.first)
		}
		for query, want := range map[string]string{"": `"threshold":0.2,"operating_point":"screening"`, "?operating_point=balanced": `"threshold":0.5`,
			"?model=" + models.ForBoards: `"operating_point":"screening"`, "?threshold=0.75": `"threshold":0.75,"operating_point":null`} {
			response, err := http.Post(p.url+"/v1/predictions"+query, "image/png", bytes.NewReader(testmodel.PNG(200, 200, 1)))
			if err != nil {
				t.Fatal(err)
			}
			var body bytes.Buffer
			_, _ = body.ReadFrom(response.Body)
			response.Body.Close()
			if response.StatusCode != 200 || !strings.Contains(body.String(), want) {
				t.Errorf("%q %s: %d %s", c, query, response.StatusCode, body.String())
			}
		}
		p.end(t)
	}
}

// The program, the interface and the image's label say one version.
func TestOneVersion(t *testing.T) {
	want := "spikeray " + telemetry.Version
	for _, args := range [][]string{{"version"}, {"--version"}, {"predict", "--version"}} {
		if r := spikeray(t, nil, args...); r.status != 0 || !strings.HasPrefix(r.out, want+" ") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	for file, line := range map[string]string{"../../api/openapi.yaml": `(?m)^  version: (.*)$`, "../../Dockerfile": `(?m)^ARG VERSION=(.*)$`} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(line).FindAllStringSubmatch(string(text), -1)
		if len(found) != 1 || found[0][1] != telemetry.Version {
			t.Errorf("%s: %q, want %s", file, found, telemetry.Version)
		}
	}
	if b := telemetry.ReadBuild("v9.8.7", "abc"); b.Version != "v9.8.7" || b.Revision != "abc" || b.GoVersion == "" {
		t.Errorf("%+v", b)
	}
}
