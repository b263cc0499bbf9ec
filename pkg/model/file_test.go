package model_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
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

// gated is small with a calibration, operating points and a gate of its own kind of time.
func gated(axis spike.Axis) parts {
	p := small(axis)
	delete(p.description, "threshold")
	share := map[string]any{"value": 0.9, "low": 0.8, "high": 0.95}
	point := func(name string, threshold float64) map[string]any {
		return map[string]any{"name": name, "threshold": threshold, "sensitivity": maps.Clone(share), "specificity": maps.Clone(share)}
	}
	p.description["calibration"] = map[string]any{"method": "logistic", "slope": 1.5, "intercept": -0.5, "prevalence": 0.7}
	p.description["operating_points"] = []map[string]any{point("balanced", 0.5), point("screening", 0.2)}
	rng := rand.New(rand.NewPCG(7, 8))
	for name, shape := range map[string][]int{"gate.conv": {3, 3, 1, 2}, "gate.dense": {2 * 4 * 4, 3}} {
		w := make([]float32, len(p.tensors["conv1.weights"])/2)
		if name == "gate.dense" {
			w = make([]float32, 2*4*4*3)
		}
		for i := range w {
			w[i] = float32(rng.NormFloat64()) / 3
		}
		p.tensors[name], p.shapes[name] = w, shape
	}
	p.description["gate"] = map[string]any{
		"width": 8, "height": 8, "scale": 255, "labels": []string{"chest", "other", "rotated"}, "accept": "chest", "threshold": 0.5,
		"time": map[string]any{"axis": "steps", "steps": 1},
		"layers": []map[string]any{
			{"type": "conv2d", "name": "conv1", "kernel": []int{3, 3}, "stride": []int{2, 2}, "padding": "same", "channels": 2, "weights": "gate.conv"},
			{"type": "neurons", "name": "spike1", "model": "integrate_and_fire", "threshold": 0.5, "amplitude": 1, "reset": "zero",
				"start": map[string]any{"kind": "constant", "value": 0.1}},
			{"type": "flatten", "name": "flatten"},
			{"type": "dense", "name": "dense", "units": 3, "weights": "gate.dense"},
			{"type": "softmax", "name": "softmax"},
		},
	}
	return p
}

// part is an object of the description, by its name.
func (p parts) part(name string) map[string]any { return p.description[name].(map[string]any) }

func (p parts) layer(i int) map[string]any { return p.description["layers"].([]map[string]any)[i] }

// header gives the safetensors header, of a file that says digest of itself unless the description has one, and the data.
func (p parts) header(digest string) (map[string]any, []byte) {
	header := map[string]any{}
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(p.tensors)) {
		begin := len(data)
		for _, v := range p.tensors[name] {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": p.shapes[name], "data_offsets": []int{begin, len(data)}}
	}
	said := maps.Clone(p.description)
	if _, given := said["file_sha256"]; !given {
		said["file_sha256"] = digest
	}
	header["__metadata__"] = map[string]string{"spikeray": string(encode(said))}
	return header, data
}

