package model_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

func window(low, high, least int) map[string]any {
	return map[string]any{"low": low, "high": high, "least": least}
}

// graded is the gated network of 4 steps with graded spikes in its body.
func graded() parts {
	p := gated(spike.Steps)
	p.layer(4)["most"] = 15
	return p
}

func TestDecodeRefusesSpoiledWindowsAndGradedSpikes(t *testing.T) {
	looks := func(w any) func(parts) { return func(p parts) { p.part("preparation")["window"] = w } }
	fires := func(key string, v any) func(parts) { return func(p parts) { p.layer(4)[key] = v } }
	without := func(key string) func(parts) {
		return func(p parts) {
			w := window(0, 65536, 16)
			delete(w, key)
			p.part("preparation")["window"] = w
		}
	}
	for name, c := range map[string]struct {
		spoil func(parts)
		field string
	}{
		"as it is":               {func(parts) {}, ""},
		"widest window":          {looks(window(0, 65536, 255)), ""},
		"narrowest window":       {looks(window(65535, 65536, 1)), ""},
		"window of null":         {looks(nil), "description"},
		"window without low":     {without("low"), "description"},
		"window without high":    {without("high"), "description"},
		"window without least":   {without("least"), "description"},
		"window with more":       {looks(map[string]any{"low": 0, "high": 1, "least": 1, "most": 2}), "description"},
		"window of half a share": {looks(map[string]any{"low": 0.5, "high": 1, "least": 1}), "description"},
		"low below 0":            {looks(window(-1, 65536, 16)), "preparation.window"},
		"nothing between":        {looks(window(7, 7, 16)), "preparation.window"},
		"high above all":         {looks(window(0, 65537, 16)), "preparation.window"},
		"least of 0":             {looks(window(0, 65536, 0)), "preparation.window.least"},
		"least of 256":           {looks(window(0, 65536, 256)), "preparation.window.least"},
		"a window of the gate":   {func(p parts) { p.part("gate")["window"] = window(0, 65536, 16) }, "description"},
		"most of 1":              {func(p parts) { p.layer(4)["most"], p.layer(4)["threshold"] = 1, 0.7 }, ""},
		"most of 255":            {fires("most", 255), ""},
		"most of 0":              {fires("most", 0), `layers[4] "spike2" most`},
		"most below 0":           {fires("most", -3), `layers[4] "spike2" most`},
		"most of 256":            {fires("most", 256), `layers[4] "spike2" most`},
		"most of null":           {fires("most", nil), "description"},
		"most of a half":         {fires("most", 1.5), "description"},
		"another threshold":      {fires("threshold", 1.25), `layers[4] "spike2" most`},
		"nearly the threshold":   {fires("threshold", 1.00000001), `layers[4] "spike2" most`}, // 1 as a float32
		"reset to zero":          {fires("reset", "zero"), `layers[4] "spike2" most`},
		"of a spiking_relu":      {func(p parts) { p.layer(1)["most"] = 1 }, `layers[1] "spike1" most`},
		"of a convolution":       {func(p parts) { p.layer(0)["most"] = 1 }, `layers[0] "conv1" most`},
		"leaky": {func(p parts) {
			p.layer(4)["model"], p.layer(4)["decay"] = "leaky_integrate_and_fire", 0.5
		}, ""},
	} {
		p := graded()
		c.spoil(p)
		_, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
		var bad *model.FormatError
		if c.field == "" && err != nil || c.field != "" && (!errors.As(err, &bad) || bad.Field != c.field) {
			t.Errorf("%s: %v, expected a FormatError of %q", name, err, c.field)
		}
	}
}

