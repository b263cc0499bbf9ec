// Package pipeline turns a picture's bytes into an answer. The HTTP service and
// the command line share it, so both give the same numbers.
package pipeline

import (
	"context"
	"fmt"
	"image"
	"slices"
	"sync"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/drift"
	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/model"
)

// Timing is the wall time each stage took; Infer is the gate's and the network's.
type Timing struct {
	Decode, Prepare, Infer time.Duration
}

// Input describes the picture as it came.
type Input struct {
	Format string
	// Width and Height are in pixels, as stored.
	Width, Height int
}

// Prediction is a model's answer for one picture.
type Prediction struct {
	// Probability is that of the model's positive label, calibrated if the model
	// is, and RawProbability what the network said. Where the model has no
	// decision for so few steps, Probability and Threshold are NaN, Label is empty
	// and Probabilities is nil.
	Probability, RawProbability float64
	// LogOdds are the network's, of the positive label, before any calibration;
	// NaN for a model of more than two labels.
	LogOdds float64
	// Logits are the network's output before the softmax, by label.
	Logits []float32
	// Label is the positive label when Probability is at least Threshold, else
	// the most probable of the other labels.
	Label     string
	Threshold float64
	// OperatingPoint has the Threshold; nil for a threshold that the caller gave
	// and for a model without operating points.
	OperatingPoint *model.OperatingPoint
	// Probabilities are by label, in the model's order of labels, calibrated as
	// Probability is.
	Probabilities []float64
	// Prevalence is nil when none was stated.
	Prevalence *Prevalence
	// Gate is nil when the model has none or it was not asked. It is there also
	// when the error is a [*RefusedError].
	Gate  *model.GateResult
	Input Input
	// Film is what may be told of a DICOM film, nil for other pictures.
	Film *film.Facts
	// Identifiers are those of a DICOM film, nil where nobody asked for them.
	Identifiers *Identifiers
	// Doubts are the codes of what a DICOM film says against its being what the model was made for: "view", "body-part"
	// and "age". Like Gate, they are there also when the error is a [*RefusedError].
	Doubts []string
	// Look is measured only for a model with a reference.
	Look drift.Look
	// Warnings tell what was unusual about the picture or the way the network
	// took it, such as clipped spike counts; never nil.
	Warnings []string
	// Steps is the number of time steps simulated. They are fewer than were asked for where Shortened tells that there was no time
	// for more.
	Steps     int
	Shortened bool
	// EachStep has the answers after each step, if the options ask for them; nil for a model without steps.
	EachStep *Anytime
	// Spikes is nil for a network without neurons.
	Spikes *model.SpikeStats
	// Backend is the one that gave the spikes, and Degraded, if not empty, what kept
	// the model's own from it.
	Backend, Degraded string
	// Board is what a board told of its run, nil without one.
	Board  *hw.Account
	Timing Timing
}

// Predict decodes the picture, prepares it as the model was trained and runs
// the network. The errors are those of [Options.Check], [radiograph.Decode],
// [model.Model.Prepare] and [model.Model.Infer], a [*RefusedError], and the
// context's: it is looked at while the picture is decoded and between the stages. The timing of the stages that were reached is in the result even
// when err is not nil.
func Predict(ctx context.Context, m *model.Model, data []byte, limits radiograph.Limits, opt Options) (Prediction, error) {
	var out Prediction
	description := m.Description()
	if err := opt.Check(description); err != nil {
		return out, err
	}
	header, err := Inspect(m, data, limits, opt)
	if err != nil {
		return out, err
	}
	return PredictInspected(ctx, m, data, header, opt)
}

// Inspect reads a picture's headers, which tell what decoding it for the model will take. A picture for a model on plain Go
// is decoded by plain Go. The errors are those of [radiograph.Inspect].
func Inspect(m *model.Model, data []byte, limits radiograph.Limits, opt Options) (radiograph.Header, error) {
	var size image.Point
	if p := m.Description().Preparation; p.ReducedDecoding {
		size = image.Pt(p.Width, p.Height)
	}
	return InspectFor(m, size, data, limits, opt)
}

// InspectFor is [Inspect] for a picture that will be resized to another size than the model's. See [radiograph.Limits.Target].
func InspectFor(m *model.Model, size image.Point, data []byte, limits radiograph.Limits, opt Options) (radiograph.Header, error) {
	limits.Target, limits.Bits = size, opt.Bits
	limits.Generic = limits.Generic || m.Kernel() == kernel.Generic().Name()
	return radiograph.Inspect(data, limits)
}

// PredictInspected is [Predict] for a picture that was inspected, for the same model and with the same options.
func PredictInspected(ctx context.Context, m *model.Model, data []byte, header radiograph.Header, opt Options) (Prediction, error) {
	var out Prediction
	description := m.Description()
	if err := opt.Check(description); err != nil {
		return out, err
	}
	lap := stopwatch()
	picture, err := header.Decode(ctx, data)
	out.Timing.Decode = lap()
	if err != nil {
		return out, err
	}
	out.Input = Input{Format: picture.Format, Width: picture.Width, Height: picture.Height}
	if header.Film != nil {
		facts := header.Film.Facts(picture.Shown)
		out.Film = &facts
		if opt.Echo {
			out.Identifiers = newIdentifiers(header.Film)
		}
	}
	if opt.Decoded != nil {
		opt.Decoded(picture)
	}

	memory := prepared.Get().(*[]uint8)
	defer prepared.Put(memory)
	pixels, err := prepare(m, *memory, picture)
	picture.Release()
	if err == nil {
		*memory = pixels
	}
	if err == nil {
		err = out.look(m, pixels)
	}
	out.Timing.Prepare = lap()
	if err != nil {
		return out, err
	}

	if opt.Prepared != nil {
		opt.Prepared(pixels)
	}

	out.Warnings = append([]string{}, picture.Warnings...)
	if err := out.askFilm(description, header.Film, opt.Gate); err != nil {
		return out, err
	}
	err = out.infer(ctx, m, pixels, opt)
	out.Timing.Infer = lap()
	return out, err
}