func (p parts) file() []byte {
	return testmodel.Sealed(func(digest string) []byte {
		header, data := p.header(digest)
		return assemble(encode(header), data)
	})
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
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
	m, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
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
		"population too long": {set("population", strings.Repeat("a", 2000)), "population"},
		"population of lines": {set("population", "children\nadults"), "population"},
		"ages that fall":      {set("ages", []int{5, 1}), "ages"},
		"ages above 150":      {set("ages", []int{0, 151}), "ages"},
		"one label":           {set("labels", []string{"PNEUMONIA"}), "labels"},
		"label twice":         {set("labels", []string{"PNEUMONIA", "PNEUMONIA"}), "labels"},
		"positive":            {set("positive", "HEALTHY"), "positive"},
		"threshold":           {set("threshold", 1.5), "threshold"},
		"unknown key":         {set("pickle", "yes"), "description"},
		"training":            {set("training", []int{1}), "training"},
		"digest":              {set("file_sha256", strings.Repeat("0", 64)), "file_sha256"},
		"digest length":       {set("file_sha256", "00"), "file_sha256"},
		"picture size":        {set("preparation", map[string]any{"width": 1 << 30, "height": 1, "resize": "bilinear_antialiased", "scale": 255}), "preparation"},
		"resize":              {set("preparation", map[string]any{"width": 12, "height": 14, "resize": "nearest", "scale": 255}), "preparation.resize"},
		"scale":               {set("preparation", map[string]any{"width": 12, "height": 14, "resize": "bilinear_antialiased", "scale": 0}), "preparation.scale"},
		"axis":                {set("time", map[string]any{"axis": "columns"}), "time.axis"},
		"steps":               {set("time", map[string]any{"axis": "steps", "steps": 65}), "time.steps"},
		"steps of rows":       {set("time", map[string]any{"axis": "rows", "steps": 4}), "time.steps"},
		"no time":             {func(p parts) { delete(p.description, "time") }, "time"},
		"time of null":        {set("time", nil), "description"},
		"no layers":           {set("layers", []map[string]any{}), "layers"},
		"layer type":          {layer(0, "type", "lambda"), `layers[0] "conv1" type`},
		"layer name twice":    {layer(1, "name", "conv1"), `layers[1] "conv1" name`},
		"foreign field":       {layer(0, "units", 3), `layers[0] "conv1" units`},
		"kernel":              {layer(0, "kernel", []int{3, 99}), `layers[0] "conv1" kernel`},
		"no kernel":           {func(p parts) { delete(p.layer(0), "kernel") }, `layers[0] "conv1" kernel`},
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
		"threshold of a ReLU": {layer(1, "threshold", 0.5), `layers[1] "spike1" threshold`},
		"reset":               {layer(4, "reset", "never"), "layers"},
		"no start":            {func(p parts) { delete(p.layer(1), "start") }, `layers[1] "spike1" start`},
		"start of both":       {layer(1, "start", map[string]any{"kind": "uniform", "seed": 1, "value": 2}), `layers[1] "spike1" start.value`},
		"softmax early":       {layer(8, "type", "softmax"), `layers[8] "relu1" type`},
		"relu in the body":    {func(p parts) { p.layer(5)["type"], p.layer(4)["type"] = "relu", "relu" }, `layers[4] "spike2" amplitude`},
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
		_, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v, expected a FormatError of %q", name, err, c.field)
		}
	}
}

