package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// host is a board host for one network, which it has from the model's file and not from who asks. It needs nothing but Go,
// unlike the one of deploy/boardhost.
type host struct {
	*httptest.Server
	net    *spike.Network
	runner spike.Runner
	shape  spike.Shape // of the output
	report hw.Report

	mu    sync.Mutex
	wrong bool   // the next answer
	hang  string // what the paths end in that are never answered; "" for none
	key   string // of who asked last
}

func newHost(t *testing.T, file string) *host {
	t.Helper()
	var body taker
	if _, err := pipeline.OpenModel(t.Context(), file, model.DecodeOptions{Backend: &body}); err != nil {
		t.Fatal(err)
	}
	h := &host{net: body.net}
	var err error
	if h.runner, err = (spike.Simulator{}).Compile(t.Context(), h.net); err != nil {
		t.Fatal(err)
	}
	shapes, err := h.net.Shapes()
	if err != nil {
		t.Fatal(err)
	}
	h.shape = shapes[len(shapes)-1]
	stages, err := hw.Stages(h.net)
	if err != nil {
		t.Fatal(err)
	}
	h.report.Exact = true
	for _, s := range stages {
		h.report.Layers = append(h.report.Layers, hw.LayerReport{
			Layer: s.Weighted.LayerName, Neurons: s.Neurons.LayerName, Exact: true,
			NeuronCount: s.Neurons.StateLen(s.Out, h.net.Axis), Synapses: s.Synapses(),
		})
	}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (h *host) spoil() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wrong = true
}

func (h *host) lastKey() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.key
}

