package loihi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestModelAnswersTheSame takes a whole model through the simulator and the chip: the analog front and the read-out stay
// on the host, and the spikes, the counts and with them the probabilities are the same after every step.
func TestModelAnswersTheSame(t *testing.T) {
	file := steppedModel(t)
	simulated, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	board, err := model.Decode(t.Context(), file, model.DecodeOptions{Backend: open(t, Options{})})
	if err != nil {
		t.Fatal(err)
	}
	if board.Backend() != "loihi" {
		t.Errorf("the back end is called %q", board.Backend())
	}
	rng := rand.New(rand.NewPCG(1, 2))
	spikes := uint64(0)
	seen := map[float64]bool{}
	for range 10 {
		picture := make([]uint8, 20*20)
		for i := range picture {
			picture[i] = uint8(rng.IntN(256))
		}
		var steps [2][][]float64
		var rec [2]spike.Recorder
		answer := func(i int, m *model.Model) *model.Result {
			r, err := m.Infer(t.Context(), picture, model.Options{Recorder: &rec[i], OnStep: func(_ int, a *model.Result) error {
				steps[i] = append(steps[i], a.RawProbabilities)
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		want, got := answer(0, simulated), answer(1, board)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-simulator +chip\n%s", diff)
		}
		if !cmp.Equal(steps[0], steps[1]) || len(steps[0]) != 8 || !cmp.Equal(rec[0], rec[1]) {
			t.Error("the answers on the way differ, or the recordings")
		}
		spikes += got.Spikes.Total
		seen[got.Probability] = true
	}
	if spikes == 0 || len(seen) < 5 {
		t.Errorf("%d spikes and %d different answers show nothing", spikes, len(seen))
	}
}

// TestXrayAnswersTheSame runs whole pictures through the shipped model that was trained for boards: nothing of it is rounded and nothing can
// saturate, and what the chip says is what the simulator says.
func TestXrayAnswersTheSame(t *testing.T) {
	file, err := models.Open("spikeray-board")
	if err != nil {
		t.Fatal(err)
	}
	chip := &reported{Board: open(t, Options{})}
	board, err := model.Decode(t.Context(), file, model.DecodeOptions{Backend: chip})
	if err != nil {
		t.Fatal(err)
	}
	if !chip.report.Exact {
		t.Errorf("its numbers are rounded: %+v", chip.report)
	}
	for _, l := range chip.report.Layers {
		if l.Reach >= 1 {
			t.Errorf("%s may saturate: its reach is %g", l.Layer, l.Reach)
		}
	}
	simulated, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"synthetic-normal.png", "synthetic-pneumonia.png"} {
		picture := prepared(t, simulated, name)
		var rec [2]spike.Recorder
		var results [2]*model.Result
		for i, m := range []*model.Model{simulated, board} {
			if results[i], err = m.Infer(t.Context(), picture, model.Options{Recorder: &rec[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if results[0].Probability != results[1].Probability || results[0].Spikes.Total != results[1].Spikes.Total || !cmp.Equal(rec[0], rec[1]) {
			t.Errorf("%s: %+v on the chip, %+v on the simulator", name, results[1], results[0])
		}
		t.Logf("%s: probability %g, %d spikes", name, results[1].Probability, results[1].Spikes.Total)
	}
}

// reported is a board that keeps the report of what it was last given.
type reported struct {
	hw.Board
	report hw.Report
}

func (b *reported) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	placed, err := b.Place(ctx, n)
	if err != nil {
		return nil, err
	}
	b.report = placed.Report()
	return b.Board.Compile(ctx, n)
}

// prepared is an example picture as the model takes it.
func prepared(t *testing.T, m *model.Model, name string) []uint8 {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	pixels, err := m.Prepare(picture)
	if err != nil {
		t.Fatal(err)
	}
	return pixels
}

// steppedModel is a model file whose body fits the chip without loss.
func steppedModel(t *testing.T) []byte {
	t.Helper()
	type object = map[string]any
	rng := rand.New(rand.NewPCG(3, 4))
	header := object{}
	var data bytes.Buffer
	add := func(name, dtype string, shape []int, values any) string {
		begin := data.Len()
		if err := binary.Write(&data, binary.LittleEndian, values); err != nil {
			t.Fatal(err)
		}
		header[name] = object{"dtype": dtype, "shape": shape, "data_offsets": []int{begin, data.Len()}}
		return name
	}
	floats := func(name string, shape ...int) string {
		n := 1
		for _, s := range shape {
			n *= s
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = rng.Float32() - 0.4
		}
		return add(name, "F32", shape, values)
	}
	whole := func(l object, scale float32, shape ...int) object {
		n := 1
		for _, s := range shape {
			n *= s
		}
		values := make([]int8, n)
		for i := range values {
			values[i] = int8(rng.IntN(256) - 128)
		}
		name, out := l["name"].(string), shape[len(shape)-1]
		l["weights"] = add(name+".weights", "I8", shape, values)
		l["scale"] = add(name+".scale", "F32", []int{out}, slices.Repeat([]float32{scale}, out))
		l["bias"] = add(name+".bias", "F32", []int{out}, slices.Repeat([]float32{4 * scale}, out))
		return l
	}
	neurons := func(name string, threshold float64) object {
		return object{
			"type": "neurons", "name": name, "model": "integrate_and_fire", "threshold": threshold, "reset": "zero",
			"amplitude": 1, "start": object{"kind": "constant", "value": 0},
		}
	}
	conv := func(name string, kernel, stride, channels int, padding string) object {
		return object{
			"type": "conv2d", "name": name, "kernel": []int{kernel, kernel}, "stride": []int{stride, stride}, "padding": padding, "channels": channels,
		}
	}
	front := conv("front", 3, 1, 4, "valid")
	front["weights"] = floats("front.weights", 3, 3, 1, 4)
	description := object{
		"format": 1, "name": "stepped", "version": "0.1.0", "summary": "Random weights for tests",
		"labels": []string{"NORMAL", "PNEUMONIA"}, "positive": "PNEUMONIA",
		"preparation": object{"width": 20, "height": 20, "resize": "bilinear_antialiased", "scale": 255},
		"time":        object{"axis": "steps", "steps": 8},
		"layers": []object{
			front, neurons("spike1", 0.75),
			{"type": "max_pool2d", "name": "pool1", "pool": []int{2, 2}, "stride": []int{2, 2}},
			whole(conv("conv2", 3, 2, 6, "same"), 1.0/128, 3, 3, 4, 6), neurons("spike2", 1.5),
			whole(conv("conv3", 3, 1, 5, "valid"), 1.0/64, 3, 3, 6, 5), neurons("spike3", 2),
			{"type": "flatten", "name": "flatten"},
			{"type": "dense", "name": "dense", "units": 2, "weights": floats("dense.weights", 45, 2)},
			{"type": "softmax", "name": "softmax"},
		},
		"threshold": 0.5, "training": object{"recipe": "none"},
	}
	return testmodel.Sealed(func(digest string) []byte {
		description["file_sha256"] = digest
		text, err := json.Marshal(description)
		if err != nil {
			t.Fatal(err)
		}
		header["__metadata__"] = map[string]string{"spikeray": string(text)}
		head, err := json.Marshal(header)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, data.Bytes())
	})
}
