package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	kernel      string
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
		description: d, digest: "sha256:" + hex.EncodeToString(sum[:]), backend: backend.Name(), kernel: kernel.Tier(), net: net,
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

// Kernel is the processor tier of the arithmetic on the host: "generic", "avx2", "avx512vnni".
func (m *Model) Kernel() string { return m.kernel }

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
	front, readout *analogRoom
	current        rows
	encoder        *spike.State
	in, out        []uint8 // the body's trains
	sums           []uint32
}

func (m *Model) newRoom() *room {
	n := m.net
	r := &room{front: n.front.newRoom()}
	if n.encoder == nil {
		return r
	}
	steps := max(1, m.MaxSteps())
	r.current = rows{chain: n.front, room: r.front}
	r.encoder = n.encoder.NewState()
	r.in = make([]uint8, steps*n.body.Input.Len())
	r.out = make([]uint8, steps*n.bodyOut.Len())
	r.sums = make([]uint32, n.bodyOut.Len())
	r.readout = n.readout.newRoom()
	return r
}

// Infer gives the probabilities of a prepared picture, [Height][Width]. It stops with the context's error at the
// boundary of a step (rows: of a layer) of the spiking body; the first neurons take all their steps before it, at once.
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
	if !n.front.takesBytes() {
		scale := float32(m.description.Preparation.Scale)
		for i, p := range picture {
			r.front.input[i] = float32(p) / scale
		}
	}
	if n.encoder == nil {
		return m.result(n.front.run(r.front, picture)), nil
	}
	stats, steps, err := m.spikes(ctx, r, picture, opt)
	if err != nil {
		return nil, err
	}
	m.sum(r, 0, steps)
	res := m.result(m.readout(r, steps))
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

// spikes encodes the picture, runs the body and returns the passes made: steps, or 1 along rows. The body's spikes are in r.out.
func (m *Model) spikes(ctx context.Context, r *room, picture []uint8, opt Options) (spike.Stats, int, error) {
	n := m.net
	axis := m.description.Time.Axis
	steps := opt.Steps
	if steps == 0 {
		steps = max(1, m.MaxSteps())
	}
	var stats spike.Stats
	size := n.body.Input.Len()
	n.encoder.Reset(r.encoder)
	if steps > 1 && opt.Recorder == nil && n.encoder.Streams() {
		r.current.load(picture, false)
		stats = n.encoder.Show(r.in[:steps*size], r.encoder, &r.current, steps)
	} else {
		r.current.load(picture, steps > 1)
		for t := range steps {
			stats.Add(n.encoder.Step(r.in[t*size:][:size], r.encoder, &r.current, 0, opt.Recorder))
		}
	}
	run := spike.RunOptions{Recorder: opt.Recorder}
	if opt.OnStep != nil {
		run.OnStep = func(t int, _ []uint8) error {
			m.sum(r, t, t+1)
			return opt.OnStep(t+1, m.result(m.readout(r, t+1)).Probabilities)
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

// readout takes the mean over the steps of what the summed spikes stand for through the read-out. Whole-number weights
// take the counts themselves.
func (m *Model) readout(r *room, steps int) []float32 {
	chain := m.net.readout
	if chain.takesBytes() {
		return chain.run(r.readout, r.out[:len(r.sums)])
	}
	for i, s := range r.sums {
		r.readout.input[i] = m.net.last.Value(s) / float32(steps)
	}
	return chain.run(r.readout, nil)
}

func (m *Model) result(logits []float32) *Result {
	res := &Result{Probabilities: make([]float64, len(logits))}
	kernel.Softmax(res.Probabilities, logits)
	res.Probability = res.Probabilities[m.positive]
	return res
}
