package remote

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Place sends the network to the host, which reports how it fits. Place waits until the board has finished this process's
// other requests, and makes this process the board's owner.
func (b *board) Place(ctx context.Context, n *spike.Network) (hw.Placement, error) {
	if err := b.alive(ctx); err != nil {
		return nil, err
	}
	p := &program{board: b, net: n, output: n.Input, model: b.options.Model}
	var err error
	if p.stages, err = hw.Stages(n); err != nil {
		return nil, err
	}
	if p.shapes, err = n.Shapes(); err != nil {
		return nil, err
	}
	refusal := &hw.Refusal{Board: b.Name()}
	names := map[string]bool{}
	for i, l := range n.Layers {
		p.output = p.shapes[i]
		if neurons, ok := l.(*spike.Neurons); ok {
			p.layers = append(p.layers, layerOutput{neurons, p.shapes[i]})
			if neurons.Most > 1 {
				refusal.Add(l.Name(), "its spikes are graded, up to %d in a step; a board host's integrate-and-fire neurons fire at most once", neurons.Most)
			}
		}
		if names[l.Name()] {
			refusal.Add(l.Name(), "another layer has the same name")
		}
		names[l.Name()] = true
	}
	if len(p.layers) == 0 {
		refusal.Add("", "it has no layer between its first neurons and its read-out")
	}
	if err := refusal.Err(); err != nil {
		return nil, err
	}
	if p.file, p.digest, err = encodeNetwork(n); err != nil {
		return nil, err
	}
	if p.model == "" {
		p.model = "spikeray-" + strings.TrimPrefix(p.digest, "sha256:")
	}
	free, err := b.take(ctx)
	if err != nil {
		return nil, err
	}
	defer free()
	if err := p.send(ctx); err != nil {
		return nil, err
	}
	if p.report, err = p.verify(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// forgotten says whether the host has no such network any more: it was started again, or has thrown the network out.
func (p *program) forgotten(err error) bool {
	var host *HostError
	return p.board.options.Model == "" && errors.As(err, &host) && host.Status == http.StatusNotFound
}

func (p *program) restore(ctx context.Context) error {
	if err := p.send(ctx); err != nil {
		return err
	}
	_, err := p.verify(ctx)
	return err
}

// send gives the host the network, unless it has it by itself.
func (p *program) send(ctx context.Context) error {
	b := p.board
	if b.options.Model != "" {
		return nil
	}
	body, err := json.Marshal(oip.RepositoryRequest{Parameters: b.parameters(oip.Parameters{
		"config": `{"backend":"spikeray"}`, fileName: base64.StdEncoding.EncodeToString(p.file),
	})})
	if err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	b.mu.Lock()
	if b.loaded != nil {
		b.loaded[p.model] = true
	}
	b.mu.Unlock()
	_, _, err = b.ask(ctx, http.MethodPost, "/v2/repository/models/"+p.model+"/load", body, "", maxObject)
	var refusal *hw.Refusal
	if errors.As(err, &refusal) {
		b.mu.Lock()
		delete(b.loaded, p.model)
		b.mu.Unlock()
	}
	return err
}

// verify holds what the host says of the network to what it is, and gives its report.
func (p *program) verify(ctx context.Context) (r hw.Report, err error) {
	var m oip.ModelMetadata
	if err := p.board.get(ctx, "/v2/models/"+url.PathEscape(p.model), &m); err != nil {
		return r, err
	}
	if err := p.same(m.Parameters); err != nil {
		return r, err
	}
	if !slices.ContainsFunc(m.Inputs, func(t oip.TensorMetadata) bool { return p.fits(t, "in", p.net.Input) }) ||
		!slices.ContainsFunc(m.Outputs, func(t oip.TensorMetadata) bool { return p.fits(t, "out", p.output) }) {
		return r, wrong("inputs %v and outputs %v do not match the network's", m.Inputs, m.Outputs)
	}
	text, err := m.Parameters.Text("report")
	if err != nil {
		return r, wrong("%v", err)
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, wrong("report: %v", err)
	}
	if len(r.Layers) != len(p.stages) {
		return r, wrong("a report of %d layers, expected %d, one for each layer with weights", len(r.Layers), len(p.stages))
	}
	for i, l := range r.Layers {
		s := &p.stages[i]
		neurons, synapses := s.Neurons.StateLen(s.Out, p.net.Axis), s.Synapses()
		if l.Layer != s.Weighted.LayerName || l.Neurons != s.Neurons.LayerName || l.NeuronCount != neurons || l.Synapses != synapses {
			return r, wrong("a report of layer %.80q with %d neurons %.80q and %d synapses, expected %q with %d neurons %q and %d synapses",
				l.Layer, l.NeuronCount, l.Neurons, l.Synapses, s.Weighted.LayerName, neurons, s.Neurons.LayerName, synapses)
		}
	}
	r.Board = p.board.Name()
	return r, nil
}

func (p *program) same(parameters oip.Parameters) error {
	digest, err := parameters.Text("network")
	if err != nil {
		return wrong("%v", err)
	}
	if digest != p.digest {
		return fmt.Errorf("%w: %.80q, expected %s", ErrNetworkDiffers, digest, p.digest)
	}
	return nil
}

// fits says whether a tensor is described as spikes of a shape.
func (p *program) fits(t oip.TensorMetadata, name string, s spike.Shape) bool {
	shape := []int64{int64(s.H), int64(s.W), int64(s.C)}
	if p.net.Axis == spike.Steps {
		shape = append([]int64{-1}, shape...)
	}
	return t.Name == name && t.Datatype == oip.Uint8 && slices.Equal(t.Shape, shape)
}
