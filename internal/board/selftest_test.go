package board

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/hw/loihi"
	"github.com/spikeray/spikeray/pkg/spike"
)

// wrongBoard is a Loihi on which spoil has a go at every run, and which says that it saturated; vague, it does not tell what it makes of a network.
type wrongBoard struct {
	hw.Board
	vague bool
	spoil func(run int, out spike.Train, rec *spike.Recorder) error
}

func (b *wrongBoard) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	p, err := b.Board.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	return &wrongProgram{placed: p, board: b}, nil
}

type wrongProgram struct {
	hw.Program
	placed hw.Placement
	board  *wrongBoard
	runs   int
}

func (p *wrongProgram) Report() hw.Report {
	r := p.placed.Report()
	r.Exact = r.Exact && !p.board.vague
	return r
}

func (p *wrongProgram) Load(ctx context.Context) (_ hw.Program, err error) {
	p.Program, err = p.placed.Load(ctx)
	return p, err
}

func (p *wrongProgram) Measure(ctx context.Context, in, out spike.Train, opt spike.RunOptions) (spike.Stats, hw.Telemetry, error) {
	stats, seen, err := p.Program.Measure(ctx, in, out, opt)
	if err == nil {
		err = p.board.spoil(p.runs, out, opt.Recorder)
		p.runs++
		seen.Saturated = 1 // which no state of the network can
	}
	return stats, seen, err
}

func selftest(t *testing.T, n *spike.Network, vague bool, spoil func(int, spike.Train, *spike.Recorder) error) (*SelfTest, error) {
	t.Helper()
	open := func(context.Context) (hw.Board, error) {
		b, err := loihi.Open(loihi.Options{})
		if err != nil || spoil == nil {
			return b, err
		}
		return &wrongBoard{b, vague, spoil}, nil
	}
	return Test(t.Context(), Options{Name: "loihi", Open: open, Log: slog.New(slog.DiscardHandler)}, n)
}

func TestASelfTestOfAGoodBoard(t *testing.T) {
	rounded := hwtest.Network()
	for i, scale := range rounded.Layers[0].(*spike.Conv2D).Scale {
		rounded.Layers[0].(*spike.Conv2D).Scale[i] = scale * (1 - float32(i)/7)
	}
	for reference, n := range map[Reference]*spike.Network{AsItIs: hwtest.Network(), Rounded: rounded} {
		got, err := selftest(t, n, false, nil)
		if err != nil || !got.Passed || !got.Complete || !got.Exact || got.Reference != reference || len(got.Trials) != 7 {
			t.Fatalf("%s: %v, %+v", reference, err, got)
		}
		fired := 0
		for _, trial := range got.Trials {
			if trial.Differs() || len(trial.Layers) != 3 || trial.Steps != 12 || trial.Time <= 0 || trial.Telemetry.Energy != nil {
				t.Errorf("%s: %+v", reference, trial)
			}
			if last := trial.Layers[2]; last.Board != trial.Answer.Board || last.Want != trial.Answer.Want {
				t.Errorf("%s: the last layer's spikes are the answer: %+v", reference, trial)
			}
			fired += trial.Answer.Want
		}
		if silence := got.Trials[5]; fired == 0 || silence.Input != "silence" || silence.Spikes != 0 {
			t.Errorf("%s: %d spikes, %+v", reference, fired, silence)
		}
	}
}

func TestASelfTestFindsAWrongBoard(t *testing.T) {
	flip := func(c *uint8) { *c ^= 1 }
	for name, spoil := range map[string]func(int, spike.Train, *spike.Recorder) error{
		"one spike of the answer": func(_ int, out spike.Train, _ *spike.Recorder) error { flip(&out.Counts[10]); return nil },
		"one spike of a layer within": func(_ int, _ spike.Train, rec *spike.Recorder) error {
			flip(&rec.Layers[1].Raster.Counts[151])
			return nil
		},
		"one spike of the last answer": func(run int, out spike.Train, _ *spike.Recorder) error { out.Counts[0] ^= uint8(run / 6); return nil },
		"the answer to silence, made loud": func(run int, out spike.Train, _ *spike.Recorder) error {
			out.Counts[0] ^= uint8(run / 5 % 2)
			return nil
		},
		"a step late, so that only places differ": func(_ int, out spike.Train, _ *spike.Recorder) error {
			copy(out.Counts[7:], slices.Clone(out.Counts))
			clear(out.Counts[:7])
			return nil
		},
	} {
		got, err := selftest(t, hwtest.Network(), false, spoil)
		if err != nil || got.Passed || !slices.ContainsFunc(got.Trials, Trial.Differs) {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
		if got, err = selftest(t, hwtest.Network(), true, spoil); err != nil || !got.Passed || got.Exact || got.Reference != Unrounded {
			t.Errorf("%s, of a board that is not exact: %v, %+v", name, err, got)
		}
	}
	got, err := selftest(t, hwtest.Network(), false, func(_ int, _ spike.Train, rec *spike.Recorder) error {
		flip(&rec.Layers[1].Raster.Counts[151])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := got.Trials[0].Layers[1]; d.Layer != "spike2" || d.Off != 1 || d.First == nil || *d.First != (Where{1, 1}) {
		t.Errorf("%+v", d)
	}
	got, err = selftest(t, hwtest.Network(), true, func(run int, out spike.Train, _ *spike.Recorder) error {
		out.Counts[0] ^= uint8(run / 6)
		return nil
	})
	if err != nil || got.Repeated.Off != 1 {
		t.Errorf("the canary's second answer: %v, %+v", err, got)
	}
}

func TestASelfTestThatCannotEnd(t *testing.T) {
	broken := errors.New("broken")
	for name, spoil := range map[string]func(int, spike.Train, *spike.Recorder) error{
		"impossible": func(run int, out spike.Train, _ *spike.Recorder) error { out.Counts[0] |= uint8(run &^ 1); return nil },
		"silent of a layer": func(run int, _ spike.Train, rec *spike.Recorder) error {
			rec.Layers = rec.Layers[:3-run/2]
			return nil
		},
		"an error": func(run int, _ spike.Train, _ *spike.Recorder) error { return []error{nil, nil, broken}[run] },
		"a panic":  func(run int, _ spike.Train, _ *spike.Recorder) error { _ = []int{0, 0}[run]; return nil },
	} {
		got, err := selftest(t, hwtest.Network(), false, spoil)
		if err == nil || got == nil || got.Passed || got.Complete || got.Wrong() || len(got.Trials) != 2 {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	max := hwtest.Network()
	max.Layers = append([]spike.Layer{&spike.MaxPool2D{LayerName: "pool", Pool: [2]int{1, 1}, Stride: [2]int{1, 1}}}, max.Layers...)
	var refusal *hw.Refusal
	if got, err := selftest(t, max, false, nil); !errors.As(err, &refusal) || got != nil {
		t.Errorf("%v, %+v", err, got)
	}
}