func (h *host) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	hang := h.hang
	h.mu.Unlock()
	if hang != "" && strings.HasSuffix(r.URL.Path, hang) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
		<-r.Context().Done()
		return
	}
	var answer any = struct{}{}
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/models/"), "/")
	digest := "sha256:" + strings.TrimPrefix(name, "spikeray-")
	switch {
	case r.URL.Path == "/v2":
		can, _ := json.Marshal(hw.Capabilities{
			Fidelity: hw.ExactEmulator, Axes: []spike.Axis{h.net.Axis}, Layers: []string{"conv2d"},
			Dynamics: []spike.Dynamics{spike.IntegrateAndFire}, MaxCount: 1, MaxSteps: spike.MaxSteps,
		})
		answer = oip.ServerMetadata{
			Extensions: []string{oip.BinaryTensorData, oip.ModelRepository}, Parameters: oip.Parameters{"board": "go", "capabilities": string(can)},
		}
	case strings.HasSuffix(r.URL.Path, "/infer"):
		h.infer(w, r, name, digest)
		return
	case strings.HasPrefix(r.URL.Path, "/v2/models/"):
		report, _ := json.Marshal(h.report)
		train := func(name string, s spike.Shape) []oip.TensorMetadata {
			return []oip.TensorMetadata{{Name: name, Datatype: oip.Uint8, Shape: []int64{-1, int64(s.H), int64(s.W), int64(s.C)}}}
		}
		answer = oip.ModelMetadata{
			Name: name, Inputs: train("in", h.net.Input), Outputs: train("out", h.shape),
			Parameters: oip.Parameters{"network": digest, "report": string(report)},
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (h *host) infer(w http.ResponseWriter, r *http.Request, name, digest string) {
	fail := func(err error) { http.Error(w, err.Error(), http.StatusBadRequest) }
	body, err := oip.Read(r.Body, r.ContentLength, 1<<26)
	if err != nil {
		fail(err)
		return
	}
	request, err := oip.DecodeRequest(body, r.Header.Get(oip.HeaderLength), oip.Limits{})
	if err != nil {
		fail(err)
		return
	}
	in := spike.Train{Axis: h.net.Axis, Shape: h.net.Input, Counts: request.Inputs[0].Data}
	steps := len(in.Counts) / h.net.Input.Len()
	out := spike.Train{Axis: h.net.Axis, Shape: h.shape, Counts: make([]uint8, steps*h.shape.Len())}
	var opt spike.RunOptions
	for _, o := range request.Outputs {
		if layer, asked := strings.CutPrefix(o.Name, "layer/"); asked {
			if opt.Recorder == nil {
				opt.Recorder = &spike.Recorder{}
			}
			opt.Recorder.Rasters = append(opt.Recorder.Rasters, layer)
		}
	}
	stats, err := h.runner.Run(r.Context(), in, out, opt)
	if err != nil {
		fail(err)
		return
	}
	h.mu.Lock()
	h.key, _ = request.Parameters.Text("owner_key")
	if i := slices.Index(out.Counts, 1); h.wrong && i >= 0 {
		out.Counts[i] = 0 // one too many would be impossible, and not only wrong
		h.wrong = false
	}
	h.mu.Unlock()
	tensor := func(name string, s spike.Shape, counts []uint8) oip.Tensor {
		return oip.Tensor{Name: name, Datatype: oip.Uint8, Shape: []int{steps, s.H, s.W, s.C}, Data: counts}
	}
	answer := oip.InferResponse{
		ModelName:  name,
		Outputs:    []oip.Tensor{tensor("out", h.shape, out.Counts)},
		Parameters: oip.Parameters{"network": digest, "spikes": stats.Spikes, "synaptic_operations": stats.SynapticOperations, "clipped": 0, "board_steps": steps, "saturated": 0},
	}
	if opt.Recorder != nil {
		for _, l := range opt.Recorder.Layers {
			layer := tensor("layer/"+l.Name, l.Raster.Shape, l.Raster.Counts)
			layer.Parameters = oip.Parameters{"synaptic_operations": l.SynapticOperations}
			answer.Outputs = append(answer.Outputs, layer)
		}
	}
	body, header, err := answer.Encode()
	if err != nil {
		fail(err)
		return
	}
	w.Header().Set(oip.HeaderLength, header)
	_, _ = w.Write(body)
}

// What SIGHUP is for: a board that answered wrongly is asked again once an operator says so, and not before.
func TestHangupLiftsAQuarantine(t *testing.T) {
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	h := newHost(t, file)
	addr := freeAddr(t)
	p := serve(t, nil, "--addr="+addr, "--model="+file, "--board=remote", "--board-option=url="+h.URL, "--board-retry=50ms", "--board-canary=0")
	if a := p.ask(t); a.Status != 200 || a.Backend.Name != "remote-go" || p.readiness(t) != 200 {
		t.Fatalf("a healthy board: %+v", a)
	}
	if h.lastKey() == "" {
		t.Error("the server has no key by which it takes its board over from itself")
	}
	h.spoil()
	if a := p.ask(t); a.Status != 503 || a.Type != "urn:spikeray:problem:board-unavailable" {
		t.Errorf("a wrong answer: %+v", a)
	}
	waitFor(t, p, `spikeray_board_state{board="remote",state="quarantined"} 1`)
	if a := p.ask(t); a.Status != 503 || p.readiness(t) != 503 {
		t.Errorf("in quarantine: %+v", a)
	}
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	waitFor(t, p, `spikeray_board_state{board="remote",state="closed"} 1`)
	if a := p.ask(t); a.Status != 200 || a.Backend.Name != "remote-go" {
		t.Errorf("after the hangup: %+v", a)
	}
	if status, logs := p.end(t); status != 0 || !strings.Contains(logs, `"state":"quarantined"`) {
		t.Errorf("status %d\n%s", status, logs)
	}
}

func TestSelftestWaitsNoLongerThanItIsTold(t *testing.T) {
	file := write(t, testmodel.BoardFile("mine"), t.TempDir(), "mine.safetensors")
	for _, c := range []struct{ hang, flag string }{{"/infer", "--board-timeout=200ms"}, {"/v2", "--board-start-timeout=200ms"}} {
		h := newHost(t, file)
		h.hang = c.hang
		began := time.Now()
		r := spikeray(t, nil, "board", "selftest", "--board=remote", "--board-option=url="+h.URL, "--model="+file, c.flag)
		if took := time.Since(began); r.status != 1 || took < 200*time.Millisecond || took > 8*time.Second {
			t.Errorf("%s: %+v after %v", c.flag, r, took)
		}
	}
	if r := spikeray(t, nil, "board", "selftest", "--board=remote", "--board-option=url="+newHost(t, file).URL, "--model="+file); r.status != 0 ||
		!strings.Contains(r.out, "every spike is the simulator's") {
		t.Errorf("a healthy host: %+v", r)
	}
}
