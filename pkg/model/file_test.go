package model_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// parts is a model file in pieces that a test may spoil before they are put together.
type parts struct {
	description map[string]any
	tensors     map[string][]float32
	shapes      map[string][]int
}

// small is a steps network with everything in it: a convolution, neurons, pooling, a spiking body and a read-out.
func small(axis spike.Axis) parts {
	rng := rand.New(rand.NewPCG(5, 6))
	p := parts{tensors: map[string][]float32{}, shapes: map[string][]int{}}
	tensor := func(name string, shape ...int) string {
		n := 1
		for _, s := range shape {
			n *= s
		}
		w := make([]float32, n)
		for i := range w {
			w[i] = float32(rng.NormFloat64()) / 3
		}
		p.tensors[name], p.shapes[name] = w, shape
		return name
	}
	time := map[string]any{"axis": string(axis)}
	if axis == spike.Steps {
		time["steps"] = 4
	}
	p.description = map[string]any{
		"format": 1, "name": "small", "version": "1.0.0", "summary": "for tests",
		"labels": []string{"NORMAL", "PNEUMONIA"}, "positive": "PNEUMONIA", "threshold": 0.5,
		"preparation": map[string]any{"width": 12, "height": 14, "resize": "bilinear_antialiased", "scale": 255},
		"time":        time,
		"layers": []map[string]any{
			{"type": "conv2d", "name": "conv1", "kernel": []int{3, 3}, "stride": []int{1, 1}, "padding": "valid", "channels": 4,
				"weights": tensor("conv1.weights", 3, 3, 1, 4), "bias": tensor("conv1.bias", 4)},
			{"type": "neurons", "name": "spike1", "model": "spiking_relu", "dt": 2, "start": map[string]any{"kind": "uniform", "seed": 1}},
			{"type": "max_pool2d", "name": "pool1", "pool": []int{2, 2}, "stride": []int{2, 2}},
			{"type": "conv2d", "name": "conv2", "kernel": []int{3, 3}, "stride": []int{1, 1}, "padding": "same", "channels": 6,
				"weights": tensor("conv2.weights", 3, 3, 4, 6), "bias": tensor("conv2.bias", 6)},
			{"type": "neurons", "name": "spike2", "model": "integrate_and_fire", "threshold": 1, "amplitude": 1, "reset": "subtract",
				"start": map[string]any{"kind": "constant", "value": 0.5}},
			{"type": "max_pool2d", "name": "pool2", "pool": []int{2, 2}, "stride": []int{2, 2}},
			{"type": "flatten", "name": "flatten"},
			{"type": "dense", "name": "dense1", "units": 5, "weights": tensor("dense1.weights", 3*2*6, 5), "bias": tensor("dense1.bias", 5)},
			{"type": "relu", "name": "relu1"},
			{"type": "dense", "name": "dense2", "units": 2, "weights": tensor("dense2.weights", 5, 2)},
			{"type": "softmax", "name": "softmax"},
		},
		"training": map[string]any{"recipe": "none"},
	}
	return p
}

func (p parts) layer(i int) map[string]any { return p.description["layers"].([]map[string]any)[i] }

// header gives the safetensors header and the data.
func (p parts) header() (map[string]any, []byte) {
	header := map[string]any{}
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(p.tensors)) {
		begin := len(data)
		for _, v := range p.tensors[name] {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": p.shapes[name], "data_offsets": []int{begin, len(data)}}
	}
	if _, given := p.description["tensors_sha256"]; !given {
		sum := sha256.Sum256(data)
		p.description["tensors_sha256"] = hex.EncodeToString(sum[:])
	}
	description, err := json.Marshal(p.description)
	if err != nil {
		panic(err)
	}
	header["__metadata__"] = map[string]string{"spikeray": string(description)}
	return header, data
}

func (p parts) file() []byte {
	header, data := p.header()
	text, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	return assemble(text, data)
}

