package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/resample"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Model is a model ready to answer. It is safe for concurrent use.
type Model struct {
	description *Description
	digest      string
	backend     string
	tier        kernel.Tier
	own         *engine
	gate        *engine // nil without one
	resizer     resample.Resizer
	positive    int
}

// DecodeOptions say what a model is to run on. The zero value is the simulator on the fastest processor tier.
type DecodeOptions struct {
	// Backend runs the spiking body; nil is the simulator on Kernel. The gate always runs there.
	Backend spike.Backend
	// Kernel is the processor tier of all arithmetic on the host, preparing a picture included: one of [spike.Kernels];
	// "" is the fastest.
	Kernel string
}

// Decode reads a model file and prepares it to run. The file's bytes are not kept. What is wrong with a file is a
// *FormatError; what the back end cannot run is the back end's own error, and an unknown kernel a [spike.ErrKernel]. The context is
// for a back end that waits for something; the simulator does not look at it.
func Decode(ctx context.Context, file []byte, opt DecodeOptions) (*Model, error) {
	tier, err := kernel.Named(opt.Kernel)
	if err != nil {
		return nil, err
	}
	simulator := spike.Simulator{Kernel: tier.Name()}
	backend := opt.Backend
	if backend == nil {
		backend = simulator
	}
	c, err := openContainer(file)
	if err != nil {
		return nil, err
	}
	d, err := parseDescription(c.description)
	if err != nil {
		return nil, err
	}
	if err := c.checkDigest(d.FileSHA256); err != nil {
		return nil, err
	}
	own, gate, err := build(d, c, tier)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file)
	m := &Model{
		description: d, digest: "sha256:" + hex.EncodeToString(sum[:]), backend: backend.Name(), tier: tier,
		resizer: resample.Resizer{Generic: tier == kernel.Generic()}, positive: slices.Index(d.Labels, d.Positive),
	}
	if m.own, err = newEngine(ctx, own, backend); err != nil {
		return nil, fmt.Errorf("model %s on %s: %w", d.Name, m.backend, err)
	}
	if gate != nil {
		if m.gate, err = newEngine(ctx, gate, simulator); err != nil {
			return nil, within("gate", formatError("layers", "%v", err))
		}
	}
	return m, nil
}

// Description is what the file says. It is not to be changed.
func (m *Model) Description() *Description { return m.description }

// Digest names the file's bytes: "sha256:" and 64 hexadecimal digits.
func (m *Model) Digest() string { return m.digest }

// Backend is the name of the back end that runs the spiking body.
func (m *Model) Backend() string { return m.backend }

// Kernel is the processor tier of the arithmetic on the host: one of [spike.Kernels].
func (m *Model) Kernel() string { return m.tier.Name() }

// MaxSteps is the number of steps that a picture is shown for, 0 for a model whose time is not steps.
func (m *Model) MaxSteps() int { return m.own.net.steps }

// Parameters is the number of weights and biases, the gate's left out.
func (m *Model) Parameters() int { return m.own.net.parameters() }

// Options is what an inference may be asked for.
type Options struct {
	// Steps to show the picture for, 1 to MaxSteps; 0 for all. Models without steps take only 0.
	Steps int
	// Recorder, if not nil, is told of every layer's spikes.
	Recorder *spike.Recorder
	// OnStep, if not nil, is given the network's probabilities after each step, from 1, before any calibration; the slice
	// is the callee's to keep. Its error ends the inference and is returned. Models without steps do not take it.
	OnStep func(step int, raw []float64) error
}

// Result is an answer.
type Result struct {
	// Probabilities are by label, in the description's order, calibrated if the model is. They are nil for fewer steps than
	// the model's own that it has no decision for: see [Description.DecisionAt].
	Probabilities    []float64
	Probability      float64   // of the description's Positive; NaN where there are no Probabilities
	RawProbabilities []float64 // as the network gives them
	RawProbability   float64   // of the description's Positive
	// LogOdds of the description's Positive, as the network gives them: nothing is lost where RawProbability rounds to 0
	// or 1. NaN for more than two labels. It is what a calibration takes.
	LogOdds  float64
	Steps    int // time steps run: rows of the first layer of neurons, or steps shown; 0 without neurons
	Spikes   *SpikeStats
	Account  *hw.Account // nil on the simulator
	Warnings []string
}

// SpikeStats is what the answer took in spikes, the gate's left out; a Result of a model without neurons has none.
type SpikeStats struct {
	Total uint64 // spikes of all layers
	// SynapticOperations in the spiking body: what a neuron emits in a step is one message, whatever its count, and one
	// operation for every connection that it goes down.
	SynapticOperations uint64
	Neurons            int
	Rate               float64 // spikes a neuron and step, a graded spike counted as its number
	Clipped            uint64  // times that a neuron of spiking_relu held spikes back because a step carries at most 255
	Saturated          uint64  // times that a current or a membrane potential ran into the end of a board's range
}

// Infer gives the probabilities of a picture that [Model.Prepare] made, [Height][Width]. It stops with the context's error at the
// boundary of a step (rows: of a layer) of the spiking body; the first neurons take all their steps before it, at once.
// The gate is not asked: that is [Model.Gate].
func (m *Model) Infer(ctx context.Context, picture []uint8, opt Options) (*Result, error) {
	if err := m.checkPicture(picture); err != nil {
		return nil, err
	}
	if opt.Steps < 0 || opt.Steps > m.MaxSteps() || opt.OnStep != nil && m.MaxSteps() == 0 {
		return nil, fmt.Errorf("%w: %d of %d", ErrSteps, opt.Steps, m.MaxSteps())
	}
	var onStep func(int, []float32) error
	if opt.OnStep != nil {
		onStep = func(step int, logits []float32) error { return opt.OnStep(step, softmax(logits)) }
	}
	r, err := m.own.infer(ctx, picture, opt.Steps, opt.Recorder, onStep)
	if err != nil {
		return nil, err
	}
	res := m.result(r.logits, opt.Steps)
	res.Steps, res.Spikes, res.Account = r.steps, r.spikes, r.account
	if r.spikes != nil && r.spikes.Clipped > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("clipped: %d times a neuron had more than 255 spikes in a step and held the rest back", r.spikes.Clipped))
	}
	if r.spikes != nil && r.spikes.Saturated > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("saturated: %d times a current or a membrane potential ran into the end of the board's range: its spikes may differ from the simulator's", r.spikes.Saturated))
	}
	if r.account != nil && r.account.Link.Lost() > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("lost: %d spikes, or packets of them, were lost or late on the way to the board and back", r.account.Link.Lost()))
	}
	return res, nil
}

func (m *Model) checkPicture(picture []uint8) error {
	if p := m.description.Preparation; len(picture) != p.Width*p.Height {
		return fmt.Errorf("%w: %d pixels, %d are wanted", ErrPicture, len(picture), p.Width*p.Height)
	}
	return nil
}

func (m *Model) result(logits []float32, steps int) *Result {
	p := softmax(logits)
	res := &Result{RawProbabilities: p, RawProbability: p[m.positive], Probability: math.NaN(), LogOdds: math.NaN()}
	if len(logits) == 2 {
		res.LogOdds = logOdds(logits, m.positive)
	}
	decision := m.description.DecisionAt(steps)
	if decision == nil {
		return res
	}
	res.Probabilities = p
	if c := decision.Calibration; c != nil {
		res.Probabilities = c.apply(logits, m.positive)
	}
	res.Probability = res.Probabilities[m.positive]
	return res
}

func softmax(logits []float32) []float64 {
	p := make([]float64, len(logits))
	kernel.Softmax(p, logits)
	return p
}