// look measures the prepared picture's look, for a model that has a reference for it.
func (out *Prediction) look(m *model.Model, pixels []uint8) error {
	d := m.Description()
	if d.Reference == nil {
		return nil
	}
	tier, err := kernel.Named(m.Kernel())
	if err != nil {
		return err
	}
	out.Look = drift.Measure(tier, pixels, d.Preparation.Width, d.Preparation.Height)
	return nil
}

// infer shows the prepared picture to the gate and the network.
func (out *Prediction) infer(ctx context.Context, m *model.Model, pixels []uint8, opt Options) error {
	description := m.Description()
	if opt.Fit != nil {
		fit, err := opt.Fit()
		if err != nil {
			return err
		}
		out.fitted(&opt, description, fit)
	}
	if err := out.askGate(ctx, m, pixels, opt.Gate); err != nil {
		return err
	}
	ask := model.Options{Steps: opt.Steps}
	steps := opt.watch(description, &ask)
	result, err := m.Infer(ctx, pixels, ask)
	if err != nil {
		return err
	}

	out.Threshold, out.OperatingPoint = opt.Decide(description)
	out.Probability, out.RawProbability, out.LogOdds = result.Probability, result.RawProbability, result.LogOdds
	out.Probabilities, out.Logits = result.Probabilities, result.Logits
	if result.Probabilities == nil {
		out.Warnings = append(out.Warnings, fmt.Sprintf("uncalibrated: %s has no calibration for %d of its %d steps; the answer has only the raw probability",
			description.Name, opt.Steps, description.MaxSteps()))
	} else {
		out.Label = label(description, result, out.Threshold)
	}
	if opt.strayed(description) && result.Probabilities != nil {
		out.Warnings = append(out.Warnings, fmt.Sprintf("operating-point: %s has no operating point %s, the server's default; its own default was used",
			description.Name, opt.Standard.OperatingPoint))
	}
	if opt.Prevalence != nil && result.Probabilities != nil {
		other := out.Probabilities[1-slices.Index(description.Labels, description.Positive)] // who is calibrated has two
		out.Prevalence = newPrevalence(description.DecisionAt(opt.Steps).Calibration, out.Probability, other, *opt.Prevalence, out.OperatingPoint)
	}
	out.Warnings = append(out.Warnings, result.Warnings...)
	out.Steps = result.Steps
	out.EachStep = steps.probabilities()
	out.Spikes = result.Spikes
	out.Backend = m.Backend()
	if a := result.Account; a != nil {
		if a.Backend != "" {
			out.Backend = a.Backend
		}
		if out.Degraded = a.Degraded; a.Degraded == "" {
			out.Board = a
		}
	}
	return nil
}

// fitted has the network take the steps that there is time for.
func (p *Prediction) fitted(opt *Options, d *model.Description, steps int) {
	asked := opt.Steps
	if asked == 0 {
		asked = d.MaxSteps()
	}
	if steps < asked {
		opt.Steps, p.Shortened = steps, true
		p.Warnings = append(p.Warnings, fmt.Sprintf("deadline: answered after %d of %d steps, for more of which there was no time", steps, asked))
	}
}

// askGate shows the prepared picture to the model's gate, if it has one.
func (p *Prediction) askGate(ctx context.Context, m *model.Model, pixels []uint8, mode GateMode) (err error) {
	if mode == GateOff {
		return nil
	}
	p.Gate, err = m.Gate(ctx, pixels)
	if err != nil || p.Gate == nil || p.Gate.Accepted {
		return err
	}
	p.warnPolarity()
	doubt := doubt(m.Description().Gate, p.Gate)
	if mode == GateRefuse {
		return &RefusedError{doubt}
	}
	p.Warnings = append(p.Warnings, "gate: "+doubt+mayMeanNothing)
	return nil
}

const mayMeanNothing = "; its answer may mean nothing"

// prepared is the memory of prepared pictures, which nobody keeps beyond the prediction.
var prepared = sync.Pool{New: func() any { return new([]uint8) }}

// prepare takes a picture that was decoded at a fraction of its size for what it is.
func prepare(m *model.Model, to []uint8, p *radiograph.Picture) ([]uint8, error) {
	width, height := float64(p.Image.Bounds().Dx()), float64(p.Image.Bounds().Dy()) // a turned picture's own
	if p.Reduced != 1 {
		width, height = float64(p.Width)/float64(p.Reduced), float64(p.Height)/float64(p.Reduced)
	}
	return m.PrepareReduced(to, p.Image, width, height)
}

func label(d *model.Description, r *model.Result, threshold float64) string {
	if r.Probability >= threshold {
		return d.Positive
	}
	best := -1
	for i, name := range d.Labels {
		if name == d.Positive {
			continue
		}
		if best < 0 || r.Probabilities[i] > r.Probabilities[best] {
			best = i
		}
	}
	if best < 0 {
		return d.Positive
	}
	return d.Labels[best]
}

// stopwatch returns a function that tells the time since its last call.
func stopwatch() func() time.Duration {
	last := time.Now()
	return func() time.Duration {
		now := time.Now()
		took := now.Sub(last)
		last = now
		return took
	}
}