func TestDecodeRefusesSpoiledCalibrationsPointsAndGates(t *testing.T) {
	set := func(part, key string, v any) func(parts) { return func(p parts) { p.part(part)[key] = v } }
	without := func(part, key string) func(parts) { return func(p parts) { delete(p.part(part), key) } }
	point := func(i int, key string, v any) func(parts) {
		return func(p parts) { p.description["operating_points"].([]map[string]any)[i][key] = v }
	}
	layer := func(i int, key string, v any) func(parts) {
		return func(p parts) { p.part("gate")["layers"].([]map[string]any)[i][key] = v }
	}
	share := func(low, value, high float64) map[string]any {
		return map[string]any{"low": low, "value": value, "high": high}
	}
	for name, c := range map[string]struct {
		spoil func(parts)
		field string
	}{
		"method":           {set("calibration", "method", "isotonic"), "calibration.method"},
		"slope of zero":    {set("calibration", "slope", 0), "calibration.slope"},
		"slope down":       {set("calibration", "slope", -1), "calibration.slope"},
		"slope too steep":  {set("calibration", "slope", 1e39), "calibration.slope"},
		"intercept":        {set("calibration", "intercept", -1e39), "calibration.intercept"},
		"prevalence of 0":  {set("calibration", "prevalence", 0), "calibration.prevalence"},
		"prevalence of 1":  {set("calibration", "prevalence", 1), "calibration.prevalence"},
		"no slope":         {without("calibration", "slope"), "description"},
		"no intercept":     {without("calibration", "intercept"), "description"},
		"no prevalence":    {without("calibration", "prevalence"), "description"},
		"calibration more": {set("calibration", "fitted_on", "x"), "description"},
		"calibration null": {func(p parts) { p.description["calibration"] = nil }, "description"},
		"three labels":     {func(p parts) { p.description["labels"] = []string{"NORMAL", "PNEUMONIA", "OTHER"} }, "calibration"},
		"threshold too":    {func(p parts) { p.description["threshold"] = 0.5 }, "threshold"},
		"no threshold":     {func(p parts) { delete(p.description, "operating_points") }, "threshold"},
		"no points":        {func(p parts) { p.description["operating_points"] = []any{} }, "operating_points"},
		"nine points": {func(p parts) {
			p.description["operating_points"] = slices.Repeat([]any{p.description["operating_points"].([]map[string]any)[0]}, 9)
		}, "operating_points"},
		"point's name":      {point(0, "name", "Balanced"), "operating_points.name"},
		"point twice":       {point(1, "name", "balanced"), "operating_points.name"},
		"point's threshold": {point(0, "threshold", 1.01), "operating_points.threshold"},
		"point in part":     {func(p parts) { delete(p.description["operating_points"].([]map[string]any)[1], "specificity") }, "description"},
		"low above value":   {point(0, "sensitivity", share(0.9, 0.8, 0.95)), "operating_points.sensitivity"},
		"high below value":  {point(0, "specificity", share(0.7, 0.8, 0.75)), "operating_points.specificity"},
		"share above 1":     {point(1, "specificity", share(0.7, 0.8, 1.5)), "operating_points.specificity"},
		"share below 0":     {point(1, "sensitivity", share(-0.1, 0.8, 0.9)), "operating_points.sensitivity"},
		"no low":            {point(1, "sensitivity", map[string]any{"value": 0.5, "high": 0.6}), "description"},
		"gate's width":      {set("gate", "width", 0), "gate.width"},
		"gate's height":     {set("gate", "height", 2000), "gate.width"},
		"no width":          {without("gate", "width"), "description"},
		"gate's scale":      {set("gate", "scale", 0), "gate.scale"},
		"small scale":       {set("gate", "scale", 1e-60), "gate.scale"},
		"one label":         {set("gate", "labels", []string{"chest"}), "gate.labels"},
		"label twice":       {set("gate", "labels", []string{"chest", "other", "other"}), "gate.labels"},
		"17 labels":         {set("gate", "labels", strings.Split("chest b c d e f g h i j k l m n o p q", " ")), "gate.labels"},
		"a label too many":  {set("gate", "labels", []string{"chest", "other", "rotated", "cropped"}), `gate.layers[4] "softmax" type`},
		"accept":            {set("gate", "accept", "x-ray"), "gate.accept"},
		"gate's threshold":  {set("gate", "threshold", -0.5), "gate.threshold"},
		"no gate threshold": {without("gate", "threshold"), "description"},
		"no time":           {without("gate", "time"), "gate.time"},
		"steps":             {set("gate", "time", map[string]any{"axis": "steps", "steps": 65}), "gate.time.steps"},
		"no layers":         {set("gate", "layers", []any{}), "gate.layers"},
		"gate more":         {set("gate", "preparation", map[string]any{}), "description"},
		"layer":             {layer(0, "padding", "full"), `gate.layers[0] "conv1" padding`},
		"layer name twice":  {layer(2, "name", "conv1"), `gate.layers[2] "conv1" name`},
		"tensor of another": {layer(3, "weights", "dense1.weights"), "tensor dense1.weights"},
		"no tensor":         {layer(3, "weights", "nothing"), "tensor nothing"},
		"NaN":               {func(p parts) { p.tensors["gate.conv"][3] = float32(math.NaN()) }, "tensor gate.conv"},
		"overflow":          {func(p parts) { p.tensors["gate.dense"][3] = 2e30 }, `gate.layers[3] "dense" weights`},
		"layers together": {func(p parts) {
			gate, relus := p.part("gate"), []map[string]any{}
			for i := range 246 - len(gate["layers"].([]map[string]any)) {
				relus = append(relus, map[string]any{"type": "relu", "name": fmt.Sprint("relu", i)})
			}
			gate["layers"] = append(relus, gate["layers"].([]map[string]any)...)
		}, "gate.layers"},
	} {
		p := gated(spike.Steps)
		c.spoil(p)
		_, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v, expected a FormatError of %q", name, err, c.field)
		}
	}
}

