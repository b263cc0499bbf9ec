package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Model is a model ready to answer. It is safe for concurrent use.
type Model struct {
	description *Description
	digest      string
	backend     string
	net         *network
	runner      spike.Runner // nil without neurons
	positive    int
	rooms       sync.Pool
}

// Decode reads a model file and prepares its spiking body to run on a back end, nil for the simulator. The file's bytes
// are not kept. What is wrong with a file is a *FormatError; what the back end cannot run is the back end's own error.
func Decode(file []byte, backend spike.Backend) (*Model, error) {
	if backend == nil {
		backend = spike.Simulator{}
	}
	c, err := openContainer(file)
	if err != nil {
		return nil, err
	}
	d, err := parseDescription(c.description)
	if err != nil {
		return nil, err
	}
	if got := c.digest(); got != d.TensorsSHA256 {
		return nil, formatError("tensors_sha256", "the tensors' is %s: the file is damaged", got)
	}
	net, err := build(d, c)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file)
	m := &Model{
		description: d, digest: "sha256:" + hex.EncodeToString(sum[:]), backend: backend.Name(), net: net,
		positive: slices.Index(d.Labels, d.Positive),
	}
	if net.body != nil {
		if m.runner, err = backend.Compile(net.body); err != nil {
			return nil, fmt.Errorf("model %s cannot run on %s: %w", d.Name, m.backend, err)
		}
	}
	m.rooms.New = func() any { return m.newRoom() }
	return m, nil
}

// Description is what the file says. It is not to be changed.
func (m *Model) Description() *Description { return m.description }

// Digest names the file's bytes: "sha256:" and 64 hexadecimal digits.
func (m *Model) Digest() string { return m.digest }

// Backend is the name of the back end that runs the spiking body.
func (m *Model) Backend() string { return m.backend }

// MaxSteps is the number of steps that a picture is shown for, 0 for a model whose time is not steps.
func (m *Model) MaxSteps() int {
	if m.description.Time == nil {
		return 0
	}
	return m.description.Time.Steps
}

// Parameters is the number of weights and biases.
func (m *Model) Parameters() int { return m.net.parameters() }

// Options is what an inference may be asked for.
type Options struct {
	// Steps to show the picture for, 1 to MaxSteps; 0 for all. Models without steps take only 0.
	Steps int
	// Recorder, if not nil, is told of every layer's spikes.
	Recorder *spike.Recorder
	// OnStep, if not nil, is given the answer after each step, from 1; the slice is the callee's to keep. Its error ends
	// the inference and is returned. Models without steps do not take it.
	OnStep func(step int, probabilities []float64) error
}

// Result is an answer.
type Result struct {
	Probabilities []float64 // by label, in the description's order
	Probability   float64   // of the description's Positive
	Steps         int       // time steps run: rows of the first layer of neurons, or steps shown; 0 without neurons
	Spikes        *SpikeStats
	Warnings      []string
}

// SpikeStats is what the answer took in spikes; a Result of a model without neurons has none.
type SpikeStats struct {
	Total uint64 // spikes of all layers
	// SynapticOperations in the spiking body: each spike counts once for every connection that it goes down.
	SynapticOperations uint64
	Neurons            int
	Rate               float64 // spikes a neuron and step
	Clipped            uint64  // times that a neuron held spikes back because a step carries at most 255
}

// room is the memory of one inference.
type room struct {
	input          []float32
	front, readout analogRoom
	v              []float32
	maps           [2][]uint8 // the encoder's spikes, and what pooling leaves of them
	in, out        []uint8    // the body's trains
	sums           []uint32
	values         []float32
}

func (m *Model) newRoom() *room {
	n := m.net
	r := &room{input: make([]float32, n.front.in.Len()), front: n.front.newRoom()}
	if n.encoder == nil {
		return r
	}
	steps := max(1, m.MaxSteps())
	r.v = make([]float32, n.encoder.StateLen(n.front.out, m.description.Time.Axis))
	r.maps[0], r.maps[1] = make([]uint8, n.front.out.Len()), make([]uint8, n.front.out.Len())
	r.in = make([]uint8, steps*n.body.Input.Len())
	r.out = make([]uint8, steps*n.bodyOut.Len())
	r.sums = make([]uint32, n.bodyOut.Len())
	r.values = make([]float32, n.bodyOut.Len())
	r.readout = n.readout.newRoom()
	return r
}

