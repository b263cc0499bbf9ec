package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// quantised is a back end that runs on the simulator what a Loihi makes of a network.
type quantised struct{ t *testing.T }

func (quantised) Name() string { return "quantised" }

func (q quantised) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	b, err := loihi.Open(loihi.Options{})
	if err != nil {
		return nil, err
	}
	placed, err := b.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	if placed.Report().Exact {
		q.t.Error("nothing is rounded")
	}
	rounded, _ := hw.Quantise(n, placed)
	return spike.Simulator{}.Compile(ctx, rounded)
}

// onQuantised is the probability that the simulator gives on the quantised network.
func onQuantised(t *testing.T, seed uint64) float64 {
	t.Helper()
	m := testmodel.ForBoard(t, quantised{t})
	picture, err := m.Prepare(testmodel.Picture(60, 50, seed))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Infer(t.Context(), picture, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Probability
}

func TestPredictOnABoard(t *testing.T) {
	dir := t.TempDir()
	file := write(t, testmodel.BoardFile("mine"), dir, "mine.safetensors")
	var pictures []string
	for seed := range uint64(24) {
		pictures = append(pictures, write(t, testmodel.PNG(60, 50, seed), dir, string(rune('a'+seed))+".png"))
	}
	args := append([]string{"predict", "--json", "--model", file}, pictures...)
	simulator := lines(t, spikeray(t, nil, args...).out)
	r := spikeray(t, nil, append(args, "--board=loihi", "--board-option=chip=loihi1;chips=2")...)
	board := lines(t, r.out)
	if r.status != 0 || len(board) != 24 || len(simulator) != 24 {
		t.Fatalf("%+v", r)
	}
	differ := 0
	for i := range board {
		if want := onQuantised(t, uint64(i)); *board[i].Probability != want || board[i].Backend.Name != "loihi" || board[i].Degraded != "" {
			t.Errorf("%+v, expected %v", board[i], want)
		}
		if simulator[i].Backend.Name != "simulator" {
			t.Errorf("%+v", simulator[i])
		}
		if *simulator[i].Probability != *board[i].Probability {
			differ++
		}
	}
	if differ == 0 {
		t.Error("rounding has changed nothing")
	}
}

func TestABoardThatCannotRunTheModelIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	file, err := models.Open("snnxray")
	if err != nil {
		t.Fatal(err)
	}
	snnxray := write(t, file, dir, "snnxray.safetensors")
	picture := write(t, testmodel.PNG(60, 50, 1), dir, "x.png")
	for _, args := range [][]string{
		{"serve", "--addr=127.0.0.1:0", "--model=snnxray", "--board=loihi"},
		{"serve", "--addr=127.0.0.1:0", "--model=snnxray", "--board=loihi", "--board-fallback=request"},
		{"predict", "--model=snnxray", "--board=loihi", picture},
		{"model", "check", "--board=loihi", snnxray},
	} {
		r := spikeray(t, nil, args...)
		if r.status != 1 || !strings.Contains(r.err, "rows") || !strings.Contains(r.err, `"pool2"`) || !strings.Contains(r.err, "max-pooling") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	for _, args := range [][]string{
		{"predict", "--model=cnnxray", "--board=loihi", picture},
		{"predict", "--board=none", picture},
		{"predict", "--board=loihi", "--board-option=chip=loihi3", picture},
		{"predict", "--board=loihi", "--board-option=colour=red", picture},
		{"predict", "--board=remote", picture},
		{"model", "check", "--board=none", snnxray},
		// Nobody listens there, and it is not known what the board would have run.
		{"predict", "--board=remote", "--board-option=url=http://127.0.0.1:1", "--board-fallback=start", picture},
	} {
		if r := spikeray(t, nil, args...); r.status != 1 || r.err == "" {
			t.Errorf("%q: %+v", args, r)
		}
	}
	r := spikeray(t, nil, "predict", "--board=remote", "--board-option=url=http://127.0.0.1:1", picture)
	if r.status != 1 || strings.Contains(r.err, "cannot run") || !strings.Contains(r.err, "not available") {
		t.Errorf("a board that is not there: %+v", r)
	}
	for _, args := range [][]string{
		{"predict", "--board=loihi", "--board-fallback=never", picture}, {"predict", "--board-timeout=0s", picture},
		{"serve", "--board-failures=0"}, {"serve", "--board=loihi", "--board-timeout=20s"}, {"evaluate", "--board-canary-tolerance=1", dir},
	} {
		if r := spikeray(t, nil, args...); r.status != 2 {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

func TestServeHeedsSignalsWhileItLooksForItsBoard(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	var logs bytes.Buffer
	p := exec.Command(os.Args[0], "--addr=127.0.0.1:0", "--model="+file, "--board=remote", "--board-start-timeout=10m",
		"--board-option=timeout=10m", "--board-option=url=http://"+silent.Addr().String())
	p.Env, p.Stderr = append(os.Environ(), asProgram+"=1"), &logs
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(time.Minute, func() { _ = p.Process.Kill() }).Stop()
	asked, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} { // there is no quarantine to lift yet
		if err := p.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Wait(); err != nil || !strings.Contains(logs.String(), "stopped") {
		t.Errorf("%v\n%s", err, &logs)
	}
}

func TestModelCheckReportsWhatABoardMakesOfIt(t *testing.T) {
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	r := spikeray(t, nil, "model", "check", "--board=loihi", file)
	if r.status != 0 || !strings.Contains(r.out, "good, mine") || !strings.Contains(r.out, "fits loihi") || !strings.Contains(r.out, "cores: 1 of 128") {
		t.Errorf("%+v", r)
	}
	r = spikeray(t, nil, "model", "check", "--board=loihi", "--json", file)
	var report hw.Report
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || len(report.Layers) != 1 || report.Layers[0].RoundedWeights == 0 {
		t.Errorf("%v: %+v", err, r)
	}
}

// TestTheSimulatorAnswersForABoardThatIsNotThere has a board host that nobody started, and the word that it is like a Loihi.
func TestTheSimulatorAnswersForABoardThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	file := write(t, testmodel.BoardFile("mine"), dir, "mine.safetensors")
	picture := write(t, testmodel.PNG(60, 50, 2), dir, "x.png")
	r := spikeray(t, nil, "predict", "--json", "--model", file, "--board=remote", "--board-fallback=start",
		"--board-option=url=http://127.0.0.1:1", "--board-option=like=loihi", picture)
	got := lines(t, r.out)
	if r.status != 0 || len(got) != 1 {
		t.Fatalf("%+v", r)
	}
	if want := onQuantised(t, 2); *got[0].Probability != want || got[0].Backend.Name != "simulator" || got[0].Degraded != "unavailable" {
		t.Errorf("%+v, expected %v", got[0], want)
	}
}

func TestServeOnABoard(t *testing.T) {
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	p := serve(t, []string{"SPIKERAY_BOARD=loihi", "SPIKERAY_BOARD_OPTION=chip=loihi1;chips=1", "SPIKERAY_MODEL=" + file})
	waitFor(t, p, `spikeray_board_state{board="loihi",state="closed"} 1`)
	for _, name := range []string{"mine", models.Default} {
		response, err := http.Post(p.url+"/v1/predictions?model="+name, "application/octet-stream", bytes.NewReader(testmodel.PNG(60, 50, 3)))
		if err != nil {
			t.Fatal(err)
		}
		var a struct {
			Probability float64
			Backend     struct{ Name string }
			Degraded    *string
			Board       *struct{ Steps int }
		}
		if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		board := name == "mine"
		if a.Degraded != nil || (a.Board != nil) != board || (a.Backend.Name == "loihi") != board {
			t.Errorf("%s: %+v", name, a)
		}
		if board && a.Probability != onQuantised(t, 3) {
			t.Errorf("%+v, expected %v", a, onQuantised(t, 3))
		}
	}
	alerts, err := os.ReadFile("../../deploy/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, `spikeray_board_canaries_total{board="loihi",right="true"} 1`)
	response, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	scrape, _ := io.ReadAll(response.Body)
	response.Body.Close()
	for _, name := range regexp.MustCompile(`spikeray_(?:board|degraded)_[a-z_]+`).FindAllString(string(alerts), -1) {
		if !strings.Contains(string(scrape), "\n"+name+"{") && !strings.Contains(string(scrape), "\n"+name+" ") {
			t.Errorf("alerts.yml names %s, which the server does not have", name)
		}
	}
	response, err = http.Get(p.url + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !strings.Contains(string(body), `"board":{"name":"loihi","state":"closed"}`) {
		t.Errorf("ready: %s", body)
	}
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil { // lifts a quarantine, and is not the end
		t.Fatal(err)
	}
	p.predict(t, testmodel.PNG(60, 50, 3))
	status, logs := p.end(t)
	if status != 0 || !strings.Contains(logs, `"msg":"stopped"`) {
		t.Errorf("status %d\n%s", status, logs)
	}
}

func TestEvaluateOnABoard(t *testing.T) {
	dir := t.TempDir()
	file := write(t, testmodel.BoardFile("mine"), dir, "mine.safetensors")
	for seed := range uint64(4) {
		write(t, testmodel.PNG(60, 50, seed), dir, "set", []string{normal, pneumonia}[seed%2], string(rune('a'+seed))+".png")
	}
	for _, c := range [][]string{
		{"loihi", "--board=loihi"},
		{"remote", "--board=remote", "--board-fallback=request", "--board-option=url=http://127.0.0.1:1", "--board-option=like=loihi"},
	} {
		r := spikeray(t, nil, append([]string{"evaluate", "--json", "--bootstrap=0", "--model", file, dir + "/set"}, c[1:]...)...)
		var e struct {
			Backend  pipeline.Backend
			Degraded map[string]int
		}
		if err := json.Unmarshal([]byte(r.out), &e); err != nil || r.status != 0 || e.Backend.Name != c[0] ||
			(e.Degraded["unavailable"] == 4) != slices.Contains(c, "--board=remote") {
			t.Errorf("%q: %v, %+v, %+v", c, err, e, r)
		}
	}
}