// early is a decision for so many steps, with the gated model's points by name.
func early(steps int, slope float64, names ...string) map[string]any {
	share := map[string]any{"value": 0.7, "low": 0.6, "high": 0.8}
	var points []map[string]any
	for i, name := range names {
		points = append(points, map[string]any{"name": name, "threshold": 0.6 - 0.1*float64(i), "sensitivity": share, "specificity": share})
	}
	return map[string]any{"steps": steps, "operating_points": points,
		"calibration": map[string]any{"method": "logistic", "slope": slope, "intercept": 0.25, "prevalence": 0.5}}
}

func TestDecodeRefusesSpoiledEarlyDecisions(t *testing.T) {
	set := func(key string, v any) func(parts) {
		return func(p parts) { p.description["early"].([]map[string]any)[1][key] = v }
	}
	of := func(entries ...any) func(parts) {
		return func(p parts) { p.description["early"] = append([]any{}, entries...) }
	}
	entry := func(steps int) any { return early(steps, 1, "balanced", "screening") }
	for name, c := range map[string]struct {
		spoil func(parts)
		field string
	}{
		"none":              {of(), "early"},
		"null":              {func(p parts) { p.description["early"] = nil }, "description"},
		"too many":          {of(entry(1), entry(2), entry(3), entry(3)), "early"},
		"no steps":          {func(p parts) { delete(p.description["early"].([]map[string]any)[1], "steps") }, "description"},
		"step 0":            {of(entry(0)), "early[0].steps"},
		"all steps":         {set("steps", 4), "early[1].steps"},
		"twice":             {set("steps", 1), "early[1].steps"},
		"descending":        {of(entry(2), entry(1)), "early[1].steps"},
		"more":              {set("gate", map[string]any{}), "description"},
		"threshold too":     {set("threshold", 0.5), "early[1].threshold"},
		"no calibration":    {func(p parts) { delete(p.description["early"].([]map[string]any)[1], "calibration") }, "early[1].calibration"},
		"calibration alone": {func(p parts) { delete(p.description, "calibration") }, "early[0].calibration"},
		"slope":             {of(early(2, 0, "balanced", "screening")), "early[0].calibration.slope"},
		"a point less":      {of(early(2, 1, "balanced")), "early[0].operating_points"},
		"another point":     {of(early(2, 1, "balanced", "other")), "early[0].operating_points"},
		"another order":     {of(early(2, 1, "screening", "balanced")), "early[0].operating_points"},
		"point twice":       {of(early(2, 1, "balanced", "balanced")), "early[0].operating_points.name"},
		"rows":              {func(p parts) { p.description["time"] = map[string]any{"axis": "rows"} }, "early"},
	} {
		p := gated(spike.Steps)
		p.description["early"] = []map[string]any{early(1, 1, "balanced", "screening"), early(3, 1, "balanced", "screening")}
		c.spoil(p)
		_, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v, expected a FormatError of %q", name, err, c.field)
		}
	}
}

