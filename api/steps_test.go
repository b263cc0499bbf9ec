package api

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// denseWeights are the last layer's, [100][2], read from the model's file by hand.
func denseWeights(t *testing.T, file []byte) (weights []float64) {
	t.Helper()
	length := binary.LittleEndian.Uint64(file)
	var header map[string]json.RawMessage
	var tensor struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(file[8:8+length], &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(header["dense.weights"], &tensor); err != nil {
		t.Fatal(err)
	}
	for data := file[8+length:][tensor.Offsets[0]:tensor.Offsets[1]]; len(data) > 0; data = data[4:] {
		weights = append(weights, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
	}
	return weights
}

// ?steps= is held to the spikes that a recorder saw, read out by other code: the mean of what the last neurons handed on
// over the steps that were asked for, a dense layer and a softmax.
func TestStepsAreReadOutOverThemselves(t *testing.T) {
	const dt = 2 // of testmodel's neurons: a spike hands on 1/dt
	weights := denseWeights(t, testmodel.File("tiny-steps", map[string]any{"axis": "steps", "steps": 8}))
	m, file := testmodel.Steps(t, 8), testmodel.PNG(64, 64, 1)
	decoded, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := m.Prepare(decoded)
	if err != nil {
		t.Fatal(err)
	}
	rec := spike.Recorder{Rasters: []string{"spike2"}}
	if _, err := m.Infer(t.Context(), prepared, model.Options{Recorder: &rec}); err != nil {
		t.Fatal(err)
	}
	raster := rec.Layers[1].Raster
	if len(raster.Counts) != 8*100 || len(weights) != 200 {
		t.Fatalf("%d counts and %d weights", len(raster.Counts), len(weights))
	}
	s := start(t, nil)
	seen := map[float64]bool{}
	for steps := 1; steps <= 8; steps++ {
		var logits [2]float64
		for i, n := range raster.Counts[:steps*100] {
			for o := range logits {
				logits[o] += float64(n) / dt / float64(steps) * weights[i%100*2+o]
			}
		}
		want := 1 / (1 + math.Exp(logits[0]-logits[1]))
		var p predictionDocument
		s.post(fmt.Sprintf("?model=tiny-steps&steps=%d", steps), file).decode(t, &p)
		if p.Steps == nil || *p.Steps != steps || !(math.Abs(p.RawProbability-want) <= 1e-5) {
			t.Errorf("%d steps: %v, the recorded spikes make %v", steps, p.RawProbability, want)
		}
		seen[math.Round(want*1e4)] = true
	}
	if len(seen) < 4 {
		t.Errorf("the steps make only %d answers: little is told apart", len(seen))
	}
}
