// Package testmodel makes small but complete model files, as docs/MODEL_FILE.md
// describes them, and pictures, for tests that need a working network faster
// than a trained one. Only tests import it.
package testmodel

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Rows is a spiking model whose time runs down the rows of a 16×16 picture.
func Rows(t testing.TB) *model.Model {
	return decode(t, File("tiny-rows", map[string]any{"axis": "rows"}))
}

// Steps is a spiking model that is shown its picture for n steps.
func Steps(t testing.TB, n int) *model.Model {
	return decode(t, File("tiny-steps", map[string]any{"axis": "steps", "steps": n}))
}

// ForBoard is a model that boards can run, decoded for one: see [BoardFile].
func ForBoard(t testing.TB, board spike.Backend) *model.Model {
	return decodeFor(t, BoardFile("tiny-board"), board)
}

// BoardFile is a model file of that name whose body has nothing that a board could
// refuse: neurons that fire once and are reset to zero, shown their picture for 6
// steps. Its weights are floating point, so that a board has to round them.
func BoardFile(name string) []byte {
	return file(name, map[string]any{"axis": "steps", "steps": 6}, func(name string, _ int) layer {
		return layer{"type": "neurons", "name": name, "model": spike.IntegrateAndFire, "threshold": 0.3, "amplitude": 1,
			"reset": spike.ResetToZero, "start": layer{"kind": spike.StartConstant, "value": 0}}
	}, false)
}

// Plain is a model without neurons.
func Plain(t testing.TB) *model.Model { return decode(t, File("tiny-plain", nil)) }

// Gated is a model without neurons, but with a calibration, the operating points
// "balanced" and "screening", a reference and a gate: see [GatedFile].
func Gated(t testing.TB) *model.Model { return decode(t, GatedFile("tiny-gated")) }

// Early is a spiking model of 4 steps with what [Gated] has, and with a calibration and points of its own for 2 steps, but
// none for 1 and 3: see [EarlyFile].
func Early(t testing.TB) *model.Model { return decode(t, EarlyFile("tiny-early")) }

// Broken is a model whose back end fails on every picture.
func Broken(t testing.TB) *model.Model {
	return decodeFor(t, File("tiny-broken", map[string]any{"axis": "rows"}), broken{})
}

// broken is a back end that takes every network and runs none.
type broken struct{}

func (broken) Name() string { return "broken" }
func (broken) Compile(context.Context, *spike.Network) (spike.Runner, error) {
	return broken{}, nil
}
func (broken) Run(context.Context, spike.Train, spike.Train, spike.RunOptions) (spike.Stats, error) {
	return spike.Stats{}, errors.New("the back end is broken")
}

func decode(t testing.TB, file []byte) *model.Model { return decodeFor(t, file, nil) }

