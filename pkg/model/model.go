package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/resample"
	"github.com/spikeray/spikeray/internal/reuse"
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
	gate        *engine               // nil without one
	shown       *reuse.Stack[[]uint8] // pictures as the gate takes them
	resizer     resample.Resizer
	positive    int
}

// DecodeOptions say what a model will run on. The zero value is the simulator on the preferred processor tier.
type DecodeOptions struct {
	// Backend runs the spiking body; nil is the simulator on Kernel. The gate always runs there.
	Backend spike.Backend
	// Kernel is the processor tier of all arithmetic on the host, preparing a picture included: one of [spike.Kernels];
	// "" is the preferred one.
	Kernel string
}

// Decode reads a model file and prepares the model to run. It does not keep the file's bytes. A bad file gives a
// *FormatError, an unknown kernel a [spike.ErrKernel]; if the back end cannot run the network, the back end's error is
// returned. The context is for back ends that have to wait; the simulator ignores it.
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
	if m.own, err = newEngine(ctx, own, backend); errors.As(err, new(*hw.Refusal)) { // which names the board itself
		return nil, fmt.Errorf("model %s: %w", d.Name, err)
	} else if err != nil {
		return nil, fmt.Errorf("model %s on %s: %w", d.Name, m.backend, err)
	}
	if gate != nil {
		m.shown = reuse.NewStack(func() []uint8 { return make([]uint8, d.Gate.Width*d.Gate.Height) })
		if m.gate, err = newEngine(ctx, gate, simulator); err != nil {
			return nil, within("gate", formatError("layers", "%v", err))
		}
	}
	return m, nil
}

// Description returns what the file says of the model. Callers must not change it.
func (m *Model) Description() *Description { return m.description }

// Digest identifies the file's bytes: "sha256:" and 64 hexadecimal digits.
func (m *Model) Digest() string { return m.digest }

// Backend is the name of the back end that runs the spiking body.
func (m *Model) Backend() string { return m.backend }

// Kernel is the processor tier of the arithmetic on the host: one of [spike.Kernels].
func (m *Model) Kernel() string { return m.tier.Name() }

// MaxSteps is the number of steps for which a picture is shown; 0 for a model whose time axis is not steps.
func (m *Model) MaxSteps() int { return m.own.net.steps }

// Parameters is the number of weights and biases, the gate's left out.
func (m *Model) Parameters() int { return m.own.net.parameters() }

// Options are what a caller may ask of an inference.
type Options struct {
	// Steps to show the picture for, 1 to MaxSteps; 0 for all. Models without steps take only 0.
	Steps int
	// Recorder, if not nil, records every layer's spikes.
	Recorder *spike.Recorder
	// OnStep, if not nil, is called after each step, from 1, with the answer that the model has by then: calibrated where
	// it has a decision for so many steps, and without Steps, Spikes, Account and Warnings. The callee may keep the answer. An
	// error ends the inference and is returned. Models without steps do not accept it.
	OnStep func(step int, answer *Result) error
	// Counts, if not nil, is set to the spikes that the read-out took. A model without neurons leaves it alone.
	Counts *spike.Train
}

// Result is an answer.
type Result struct {
	// Probabilities are by label, in the description's order, calibrated if the model has a calibration. They are nil after
	// a number of steps for which the model has no decision: see [Description.DecisionAt].
	Probabilities    []float64
	Probability      float64   // of the description's Positive; NaN where there are no Probabilities
	RawProbabilities []float64 // as the network gives them
	RawProbability   float64   // of the description's Positive
	// LogOdds of the description's Positive, as the network gives them: nothing is lost where RawProbability rounds to 0
	// or 1. NaN for more than two labels. It is what a calibration takes.
	LogOdds  float64
	Logits   []float32 // by label, before the softmax; nil in the answers of OnStep
	Steps    int       // time steps run: rows of the first layer of neurons, or steps shown; 0 without neurons
	Spikes   *SpikeStats
	Account  *hw.Account // nil on the simulator
	Warnings []string
}

// SpikeStats counts the spikes behind an answer, without the gate's. A Result of a model without neurons has none.
type SpikeStats struct {
	Total uint64 // spikes of all layers
	// SynapticOperations in the spiking body. A neuron that fires in a step sends one message, whatever its count, and the
	// message counts as one operation for every connection that it reaches.
	SynapticOperations uint64
	Neurons            int
	Rate               float64 // spikes a neuron and step, a graded spike counted as its number
	Clipped            uint64  // times that a neuron of spiking_relu held spikes back because a step carries at most 255
	Saturated          uint64  // times that a current or a membrane potential reached the end of a board's range
}

// Infer computes the probabilities for a picture from [Model.Prepare], [Height][Width]. If the context ends, it stops with
// the context's error after the current step (for rows: layer) of the spiking body. The first neurons take all their steps
// before that, at once. Infer does not run the gate; [Model.Gate] does.
func (m *Model) Infer(ctx context.Context, picture []uint8, opt Options) (*Result, error) {
	if err := m.checkPicture(picture); err != nil {
		return nil, err
	}
	if opt.Steps < 0 || opt.Steps > m.MaxSteps() || opt.OnStep != nil && m.MaxSteps() == 0 {
		return nil, fmt.Errorf("%w: %d of %d", ErrSteps, opt.Steps, m.MaxSteps())
	}
	see := observers{recorder: opt.Recorder, counts: opt.Counts}
	if opt.OnStep != nil {
		see.onStep = func(step int, logits []float32) error { return opt.OnStep(step, m.result(logits, step)) }
	}
	r, err := m.own.infer(ctx, picture, opt.Steps, see)
	if err != nil {
		return nil, err
	}
	res := m.result(r.logits, opt.Steps)
	res.Logits, res.Steps, res.Spikes, res.Account = r.logits, r.steps, r.spikes, r.account
	if r.spikes != nil && r.spikes.Clipped > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("clipped: %d times a neuron had more than 255 spikes to send in a step and held the rest back", r.spikes.Clipped))
	}
	if r.spikes != nil && r.spikes.Saturated > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("saturated: %d times a current or a membrane potential reached the end of the board's range: its spikes may differ from the simulator's", r.spikes.Saturated))
	}
	if r.account != nil && r.account.Link.Lost() > 0 {
		res.Warnings = append(res.Warnings, fmt.Sprintf("lost: %d spikes, or packets of them, were lost or late on the way to the board and back", r.account.Link.Lost()))
	}
	return res, nil
}

func (m *Model) checkPicture(picture []uint8) error {
	if p := m.description.Preparation; len(picture) != p.Width*p.Height {
		return fmt.Errorf("%w: %d pixels, expected %d", ErrPicture, len(picture), p.Width*p.Height)
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
