package model_test

import (
	"context"
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func picture(m *model.Model) []uint8 {
	rng := rand.New(rand.NewPCG(7, 8))
	p := make([]uint8, m.Description().Preparation.Width*m.Description().Preparation.Height)
	for i := range p {
		p[i] = uint8(rng.IntN(256))
	}
	return p
}

func TestAnswerAfterEachStep(t *testing.T) {
	m := decode(t, small(spike.Steps))
	p := picture(m)
	var after [][]float64
	all, err := m.Infer(t.Context(), p, model.Options{OnStep: func(step int, a *model.Result) error {
		if after = append(after, a.RawProbabilities); step != len(after) {
			t.Errorf("step %d told as number %d", step, len(after))
		}
		return nil
	}})
	if err != nil || all.Steps != 4 || len(after) != 4 {
		t.Fatalf("%+v, %v, OnStep was called for %d steps", all, err, len(after))
	}
	for k := 1; k <= 4; k++ {
		r, err := m.Infer(t.Context(), p, model.Options{Steps: k})
		if err != nil || r.Steps != k || !cmp.Equal(r.RawProbabilities, after[k-1]) || (r.Probabilities == nil) != (k < 4) || math.IsNaN(r.Probability) != (k < 4) {
			t.Errorf("%d steps: %+v, %v; the answer after that step was %v", k, r, err, after[k-1])
		}
	}
	if cmp.Equal(after[0], after[3]) {
		t.Error("the steps change nothing")
	}
	if r, _ := m.Infer(t.Context(), p, model.Options{}); !cmp.Equal(r.Probabilities, all.Probabilities) {
		t.Error("asking for the steps changed the answer")
	}
}

func TestStepsThatAModelDoesNotHave(t *testing.T) {
	steps, rows := decode(t, small(spike.Steps)), decode(t, small(spike.Rows))
	told := func(int, *model.Result) error { return nil }
	for _, c := range []struct {
		m   *model.Model
		opt model.Options
	}{{steps, model.Options{Steps: 5}}, {steps, model.Options{Steps: -1}}, {rows, model.Options{Steps: 1}}, {rows, model.Options{OnStep: told}}} {
		if _, err := c.m.Infer(t.Context(), picture(c.m), c.opt); !errors.Is(err, model.ErrSteps) {
			t.Errorf("%d steps of %d: %v", c.opt.Steps, c.m.MaxSteps(), err)
		}
	}
}

func TestInferenceStopsAtAStep(t *testing.T) {
	m := decode(t, small(spike.Steps))
	ctx, cancel := context.WithCancel(t.Context())
	last := 0
	_, err := m.Infer(ctx, picture(m), model.Options{OnStep: func(step int, _ *model.Result) error {
		if last = step; step == 2 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || last != 2 {
		t.Errorf("%v after step %d", err, last)
	}
}

func TestSpikesAreCountedOverAllLayers(t *testing.T) {
	for _, axis := range []spike.Axis{spike.Rows, spike.Steps} {
		m := decode(t, small(axis))
		var rec spike.Recorder
		r, err := m.Infer(t.Context(), picture(m), model.Options{Recorder: &rec})
		if err != nil || len(rec.Layers) != 2 || rec.Layers[0].Name != "spike1" {
			t.Fatalf("%v: %+v", err, rec.Layers)
		}
		var total, synops, neuronSteps uint64
		for _, l := range rec.Layers {
			for _, n := range l.Spikes {
				total += n
			}
			synops += l.SynapticOperations
			neuronSteps += l.NeuronSteps
		}
		want := model.SpikeStats{Total: total, SynapticOperations: synops, Rate: float64(total) / float64(neuronSteps)}
		if want.Neurons = 12*10*4 + 6*5*6; axis == spike.Rows {
			want.Neurons = 10*4 + 5*6
		}
		if !cmp.Equal(*r.Spikes, want) || total == 0 || synops == 0 {
			t.Errorf("%s: %+v, the layers make %+v", axis, *r.Spikes, want)
		}
	}
}

func TestAModelAnswersManyAtOnce(t *testing.T) {
	m := decode(t, small(spike.Rows))
	p := picture(m)
	want, err := m.Infer(t.Context(), p, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s := want.Probabilities[0] + want.Probabilities[1]; math.Abs(s-1) > 1e-12 || want.Probability != want.Probabilities[1] {
		t.Errorf("%+v", want)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				if got, err := m.Infer(t.Context(), p, model.Options{}); err != nil || !cmp.Equal(got, want) {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestHeldBackSpikesAreSaid(t *testing.T) {
	p := small(spike.Rows)
	for i := range p.tensors["conv1.weights"] {
		p.tensors["conv1.weights"][i] = 1000
	}
	m := decode(t, p)
	r, err := m.Infer(t.Context(), slices.Repeat([]uint8{255}, 12*14), model.Options{})
	if err != nil || r.Spikes.Clipped == 0 || len(r.Warnings) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestPicturesOfAnotherKindAreRefused(t *testing.T) {
	m := decode(t, small(spike.Rows))
	if _, err := m.Prepare(image.NewRGBA(image.Rect(0, 0, 20, 20))); !errors.Is(err, model.ErrPicture) {
		t.Errorf("a colour picture: %v", err)
	}
	if _, err := m.Infer(t.Context(), make([]uint8, 3), model.Options{}); !errors.Is(err, model.ErrPicture) {
		t.Errorf("three pixels: %v", err)
	}
	g := image.NewGray(image.Rect(0, 0, 24, 28))
	for i := range g.Pix {
		g.Pix[i] = 77
	}
	if got, err := m.Prepare(g); err != nil || !cmp.Equal(got, slices.Repeat([]uint8{77}, 12*14)) {
		t.Errorf("an even grey comes out as %v, %v", got, err)
	}
}

func TestRecordingChangesNoAnswer(t *testing.T) {
	for _, axis := range []spike.Axis{spike.Rows, spike.Steps} {
		m := decode(t, small(axis))
		p := picture(m)
		want, err := m.Infer(t.Context(), p, model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Infer(t.Context(), p, model.Options{Recorder: &spike.Recorder{}})
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: recorded %+v, otherwise %+v", axis, got, want)
		}
	}
}