func decodeFor(t testing.TB, file []byte, backend spike.Backend) *model.Model {
	t.Helper()
	m, err := model.Decode(t.Context(), file, model.DecodeOptions{Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type layer = map[string]any

// Population is what the files say of whom they are for.
const Population = "Made for nobody."

// File is a model file of that name with random but fixed weights. Its
// activations spike along the time that is given, or are ReLUs for nil.
func File(name string, time map[string]any) []byte {
	activation := spiking
	if time == nil {
		activation = relu
	}
	return file(name, time, activation, false)
}

func spiking(name string, seed int) layer {
	return layer{"type": "neurons", "name": name, "model": "spiking_relu", "dt": 2, "start": layer{"kind": "uniform", "seed": seed}}
}

func relu(name string, _ int) layer { return layer{"type": "relu", "name": name} }

// GatedFile is the file of [Gated] by that name. The gate goes by the picture's
// mean: light it is "chest", dim "other_part" and dark "turned".
func GatedFile(name string) []byte { return file(name, nil, relu, true) }

// ChangedFile is [GatedFile] with a description that is changed before it is written.
func ChangedFile(name string, change func(description map[string]any)) []byte {
	return file(name, nil, relu, true, change)
}

// EarlyFile is the file of [Early] by that name.
func EarlyFile(name string) []byte {
	return file(name, map[string]any{"axis": "steps", "steps": 4}, spiking, true)
}

func file(name string, time map[string]any, activation func(name string, seed int) layer, gated bool, changes ...func(map[string]any)) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var header = map[string]any{}
	var data bytes.Buffer
	store := func(name string, weights []float32, shape ...int) string {
		begin := data.Len()
		_ = binary.Write(&data, binary.LittleEndian, weights)
		header[name] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{begin, data.Len()}}
		return name
	}
	tensor := func(name string, shape ...int) string {
		n := 1
		for _, s := range shape {
			n *= s
		}
		weights := make([]float32, n)
		for i := range weights {
			weights[i] = float32(random.NormFloat64() / math.Sqrt(float64(n/shape[len(shape)-1])))
		}
		return store(name, weights, shape...)
	}
	description := map[string]any{
		"format": 1, "name": name, "version": "0.1.0", "summary": "Random weights for tests", "population": Population,
		"labels": []string{"NORMAL", "PNEUMONIA"}, "positive": "PNEUMONIA",
		"preparation": map[string]any{"width": 16, "height": 16, "resize": "bilinear_antialiased", "scale": 255},
		"layers": []layer{
			{"type": "conv2d", "name": "conv1", "kernel": []int{3, 3}, "stride": []int{1, 1}, "padding": "valid",
				"channels": 4, "weights": tensor("conv1.weights", 3, 3, 1, 4)},
			activation("spike1", 7),
			{"type": "max_pool2d", "name": "pool1", "pool": []int{2, 2}, "stride": []int{2, 2}},
			{"type": "conv2d", "name": "conv2", "kernel": []int{3, 3}, "stride": []int{1, 1}, "padding": "valid",
				"channels": 4, "weights": tensor("conv2.weights", 3, 3, 4, 4)},
			activation("spike2", 8),
			{"type": "flatten", "name": "flatten"},
			{"type": "dense", "name": "dense", "units": 2, "weights": tensor("dense.weights", 100, 2)},
			{"type": "softmax", "name": "softmax"},
		},
		"threshold": 0.5,
		"training":  map[string]any{"recipe": "none"},
	}
	if time != nil {
		description["time"] = time
	}
	if gated {
		delete(description, "threshold")
		description["calibration"] = layer{"method": "logistic", "slope": 1.5, "intercept": -0.25, "prevalence": 0.75}
		description["operating_points"] = []layer{
			{"name": "balanced", "threshold": 0.5, "sensitivity": share(0.85, 0.9, 0.95), "specificity": share(0.75, 0.8, 0.85)},
			{"name": "screening", "threshold": 0.2, "sensitivity": share(0.95, 0.97, 1), "specificity": share(0.5, 0.6, 0.7)},
		}
		if time != nil {
			description["early"] = []layer{{"steps": 2,
				"calibration": layer{"method": "logistic", "slope": 0.5, "intercept": 0.75, "prevalence": 0.5},
				"operating_points": []layer{
					{"name": "balanced", "threshold": 0.6, "sensitivity": share(0.7, 0.75, 0.8), "specificity": share(0.65, 0.7, 0.75)},
					{"name": "screening", "threshold": 0.3, "sensitivity": share(0.9, 0.92, 1), "specificity": share(0.3, 0.4, 0.5)},
				}}}
		}
		description["gate"] = layer{
			"width": 8, "height": 8, "scale": 255, "labels": []string{"other_part", "chest", "turned"}, "accept": "chest", "threshold": 0.5,
			"layers": []layer{
				{"type": "global_average_pool2d", "name": "average"},
				{"type": "dense", "name": "dense", "units": 3,
					"weights": store("gate.weights", []float32{0, 40, -40}, 1, 3), "bias": store("gate.bias", []float32{0, -16, 6}, 3)},
				{"type": "softmax", "name": "softmax"},
			},
		}
		// A picture of [Picture] is neither black nor white.
		description["reference"] = layer{
			"measures": []layer{
				{"name": "log_odds", "edges": []float64{-1, 1}, "counts": [][]int{{500, 300, 100}, {100, 300, 500}}},
				{"name": "brightness", "edges": []float64{16, 239}, "counts": [][]int{{10, 880, 10}, {10, 880, 10}}, "limit": 20},
				{"name": "format", "values": []string{"jpeg", "png"}, "counts": [][]int{{450, 450, 0}, {450, 450, 0}}},
			},
			"estimates": []layer{{"operating_point": "balanced", "confident": []float64{-0.5, 0.5},
				"error": layer{"cbpe": layer{"sensitivity": 0.05, "specificity": 0.2}, "atc": layer{"sensitivity": 0.1, "specificity": 0.25}}}},
		}
	}
	for _, change := range changes {
		change(description)
	}
	return Sealed(func(digest string) []byte {
		description["file_sha256"] = digest
		header["__metadata__"] = map[string]string{"spikeray": string(encode(description))}
		head := encode(header)
		return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, data.Bytes())
	})
}

// Sealed is a model file with its digest: file makes it for any 64 digits.
func Sealed(file func(digest string) []byte) []byte {
	sum := sha256.Sum256(file(strings.Repeat("0", 64)))
	return file(hex.EncodeToString(sum[:]))
}

func share(low, value, high float64) layer { return layer{"low": low, "value": value, "high": high} }

func encode(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

// Picture is a grey picture with structure and noise; each seed gives another.
func Picture(width, height int, seed uint64) *image.Gray {
	random := rand.New(rand.NewPCG(seed, 0))
	fx, fy := 1+3*random.Float64(), 1+3*random.Float64()
	picture := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			u, v := float64(x)/float64(width), float64(y)/float64(height)
			grey := 128 + 100*math.Sin(math.Pi*fx*u)*math.Cos(math.Pi*fy*v) + 10*random.NormFloat64()
			picture.SetGray(x, y, color.Gray{Y: uint8(min(max(grey, 0), 255))})
		}
	}
	return picture
}

// Shade is [Picture] made darker, to that share of its light, as a PNG file.
func Shade(width, height int, seed uint64, light float64) []byte {
	picture := Picture(width, height, seed)
	for i, p := range picture.Pix {
		picture.Pix[i] = uint8(float64(p) * light)
	}
	return encodePNG(picture)
}

// PNG is [Picture] as a PNG file.
func PNG(width, height int, seed uint64) []byte { return encodePNG(Picture(width, height, seed)) }

func encodePNG(picture *image.Gray) []byte {
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// JPEG is [Picture] as a JPEG file.
func JPEG(width, height int, seed uint64) []byte {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, Picture(width, height, seed), &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return out.Bytes()
}
