package remote

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// goHost is a board host in Go with our simulator behind it, for what a test wants to see of the wire, and to go wrong.
type goHost struct {
	*httptest.Server
	// Each may change an answer of that kind before it is sent.
	capabilities func(*hw.Capabilities)
	server       func(*oip.ServerMetadata)
	metadata     func(*oip.ModelMetadata)
	answer       func(*oip.InferResponse)
	// before, if not nil, sees every request, and answers it if it returns true.
	before func(http.ResponseWriter, *http.Request) bool

	mu     sync.Mutex
	models map[string]*goModel
	loads  int
}

type goModel struct {
	net     *spike.Network
	digest  string
	program hw.Program
}

func newGoHost(t *testing.T) *goHost {
	h := &goHost{models: map[string]*goModel{}}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (h *goHost) serve(w http.ResponseWriter, r *http.Request) {
	if h.before != nil && h.before(w, r) {
		return
	}
	var object any = struct{}{}
	var err error
	path := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2"), "/")
	switch verb := r.Method + " " + path[len(path)-1]; {
	case r.URL.Path == "/v2":
		object = h.introduce()
	case r.URL.Path == "/v2/health/ready":
	case verb == "POST load":
		err = h.load(r.Context(), path[3], r.Body)
	case verb == "POST unload":
	case verb == "POST infer":
		var body []byte
		var header string
		if body, header, err = h.infer(path[2], r); err == nil {
			w.Header().Set(oip.HeaderLength, header)
			w.Write(body)
			return
		}
	case r.Method == "GET" && len(path) == 3:
		object, err = h.describe(path[2])
	default:
		err = &HostError{Status: 404, Message: r.URL.Path}
	}
	if err != nil {
		status, reasons := 400, []hw.Reason(nil)
		var host *HostError
		var refusal *hw.Refusal
		if errors.As(err, &host) {
			status = host.Status
		}
		if errors.As(err, &refusal) {
			reasons = refusal.Reasons
		}
		w.WriteHeader(status)
		object = map[string]any{"error": err.Error(), "reasons": reasons}
	}
	json.NewEncoder(w).Encode(object)
}

func (h *goHost) introduce() oip.ServerMetadata {
	c := hwtest.Simulator().Capabilities()
	if h.capabilities != nil {
		h.capabilities(&c)
	}
	text, _ := json.Marshal(c)
	m := oip.ServerMetadata{
		Name: "test", Extensions: []string{oip.BinaryTensorData, oip.ModelRepository},
		Parameters: oip.Parameters{"board": "go", "capabilities": string(text)},
	}
	if h.server != nil {
		h.server(&m)
	}
	return m
}

func (h *goHost) model(name string) (*goModel, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.models[name]; m != nil {
		return m, nil
	}
	return nil, &HostError{Status: 404, Message: "no such model"}
}

func (h *goHost) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.models)
}

func (h *goHost) load(ctx context.Context, name string, body io.Reader) error {
	var r oip.RepositoryRequest
	if err := json.NewDecoder(body).Decode(&r); err != nil {
		return err
	}
	text, _ := r.Parameters.Text(fileName)
	file, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	n, err := decodeNetwork(file)
	if err != nil {
		return err
	}
	_, digest, err := encodeNetwork(n) // of what was understood, not of what was sent
	if err != nil {
		return err
	}
	placed, err := hwtest.Simulator().Place(ctx, n)
	if err != nil {
		return err
	}
	program := placed.(hw.Program)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loads++
	h.models[name] = &goModel{n, digest, program}
	return nil
}

func (h *goHost) describe(name string) (any, error) {
	m, err := h.model(name)
	if err != nil {
		return nil, err
	}
	shapes, err := m.net.Shapes()
	if err != nil {
		return nil, err
	}
	shape := func(s spike.Shape) []int64 {
		dims := []int64{int64(s.H), int64(s.W), int64(s.C)}
		if m.net.Axis == spike.Steps {
			return append([]int64{-1}, dims...)
		}
		return dims
	}
	report, err := json.Marshal(m.program.Report())
	if err != nil {
		return nil, err
	}
	o := oip.ModelMetadata{
		Name: name, Platform: "test",
		Inputs:     []oip.TensorMetadata{{Name: "in", Datatype: oip.Uint8, Shape: shape(m.net.Input)}},
		Outputs:    []oip.TensorMetadata{{Name: "out", Datatype: oip.Uint8, Shape: shape(shapes[len(shapes)-1])}},
		Parameters: oip.Parameters{"network": m.digest, "report": string(report)},
	}
	if h.metadata != nil {
		h.metadata(&o)
	}
	return o, nil
}