func assemble(header, data []byte) []byte {
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header, data)
}

func fill(w []float32, v float32) {
	for i := range w {
		w[i] = v
	}
}

func decode(t *testing.T, p parts) *model.Model {
	t.Helper()
	m, err := model.Decode(p.file(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDecodeRefusesSpoiledDescriptions(t *testing.T) {
	set := func(key string, v any) func(parts) { return func(p parts) { p.description[key] = v } }
	layer := func(i int, key string, v any) func(parts) { return func(p parts) { p.layer(i)[key] = v } }
	for name, c := range map[string]struct {
		spoil func(parts)
		field string
	}{
		"format":              {set("format", 2), "format"},
		"name":                {set("name", "../x"), "name"},
		"version":             {set("version", "one"), "version"},
		"summary":             {set("summary", strings.Repeat("a", 2000)), "summary"},
		"one label":           {set("labels", []string{"PNEUMONIA"}), "labels"},
		"label twice":         {set("labels", []string{"PNEUMONIA", "PNEUMONIA"}), "labels"},
		"positive":            {set("positive", "HEALTHY"), "positive"},
		"threshold":           {set("threshold", 1.5), "threshold"},
		"unknown key":         {set("pickle", "yes"), "description"},
		"training":            {set("training", []int{1}), "training"},
		"digest":              {set("tensors_sha256", strings.Repeat("0", 64)), "tensors_sha256"},
		"digest length":       {set("tensors_sha256", "00"), "tensors_sha256"},
		"picture size":        {set("preparation", map[string]any{"width": 1 << 30, "height": 1, "resize": "bilinear_antialiased", "scale": 255}), "preparation"},
		"resize":              {set("preparation", map[string]any{"width": 12, "height": 14, "resize": "nearest", "scale": 255}), "preparation.resize"},
		"scale":               {set("preparation", map[string]any{"width": 12, "height": 14, "resize": "bilinear_antialiased", "scale": 0}), "preparation.scale"},
		"axis":                {set("time", map[string]any{"axis": "columns"}), "time.axis"},
		"steps":               {set("time", map[string]any{"axis": "steps", "steps": 65}), "time.steps"},
		"steps of rows":       {set("time", map[string]any{"axis": "rows", "steps": 4}), "time.steps"},
		"no time":             {set("time", nil), "time"},
		"no layers":           {set("layers", []map[string]any{}), "layers"},
		"layer type":          {layer(0, "type", "lambda"), `layers[0] "conv1" type`},
		"layer name twice":    {layer(1, "name", "conv1"), `layers[1] "conv1" name`},
		"foreign field":       {layer(0, "units", 3), `layers[0] "conv1" type`},
		"kernel":              {layer(0, "kernel", []int{3, 99}), `layers[0] "conv1" kernel`},
		"no kernel":           {layer(0, "kernel", nil), `layers[0] "conv1" kernel`},
		"stride":              {layer(0, "stride", []int{0, 1}), `layers[0] "conv1" stride`},
		"padding":             {layer(0, "padding", "full"), `layers[0] "conv1" padding`},
		"channels":            {layer(0, "channels", 1<<20), `layers[0] "conv1" channels`},
		"channels lie":        {layer(0, "channels", 5), "tensor conv1.weights"},
		"missing tensor":      {layer(0, "weights", "nothing"), "tensor nothing"},
		"tensor twice":        {layer(3, "weights", "conv1.weights"), "tensor conv1.weights"},
		"window too large":    {layer(2, "pool", []int{31, 31}), `layers[2] "pool1" size`},
		"dt of zero":          {layer(1, "dt", 0), `layers[1] "spike1" model`},
		"dt of an IF":         {layer(4, "dt", 1), `layers[4] "spike2" dt`},
		"decay of an IF":      {layer(4, "decay", 0.5), `layers[4] "spike2" decay`},
		"threshold of a ReLU": {layer(1, "threshold", 0.5), `layers[1] "spike1" model`},
		"reset":               {layer(4, "reset", "never"), "layers"},
		"no start":            {layer(1, "start", nil), `layers[1] "spike1" start`},
		"start of both":       {layer(1, "start", map[string]any{"kind": "uniform", "seed": 1, "value": 2}), `layers[1] "spike1" start`},
		"softmax early":       {layer(8, "type", "softmax"), `layers[8] "relu1" type`},
		"relu in the body":    {func(p parts) { p.layer(5)["type"], p.layer(4)["type"] = "relu", "relu" }, `layers[4] "spike2" type`},
		"average of spikes":   {layer(2, "type", "average_pool2d"), `layers[2] "pool1" type`},
		"dense before flat": {func(p parts) {
			p.description["layers"] = slices.Delete(p.description["layers"].([]map[string]any), 6, 7)
		}, `layers[6] "dense1" type`},
		"no softmax":         {func(p parts) { p.description["layers"] = p.description["layers"].([]map[string]any)[:10] }, "layers"},
		"one unit too few":   {func(p parts) { p.description["labels"] = []string{"NORMAL", "PNEUMONIA", "OTHER"} }, `layers[10] "softmax" type`},
		"tensor of no layer": {func(p parts) { p.tensors["spare"], p.shapes["spare"] = []float32{1}, []int{1} }, "tensor spare"},
		"NaN":                {func(p parts) { p.tensors["conv2.weights"][7] = float32(math.NaN()) }, "tensor conv2.weights"},
		"infinity":           {func(p parts) { p.tensors["dense1.bias"][0] = float32(math.Inf(-1)) }, "tensor dense1.bias"},
		"scale too small":    {set("preparation", map[string]any{"width": 12, "height": 14, "resize": "bilinear_antialiased", "scale": 1e-60}), "preparation.scale"},
		"front overflows":    {func(p parts) { p.tensors["conv1.weights"][7] = 2e30 }, `layers[0] "conv1" weights`},
		"bias overflows":     {func(p parts) { p.tensors["dense1.bias"][0] = -2e30 }, `layers[7] "dense1" weights`},
		"sum overflows":      {func(p parts) { fill(p.tensors["dense1.weights"], 1e29) }, `layers[7] "dense1" weights`},
		"product overflows":  {func(p parts) { fill(p.tensors["dense1.weights"], 1e16); fill(p.tensors["dense2.weights"], -1e16) }, `layers[9] "dense2" weights`},
		"start overflows":    {layer(4, "start", map[string]any{"kind": "constant", "value": 1e38}), `layers[4] "spike2" start`},
		"dt overflows":       {layer(1, "dt", 1e30), `layers[1] "spike1" start`},
		"spike overflows":    {layer(1, "dt", 1e-30), `layers[1] "spike1" model`},
		"amplitude":          {layer(4, "amplitude", 1e30), `layers[4] "spike2" model`},
		"shape":              {func(p parts) { p.shapes["conv2.weights"] = []int{3, 3, 6, 4} }, "tensor conv2.weights"},
	} {
		p := small(spike.Steps)
		c.spoil(p)
		_, err := model.Decode(p.file(), nil)
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v; a FormatError of %q is wanted", name, err, c.field)
		}
	}
}

func TestDecodeRefusesSpoiledFiles(t *testing.T) {
	header, data := small(spike.Rows).header()
	text, _ := json.Marshal(header)
	whole := assemble(text, data)
	with := func(name string, v any) []byte {
		h := maps.Clone(header)
		h[name] = v
		text, _ := json.Marshal(h)
		return assemble(text, data)
	}
	for name, c := range map[string]struct {
		file  []byte
		field string
	}{
		"empty":              {nil, "file"},
		"seven bytes":        {whole[:7], "file"},
		"header cut":         {whole[:100], "header"},
		"data cut":           {whole[:len(whole)-4], "file"},
		"more data":          {append(slices.Clone(whole), 0), "file"},
		"header of 2^63":     {append([]byte{0, 0, 0, 0, 0, 0, 0, 0x80}, whole[8:]...), "header"},
		"header not JSON":    {assemble([]byte(`hello`), nil), "header"},
		"header an array":    {assemble([]byte(`[]`), nil), "header"},
		"header goes on":     {assemble(append(slices.Clone(text), '{'), data), "header"},
		"no metadata":        {assemble([]byte(`{}`), nil), "__metadata__"},
		"metadata of others": {assemble([]byte(`{"__metadata__":{"format":"pt"}}`), nil), "__metadata__"},
		"metadata a number":  {assemble([]byte(`{"__metadata__":3}`), nil), "__metadata__"},
		"name twice":         {assemble([]byte(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`), make([]byte, 4)), "header"},
		"dtype":              {with("conv1.bias", map[string]any{"dtype": "F64", "shape": []int{4}, "data_offsets": []int{0, 16}}), "tensor conv1.bias"},
		"negative offset":    {with("conv1.bias", map[string]any{"dtype": "F32", "shape": []int{4}, "data_offsets": []int{-16, 0}}), "tensor conv1.bias"},
		"overlap":            {with("conv1.weights", map[string]any{"dtype": "F32", "shape": []int{3, 3, 1, 4}, "data_offsets": []int{0, 144}}), "tensor conv1.weights"},
		"negative shape":     {with("conv1.bias", map[string]any{"dtype": "F32", "shape": []int{-4}, "data_offsets": []int{0, 16}}), "tensor conv1.bias"},
		"huge shape":         {with("conv1.bias", map[string]any{"dtype": "F32", "shape": []int{1 << 20, 1 << 20}, "data_offsets": []int{0, 16}}), "tensor conv1.bias"},
		"many dimensions":    {with("conv1.bias", map[string]any{"dtype": "F32", "shape": []int{1, 1, 1, 1, 4}, "data_offsets": []int{0, 16}}), "tensor conv1.bias"},
		"oversized":          {make([]byte, model.MaxFileBytes+1), "file"},
	} {
		_, err := model.Decode(c.file, nil)
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v; a FormatError of %q is wanted", name, err, c.field)
		}
	}
	for i := range whole { // no bit of a model may change unnoticed or crash the reader
		file := bytes.Clone(whole)
		file[i] ^= 1
		m, err := model.Decode(file, nil)
		if err == nil && i >= 8+len(text) {
			t.Fatalf("a bit of the data at byte %d changed unnoticed", i)
		}
		if (m == nil) == (err == nil) {
			t.Fatalf("byte %d: neither a model nor an error", i)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, axis := range []spike.Axis{spike.Rows, spike.Steps} {
		header, data := small(axis).header()
		sum := sha256.Sum256(data)
		text, _ := json.Marshal(header)
		f.Add(bytes.Replace(text, []byte(hex.EncodeToString(sum[:])), []byte("DIGEST"), 1), data)
	}
	f.Fuzz(func(t *testing.T, header, data []byte) {
		// The digest is put right, or nothing that was changed would get past it.
		sum := sha256.Sum256(data)
		header = bytes.Replace(header, []byte("DIGEST"), []byte(hex.EncodeToString(sum[:])), 1)
		m, err := model.Decode(assemble(header, data), nil)
		var bad *model.FormatError
		if err != nil {
			if !errors.As(err, &bad) {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		p := m.Description().Preparation
		if p.Width*p.Height > 1<<12 || len(m.Description().Layers) > 16 {
			return
		}
		r, err := m.Infer(t.Context(), bytes.Repeat([]byte{255}, p.Width*p.Height), model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		total := 0.0
		for _, p := range r.Probabilities {
			total += p
		}
		if !(math.Abs(total-1) < 1e-9) {
			t.Fatalf("probabilities %v", r.Probabilities)
		}
	})
}
