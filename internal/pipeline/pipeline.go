// Package pipeline is the one way from a picture's bytes to an answer, shared
// by the HTTP service and the command line so that both give the same numbers.
package pipeline

import (
	"context"
	"image"
	"time"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

// Options change how one picture is answered.
type Options struct {
	// Threshold is the probability, in [0, 1], from which the positive label is
	// given; nil takes the model's own.
	Threshold *float64
	// Steps is the number of time steps to simulate, 0 for all of them. Only
	// models with MaxSteps above 0 take another number, others answer
	// [model.ErrSteps].
	Steps int
}

// Timing is the wall time each stage took.
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
	// Probability is that of the model's positive label.
	Probability float64
	// Label is the positive label when Probability is at least Threshold, else
	// the most probable of the other labels.
	Label     string
	Threshold float64
	// Probabilities are by label, in the model's order of labels.
	Probabilities []float64
	Input         Input
	// Warnings tell what was unusual about the picture or the way the network
	// took it, such as clipped spike counts; never nil.
	Warnings []string
	// Steps is the number of time steps simulated.
	Steps int
	// Spikes is nil for a network without neurons.
	Spikes *model.SpikeStats
	Timing Timing
}

// Predict decodes the picture, prepares it as the model was trained and runs
// the network. The errors are those of [radiograph.Decode],
// [model.Model.Prepare] and [model.Model.Infer], and the context's: it is looked
// at between the stages. The timing of the stages that were reached is in the result even
// when err is not nil.
func Predict(ctx context.Context, m *model.Model, data []byte, limits radiograph.Limits, opt Options) (Prediction, error) {
	var out Prediction
	lap := stopwatch()

	if p := m.Description().Preparation; p.ReducedDecoding {
		limits.Target = image.Pt(p.Width, p.Height)
	}
	picture, err := radiograph.Decode(data, limits)
	out.Timing.Decode = lap()
	if err != nil {
		return out, err
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	out.Input = Input{Format: picture.Format, Width: picture.Width, Height: picture.Height}

	pixels, err := prepare(m, picture)
	out.Timing.Prepare = lap()
	if err != nil {
		return out, err
	}

	result, err := m.Infer(ctx, pixels, model.Options{Steps: opt.Steps})
	out.Timing.Infer = lap()
	if err != nil {
		return out, err
	}

	description := m.Description()
	out.Threshold = description.DefaultThreshold()
	if opt.Threshold != nil {
		out.Threshold = *opt.Threshold
	}
	out.Probability = result.Probability
	out.Probabilities = result.Probabilities
	out.Label = label(description, result, out.Threshold)
	out.Warnings = append(append([]string{}, picture.Warnings...), result.Warnings...)
	out.Steps = result.Steps
	out.Spikes = result.Spikes
	return out, nil
}

// prepare takes a picture that was decoded at a fraction of its size for what it is.
func prepare(m *model.Model, p *radiograph.Picture) ([]uint8, error) {
	if p.Reduced == 1 {
		return m.Prepare(p.Image)
	}
	by := float64(p.Reduced)
	return m.PrepareReduced(p.Image, float64(p.Width)/by, float64(p.Height)/by)
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