// Infer gives the probabilities of a prepared picture, [Height][Width]. It stops with the context's error at the
// boundary of a step (rows: of a layer).
func (m *Model) Infer(ctx context.Context, picture []uint8, opt Options) (*Result, error) {
	n := m.net
	if len(picture) != n.front.in.Len() {
		return nil, fmt.Errorf("%w: %d pixels, %d are wanted", ErrPicture, len(picture), n.front.in.Len())
	}
	if opt.Steps < 0 || opt.Steps > m.MaxSteps() || opt.OnStep != nil && m.MaxSteps() == 0 {
		return nil, fmt.Errorf("%w: %d of %d", ErrSteps, opt.Steps, m.MaxSteps())
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := m.rooms.Get().(*room)
	defer m.rooms.Put(r)
	scale := float32(m.description.Preparation.Scale)
	for i, p := range picture {
		r.input[i] = float32(p) / scale
	}
	current := n.front.run(r.front, r.input)
	if n.encoder == nil {
		return m.result(current)
	}
	stats, steps, err := m.spikes(ctx, r, current, opt)
	if err != nil {
		return nil, err
	}
	m.sum(r, 0, steps)
	res, err := m.result(m.readout(r, steps))
	if err != nil {
		return nil, err
	}
	res.Steps = steps
	if m.description.Time.Axis == spike.Rows {
		res.Steps = n.front.out.H
	}
	res.Spikes = &SpikeStats{
		Total: stats.Spikes, SynapticOperations: stats.SynapticOperations, Neurons: n.neurons, Rate: stats.Rate(), Clipped: stats.Clipped,
	}
	if stats.Clipped > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("%d times a neuron had more than 255 spikes in a step and held the rest back", stats.Clipped))
	}
	return res, nil
}

// spikes encodes the current, runs the body and returns the passes made: steps, or 1 along rows. The body's spikes are in r.out.
func (m *Model) spikes(ctx context.Context, r *room, current []float32, opt Options) (spike.Stats, int, error) {
	n := m.net
	axis := m.description.Time.Axis
	steps := opt.Steps
	if steps == 0 {
		steps = max(1, m.MaxSteps())
	}
	var stats spike.Stats
	n.encoder.Start.Fill(r.v)
	for t := range steps {
		if err := ctx.Err(); err != nil {
			return stats, 0, err
		}
		counts := r.maps[0][:len(current)]
		s, c := n.encoder.Encode(counts, r.v, current)
		stats.Add(spike.Stats{Spikes: s, NeuronSteps: uint64(len(counts)), Clipped: c})
		if opt.Recorder != nil {
			opt.Recorder.Observe(n.encoder.LayerName, axis, n.front.out, counts, 0)
		}
		for i := range n.pools {
			to := r.maps[(i+1)%2][:n.pools[i].Out.Len()]
			kernel.MaxPool(to, counts, &n.pools[i])
			counts = to
		}
		copy(r.in[t*len(counts):], counts)
	}
	run := spike.RunOptions{Recorder: opt.Recorder}
	if opt.OnStep != nil {
		run.OnStep = func(t int, _ []uint8) error {
			m.sum(r, t, t+1)
			res, err := m.result(m.readout(r, t+1))
			if err != nil {
				return err
			}
			return opt.OnStep(t+1, res.Probabilities)
		}
	}
	in := spike.Train{Axis: axis, Shape: n.body.Input, Counts: r.in[:steps*n.body.Input.Len()]}
	out := spike.Train{Axis: axis, Shape: n.bodyOut, Counts: r.out[:steps*n.bodyOut.Len()]}
	s, err := m.runner.Run(ctx, in, out, run)
	stats.Add(s)
	return stats, steps, err
}

// sum adds up the body's spikes of the steps from (0: afresh) up to, not including, to.
func (m *Model) sum(r *room, from, to int) {
	if from == 0 {
		clear(r.sums)
	}
	size := len(r.sums)
	for t := from; t < to; t++ {
		for i, c := range r.out[t*size:][:size] {
			r.sums[i] += uint32(c)
		}
	}
}

// readout takes the mean over the steps of what the summed spikes stand for through the read-out.
func (m *Model) readout(r *room, steps int) []float32 {
	for i, s := range r.sums {
		r.values[i] = m.net.last.Value(s) / float32(steps)
	}
	return m.net.readout.run(r.readout, r.values)
}

func (m *Model) result(logits []float32) (*Result, error) {
	res := &Result{Probabilities: make([]float64, len(logits))}
	kernel.Softmax(res.Probabilities, logits)
	for _, p := range res.Probabilities {
		if math.IsNaN(p) {
			return nil, ErrNotFinite
		}
	}
	res.Probability = res.Probabilities[m.positive]
	return res, nil
}
