package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// stage is what a scrape says of a stage's duration: how many samples, their sum, and the first bucket that has any,
// above low and at most high.
type stage struct{ count, sum, low, high float64 }

var bucket = regexp.MustCompile(`^spikeray_stage_duration_seconds_(bucket|sum|count)\{(?:le="([^"]*)",)?stage="([a-z]+)"(?:,le="([^"]*)")?\} (.*)$`)

func stages(t *testing.T, s *service) map[string]stage {
	t.Helper()
	seen := map[string]stage{}
	for line := range strings.Lines(string(s.get("/metrics").body)) {
		m := bucket.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		of := seen[m[3]]
		value, err := strconv.ParseFloat(m[5], 64)
		if err != nil {
			t.Fatal(err)
		}
		switch m[1] {
		case "count":
			of.count = value
		case "sum":
			of.sum = value
		case "bucket":
			le, err := strconv.ParseFloat(m[2]+m[4], 64)
			if err != nil {
				t.Fatal(err)
			}
			if value == 0 {
				of.low = le
			} else if of.high == 0 {
				of.high = le
			}
		}
		seen[m[3]] = of
	}
	return seen
}

// Each stage's time goes to its own histogram, in seconds, and into the answer, in milliseconds.
func TestEachStageIsToldInItsUnit(t *testing.T) {
	s := start(t, nil)
	o := outcome{waited: 40 * time.Millisecond, total: 3 * time.Second, prediction: pipeline.Prediction{
		Label: "NORMAL", Timing: pipeline.Timing{Decode: 2 * time.Millisecond, Prepare: 200 * time.Millisecond, Infer: 700 * time.Millisecond},
		Spikes: &model.SpikeStats{Total: 1234, SynapticOperations: 56789},
	}}
	s.server.count("tiny-rows", o)
	got := stages(t, s)
	for name, want := range map[string]stage{
		"queue": {1, .04, .025, .05}, "decode": {1, .002, .001, .0025}, "prepare": {1, .2, .1, .25}, "infer": {1, .7, .5, 1}, "total": {1, 3, 2.5, 5},
	} {
		if g := got[name]; !(math.Abs(g.sum-want.sum) <= 1e-9) || g.count != 1 || g.low != want.low || g.high != want.high {
			t.Errorf("%s: %+v, want %+v", name, g, want)
		}
	}
	metric(t, s, `spikeray_spikes_total{model="tiny-rows"} 1234`)
	metric(t, s, `spikeray_synaptic_operations_total{model="tiny-rows"} 56789`)
	timing := newPrediction("x", nil, s.server.config.Models.Catalogue().Default(), o).Timing
	if want := (timingDocument{Queue: 40, Decode: 2, Prepare: 200, Infer: 700, Total: 3000}); timing != want {
		t.Errorf("%+v, want %+v", timing, want)
	}
}

// slow is a back end that takes its time.
type slow time.Duration

func (slow) Name() string                                                    { return "slow" }
func (s slow) Compile(context.Context, *spike.Network) (spike.Runner, error) { return s, nil }
func (s slow) Run(context.Context, spike.Train, spike.Train, spike.RunOptions) (spike.Stats, error) {
	time.Sleep(time.Duration(s))
	return spike.Stats{NeuronSteps: 1}, nil
}

// Two pictures for one worker, each of a known time: the network's time and the second one's wait are told as such, and
// both are in the whole.
func TestARequestsTimeIsToldWhereItWasSpent(t *testing.T) {
	const took = 300 * time.Millisecond
	s := start(t, func(c *Config) {
		c.Models = pipeline.NewCatalogue(&pipeline.Entry{Model: testmodel.ForBoard(t, slow(took))})
		c.Queue = NewQueue(1, 8)
	})
	var list struct{ Predictions []listed }
	s.postForm("", testmodel.PNG(64, 64, 1), testmodel.PNG(64, 64, 2)).decode(t, &list)
	if len(list.Predictions) != 2 {
		t.Fatalf("%d answers", len(list.Predictions))
	}
	waited := 0.0
	for _, p := range list.Predictions {
		if p.Timing.Infer < 300 || p.Timing.Infer > 5000 || p.Timing.Total < p.Timing.Infer+p.Timing.Queue {
			t.Errorf("%+v", p.Timing)
		}
		waited += p.Timing.Queue
	}
	if waited < 300 || waited > 10_000 {
		t.Errorf("waited for %v ms", waited)
	}
	got := stages(t, s)
	for name, least := range map[string]float64{"infer": .6, "queue": .3, "total": .9} {
		if g := got[name]; g.count != 2 || g.sum < least || g.sum > 20*least {
			t.Errorf("%s: %+v, expected at least %v s", name, g, least)
		}
	}
	if got["decode"].sum >= .3 || got["prepare"].sum >= .3 || got["infer"].low < .25 {
		t.Errorf("%+v", got)
	}
}

// A client that keeps sending, but more slowly than it must, is cut off as one that stops is.
func TestATrickleIsCutOff(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.MinUploadRate = 100 << 10 })
	connection := dial(t, s)
	fmt.Fprint(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n")
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(100 * time.Millisecond):
				if _, err := connection.Write(make([]byte, 1000)); err != nil {
					return
				}
			}
		}
	}()
	begin := time.Now()
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 408 || a.problem(t) != "upload-timeout" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if took := time.Since(begin); took > 3*uploadWindow {
		t.Errorf("told after %v", took)
	}
}

func TestAnIdleConnectionIsClosedInItsTime(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.IdleTimeout = 200 * time.Millisecond })
	connection := dial(t, s)
	fmt.Fprint(connection, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	began := time.Now()
	if _, err := reader.ReadByte(); err != io.EOF || time.Since(began) < 100*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// Retry-After is in whole seconds, and never before the work that waits is done.
func TestRetryAfterIsInSeconds(t *testing.T) {
	s, _ := newServer(t, nil)
	for after, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2, 90 * time.Second: 90} {
		if got := s.retryAfter(&BusyError{After: after}); got != want {
			t.Errorf("%v: %d, want %d", after, got, want)
		}
	}
}
