package api

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// measuring is the Loihi emulator with a meter, which can be pulled out.
type measuring struct {
	hw.Board
	out *atomic.Bool
}

type measuringProgram struct {
	hw.Placement
	hw.Program
	out *atomic.Bool
}

func (b measuring) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	program, err := p.Load(ctx)
	return measuringProgram{p, program, b.out}, err
}

func (p measuringProgram) Report() hw.Report                        { return p.Placement.Report() }
func (p measuringProgram) Load(context.Context) (hw.Program, error) { return p, nil }
func (p measuringProgram) Quantised() (*spike.Network, bool) {
	return p.Placement.(hw.Quantised).Quantised()
}

func (p measuringProgram) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	if p.out.Load() {
		return spike.Stats{}, hw.Telemetry{}, errors.New("pulled out at 10.0.0.7")
	}
	stats, seen, err := p.Program.Measure(ctx, in, out, opt)
	energy, took := 0.25, 1500*time.Microsecond
	seen.Energy, seen.DeviceTime, seen.Saturated, seen.Link = &energy, &took, 3, &hw.Link{LostIn: 2}
	return stats, seen, err
}

// onBoard serves a model on a board that the returned switch takes out.
func onBoard(t *testing.T, fallback board.Fallback) (*service, *atomic.Bool) {
	t.Helper()
	var out atomic.Bool
	b, err := board.New(t.Context(), board.Options{
		Name: "meter", Fallback: fallback, Failures: 1, Retry: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Open: func(context.Context) (hw.Board, error) {
			b, err := loihi.Open(loihi.Options{})
			return measuring{b, &out}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	model := &pipeline.Entry{Model: testmodel.ForBoard(t, b)}
	return start(t, func(c *Config) { c.Models, c.Board = pipeline.NewCatalogue(model), b }), &out
}

type boardPrediction struct {
	Probability float64
	Backend     struct{ Name string }
	Degraded    *string
	Board       *pipeline.BoardAnswer
	Input       struct{ Warnings []string }
}

func TestAnswersSayWhatTheBoardToldAndWhyItWasNotAsked(t *testing.T) {
	s, out := onBoard(t, board.Request)
	var on, off boardPrediction
	s.post("", testmodel.PNG(60, 50, 1)).decode(t, &on)
	if on.Backend.Name != "loihi" || on.Degraded != nil || on.Board == nil || on.Board.Steps != 7 || on.Board.Saturated != 3 || on.Board.Lost != 2 ||
		*on.Board.Energy != 0.25 || *on.Board.DeviceTime != 1.5 {
		t.Errorf("%+v, board %+v", on, on.Board)
	}
	warned := strings.Join(on.Input.Warnings, "; ")
	if !strings.Contains(warned, "3 times a current or a membrane potential reached the end") || !strings.Contains(warned, "2 spikes, or packets of them, were lost") {
		t.Errorf("warnings: %s", warned)
	}
	out.Store(true)
	s.post("", testmodel.PNG(60, 50, 1)).decode(t, &off)
	if off.Backend.Name != "simulator" || off.Degraded == nil || *off.Degraded != "failed" || off.Board != nil || off.Probability != on.Probability {
		t.Errorf("%+v", off)
	}
	if a := s.get("/readyz"); a.status != 200 || !strings.Contains(string(a.body), `"name":"meter"`) {
		t.Errorf("ready: %s", a.body)
	}
	scrape := string(s.get("/metrics").body)
	for _, line := range []string{
		`spikeray_degraded_answers_total{model="tiny-board",reason="failed"} 1`,
		`spikeray_degraded_answers_total{model="tiny-board",reason="quarantined"} 0`,
	} {
		if !strings.Contains(scrape, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
}

func TestWithoutFallbackABoardThatIsAwayIsAProblemOfItsOwn(t *testing.T) {
	s, out := onBoard(t, board.Off)
	out.Store(true)
	a := s.post("", testmodel.PNG(60, 50, 1))
	if a.status != 503 || a.problem(t) != "board-unavailable" || strings.Contains(string(a.body), "10.0.0.7") {
		t.Errorf("%d: %s", a.status, a.body)
	}
	list := s.postForm("", testmodel.PNG(60, 50, 1), testmodel.PNG(60, 50, 2))
	if list.status != 200 || strings.Count(string(list.body), "urn:spikeray:problem:board-unavailable") != 2 {
		t.Errorf("%d: %s", list.status, list.body)
	}
	if a := s.get("/readyz"); a.status != 503 || a.problem(t) != "board-unavailable" {
		t.Errorf("%d: %s", a.status, a.body)
	}
	out.Store(false)
	for range 6000 {
		if s.get("/readyz").status == 200 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the board is in again, but not asked")
}