// Work is counted over both networks, poolings among it: each of these looks at close to 16 Mi elements 961 times.
func TestDecodeBoundsTheWorkOfTheWholeFile(t *testing.T) {
	for _, c := range []struct {
		own, gate int // poolings
		want      string
	}{{1, 1, ""}, {6, 0, "layers["}, {0, 6, "gate.layers["}, {3, 3, "gate.layers["}} {
		p := gated(spike.Steps)
		clear(p.tensors)
		gate := p.part("gate")
		for _, size := range []map[string]any{gate, p.part("preparation")} {
			size["width"], size["height"] = 1024, 1024
		}
		network := func(poolings int, tensors string, units int) []map[string]any {
			conv, dense := tensors+"conv", tensors+"dense"
			p.tensors[conv], p.shapes[conv] = make([]float32, 16), []int{1, 1, 1, 16}
			p.tensors[dense], p.shapes[dense] = make([]float32, 16*units), []int{16, units}
			layers := []map[string]any{{"type": "conv2d", "name": "conv", "kernel": []int{1, 1}, "stride": []int{1, 1}, "padding": "same",
				"channels": 16, "weights": conv}}
			for i := range poolings {
				layers = append(layers, map[string]any{"type": "average_pool2d", "name": fmt.Sprint("pool", i), "pool": []int{31, 31}, "stride": []int{1, 1}})
			}
			return append(layers, map[string]any{"type": "global_average_pool2d", "name": "average"},
				map[string]any{"type": "dense", "name": "dense", "units": units, "weights": dense}, map[string]any{"type": "softmax", "name": "softmax"})
		}
		delete(p.description, "time")
		delete(gate, "time")
		p.description["layers"], gate["layers"] = network(c.own, "own.", 2), network(c.gate, "gate.", 3)
		_, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
		var bad *model.FormatError
		if c.want == "" && err == nil {
			continue
		}
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.Field, c.want) || !strings.Contains(bad.Reason, "multiply-accumulates") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// encoding/json would take all of these.
func TestDecodeReadsKeysToTheLetter(t *testing.T) {
	header, data := small(spike.Rows).header("")
	description := header["__metadata__"].(map[string]string)["spikeray"]
	for name, change := range map[string]func(string) string{
		"other case":    func(d string) string { return strings.Replace(d, `"positive"`, `"Positive"`, 1) },
		"Kelvin's sign": func(d string) string { return strings.Replace(d, `"kernel"`, `"\u212aernel"`, 1) },
		"twice":         func(d string) string { return strings.Replace(d, `"format":1`, `"format":2,"format":1`, 1) },
		"twice below":   func(d string) string { return strings.Replace(d, `"width":12`, `"width":9,"width":12`, 1) },
		"provenance":    func(d string) string { return strings.Replace(d, `"recipe"`, `"a":{"b":1,"b":2},"recipe"`, 1) },
		"three sides":   func(d string) string { return strings.Replace(d, `"kernel":[3,3]`, `"kernel":[3,3,3]`, 1) },
		"one side":      func(d string) string { return strings.Replace(d, `"pool":[2,2]`, `"pool":[2]`, 1) },
		"null":          func(d string) string { return strings.Replace(d, `"bias":"conv1.bias"`, `"bias":null`, 1) },
		"more":          func(d string) string { return d + "{}" },
		"deep":          func(d string) string { return strings.Repeat("[", 100_000) },
	} {
		changed := change(description)
		if changed == description {
			t.Fatalf("%s changes nothing", name)
		}
		header["__metadata__"] = map[string]string{"spikeray": changed}
		text, _ := json.Marshal(header)
		_, err := model.Decode(t.Context(), assemble(text, data), model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != "description" {
			t.Errorf("%s: %v", name, err)
		}
	}
	free := small(spike.Rows)
	free.description["training"] = map[string]any{"Any Key": map[string]any{"x": nil}}
	if _, err := model.Decode(t.Context(), free.file(), model.DecodeOptions{}); err != nil {
		t.Errorf("provenance: %v", err)
	}
	for name, entry := range map[string]string{
		"other case":    `{"Dtype":"F32","shape":[1],"data_offsets":[0,4]}`,
		"twice":         `{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}`,
		"three offsets": `{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}`,
		"no shape":      `{"dtype":"F32","data_offsets":[0,4]}`,
	} {
		_, err := model.Decode(t.Context(), assemble([]byte(`{"a":`+entry+`}`), make([]byte, 4)), model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != "header" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// By the order of the fields, that is; in that of a map it would be another one each time.
func TestDecodeNamesTheFirstKeyThatIsMissing(t *testing.T) {
	for range 20 {
		_, err := model.Decode(t.Context(), assemble([]byte(`{"a":{"dtype":"F32"}}`), nil), model.DecodeOptions{})
		if err == nil || !strings.Contains(err.Error(), `"shape" is missing`) {
			t.Fatal(err)
		}
	}
}

func TestDecodeRefusesSpoiledFiles(t *testing.T) {
	whole := small(spike.Rows).file()
	header, data := small(spike.Rows).header(strings.Repeat("0", 64))
	text := encode(header)
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
		_, err := model.Decode(t.Context(), c.file, model.DecodeOptions{})
		var bad *model.FormatError
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("%s: %v, expected a FormatError of %q", name, err, c.field)
		}
	}
}