func (h *goHost) infer(name string, r *http.Request) (body []byte, header string, err error) {
	m, err := h.model(name)
	if err != nil {
		return nil, "", err
	}
	sent, err := oip.Read(r.Body, r.ContentLength, 1<<26)
	if err != nil {
		return nil, "", err
	}
	req, err := oip.DecodeRequest(sent, r.Header.Get(oip.HeaderLength), oip.Limits{})
	if err != nil {
		return nil, "", err
	}
	shapes, err := m.net.Shapes()
	if err != nil {
		return nil, "", err
	}
	in := spike.Train{Axis: m.net.Axis, Shape: m.net.Input, Counts: req.Inputs[0].Data}
	passes := len(in.Counts) / m.net.Input.Len()
	last := shapes[len(shapes)-1]
	out := spike.Train{Axis: m.net.Axis, Shape: last, Counts: make([]byte, passes*last.Len())}
	opt := spike.RunOptions{}
	var rec spike.Recorder
	for _, o := range req.Outputs {
		if layer, ok := strings.CutPrefix(o.Name, "layer/"); ok {
			rec.Rasters = append(rec.Rasters, layer)
			opt.Recorder = &rec
		}
	}
	stats, seen, err := m.program.Measure(r.Context(), in, out, opt)
	if err != nil {
		return nil, "", err
	}
	shape := func(s spike.Shape) []int {
		if m.net.Axis == spike.Steps {
			return []int{passes, s.H, s.W, s.C}
		}
		return []int{s.H, s.W, s.C}
	}
	a := oip.InferResponse{ModelName: name, Outputs: []oip.Tensor{{Name: "out", Datatype: oip.Uint8, Shape: shape(last), Data: out.Counts}}, Parameters: oip.Parameters{
		"network": m.digest, "spikes": stats.Spikes, "synaptic_operations": stats.SynapticOperations, "clipped": stats.Clipped,
		"board_steps": seen.BoardSteps, "saturated": seen.Saturated,
	}}
	for _, l := range rec.Layers {
		a.Outputs = append(a.Outputs, oip.Tensor{
			Name: "layer/" + l.Name, Datatype: oip.Uint8, Shape: shape(l.Raster.Shape), Data: l.Raster.Counts,
			Parameters: oip.Parameters{"synaptic_operations": l.SynapticOperations},
		})
	}
	if h.answer != nil {
		h.answer(&a)
	}
	return a.Encode()
}

// decodeNetwork reads what encodeNetwork wrote.
func decodeNetwork(file []byte) (*spike.Network, error) {
	length := binary.LittleEndian.Uint64(file)
	header, data := file[8:8+length], file[8+length:]
	var tensors map[string]json.RawMessage
	if err := json.Unmarshal(header, &tensors); err != nil {
		return nil, err
	}
	var meta map[string]string
	if err := json.Unmarshal(tensors["__metadata__"], &meta); err != nil {
		return nil, err
	}
	var d description
	if err := json.Unmarshal([]byte(meta[metadataKey]), &d); err != nil {
		return nil, err
	}
	span := func(name string) (t tensor, raw []byte) {
		if json.Unmarshal(tensors[name], &t) != nil {
			return t, nil
		}
		return t, data[t.Offsets[0]:t.Offsets[1]]
	}
	floats := func(name string) (x []float32) {
		_, raw := span(name)
		for ; len(raw) > 0; raw = raw[4:] {
			x = append(x, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		}
		return x
	}
	weights := func(l layer) (w spike.Weights) {
		if t, raw := span(l.Weights); t.DType == "I8" {
			for _, b := range raw {
				w.Int8 = append(w.Int8, int8(b))
			}
			w.Scale = floats(l.Scale)
		} else {
			w.Float32 = floats(l.Weights)
		}
		if l.Bias != "" {
			w.Bias = floats(l.Bias)
		}
		return w
	}
	neurons := func(l layer) *spike.Neurons {
		return &spike.Neurons{
			LayerName: l.Name, Dynamics: l.Model, DT: l.DT, Threshold: l.Threshold, Decay: l.Decay, Amplitude: l.Amplitude, Reset: l.Reset, Most: l.Most,
			Start: spike.Start{Kind: l.Start.Kind, Value: l.Start.Value, Seed: l.Start.Seed},
		}
	}
	n := &spike.Network{Axis: d.Axis, Steps: d.Steps, Exact: d.Exact, Source: neurons(d.Source), Input: spike.Shape{H: d.Input[0], W: d.Input[1], C: d.Input[2]}}
	for _, l := range d.Layers {
		switch l.Type {
		case "conv2d":
			n.Layers = append(n.Layers, &spike.Conv2D{LayerName: l.Name, Kernel: *l.Kernel, Stride: *l.Stride, Same: l.Padding == "same", Channels: l.Channels, Weights: weights(l)})
		case "dense":
			n.Layers = append(n.Layers, &spike.Dense{LayerName: l.Name, Units: l.Units, Weights: weights(l)})
		case "max_pool2d":
			n.Layers = append(n.Layers, &spike.MaxPool2D{LayerName: l.Name, Pool: *l.Pool, Stride: *l.Stride})
		case "flatten":
			n.Layers = append(n.Layers, &spike.Flatten{LayerName: l.Name})
		case "neurons":
			n.Layers = append(n.Layers, neurons(l))
		default:
			return nil, fmt.Errorf("layer type %q", l.Type)
		}
	}
	return n, nil
}