// The gate was trained on pictures without a window, the network on windowed ones.
func TestTheWindowIsTheNetworksAlone(t *testing.T) {
	p := graded()
	p.part("gate")["layers"].([]map[string]any)[1] = map[string]any{"type": "neurons", "name": "spike1", "model": "spiking_relu", "dt": 16,
		"start": map[string]any{"kind": "constant", "value": 0.1}} // which tells greys apart
	plain := decode(t, p)
	p.part("preparation")["window"] = window(0, 65536, 1)
	windowed := decode(t, p)
	// Two greys, half of the pixels each: the window runs from 99.5 to 140.5, so that by hand, in 256ths of a level,
	// (128*255 + 10496/2) / 10496 = 3 and (10368*255 + 10496/2) / 10496 = 252.
	picture, through := make([]uint8, 12*14), make([]uint8, 12*14)
	for i := range picture {
		picture[i], through[i] = 100, 3
		if i%3 == 0 != (i%2 == 0) {
			picture[i], through[i] = 140, 252
		}
	}
	kept := slices.Clone(picture)
	for _, steps := range []int{0, 1, 3} {
		got, err := windowed.Infer(t.Context(), picture, model.Options{Steps: steps})
		want, wantErr := plain.Infer(t.Context(), through, model.Options{Steps: steps})
		other, otherErr := plain.Infer(t.Context(), picture, model.Options{Steps: steps})
		if err := errors.Join(err, wantErr, otherErr); err != nil {
			t.Fatal(err)
		}
		if got.RawProbability != want.RawProbability || *got.Spikes != *want.Spikes {
			t.Errorf("%d steps: %+v through the window, %+v of the windowed picture", steps, got, want)
		}
		if got.RawProbability == other.RawProbability {
			t.Errorf("%d steps: the window makes no difference", steps)
		}
	}
	got, err := windowed.Gate(t.Context(), picture)
	want, wantErr := plain.Gate(t.Context(), picture)
	other, otherErr := plain.Gate(t.Context(), through)
	if err := errors.Join(err, wantErr, otherErr); err != nil {
		t.Fatal(err)
	}
	if *got != *want || got.Probability == other.Probability {
		t.Errorf("the gate says %+v, without a window %+v, of the windowed picture %+v", got, want, other)
	}
	if !slices.Equal(picture, kept) {
		t.Error("the caller's picture was changed")
	}
}

// Graded spikes are told as their numbers, and a step's answer has its own decision as in any network of steps.
func TestGradedSpikesAreCountedByTheirNumber(t *testing.T) {
	p := graded()
	p.description["early"] = []map[string]any{early(1, 0.5, "balanced", "screening"), early(2, 0.75, "balanced", "screening")}
	for i := range p.tensors["conv2.weights"] {
		p.tensors["conv2.weights"][i] *= 12
	}
	m := decode(t, p)
	for steps, calibrated := range map[int]bool{1: true, 2: true, 3: false, 4: true} {
		rec := spike.Recorder{Rasters: []string{"spike2"}}
		var after []float64
		r, err := m.Infer(t.Context(), picture(m), model.Options{Steps: steps, Recorder: &rec, OnStep: func(_ int, a *model.Result) error {
			after = append(after, a.RawProbabilities[1])
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		counts, total := rec.Layers[1].Raster.Counts, uint64(0)
		for _, c := range counts {
			total += uint64(c)
		}
		if most := slices.Max(counts); most < 2 || most > 15 {
			t.Errorf("%d steps: a neuron fires %d times at most, expected 2 to 15", steps, most)
		}
		for _, n := range rec.Layers[0].Spikes {
			total += n
		}
		if r.Spikes.Total != total {
			t.Errorf("%d steps: %d spikes, the counts make %d", steps, r.Spikes.Total, total)
		}
		if r.Spikes.Clipped != 0 || len(r.Warnings) != 0 {
			t.Errorf("%d steps: what a neuron holds back is no loss: %d clipped, %v", steps, r.Spikes.Clipped, r.Warnings)
		}
		if (r.Probabilities != nil) != calibrated || len(after) != steps || after[steps-1] != r.RawProbability {
			t.Errorf("%d steps: %+v after %v", steps, r, after)
		}
	}
}
