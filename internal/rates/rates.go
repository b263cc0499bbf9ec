// Package rates holds how often a model's neurons fire on pictures that it has not learnt from, layer by layer: what the rates of
// one picture are read beside. It lies in a file of its own beside a model file, and names the model by its digest, so that a
// model's digest does not depend on it.
package rates

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spikeray/spikeray/internal/strictjson"
	"github.com/spikeray/spikeray/pkg/model"
)

// ErrFile is wrapped by the errors of [Parse]: the file is no good reference.
var ErrFile = errors.New("rates")

// ErrOtherModel is wrapped by the errors of [Reference.Check]: the reference is of another model.
var ErrOtherModel = errors.New("rates of another model")

const (
	// MaxBytes is the longest file that is read.
	MaxBytes = 64 << 10
	// format is the number of the files' format.
	format    = 1
	maxLayers = 256
	maxText   = 400
	// maxRate is more than any neuron can fire in a step: a count has 8 bits.
	maxRate = 255
)

// Reference is the rates of a model's layers, shown pictures for all of its steps on the simulator.
type Reference struct {
	Format int `json:"format"` // 1
	// Digest is the model's, as [model.Model.Digest] gives it.
	Digest string `json:"digest"`
	// Source says in a sentence which pictures they were.
	Source string `json:"source"`
	// Pictures is how many there were.
	Pictures int     `json:"pictures"`
	Layers   []Layer `json:"layers"` // in the model's order
}

// Layer is one layer of neurons. Rates are spikes a neuron and step, of one picture each.
type Layer struct {
	Name string `json:"name"`
	Spread
}

// Spread is how a layer's rate differs from picture to picture.
type Spread struct {
	Mean              float64 `json:"mean"`
	StandardDeviation float64 `json:"standard_deviation"` // of the pictures as a sample
	P5                float64 `json:"p5"`                 // 5th percentile
	P95               float64 `json:"p95"`
}

// Parse reads a file. Its errors wrap [ErrFile].
func Parse(text []byte) (*Reference, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrFile, MaxBytes)
	}
	r := new(Reference)
	if err := strictjson.Decode(text, r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Reference) check() error {
	switch {
	case r.Format != format:
		return fmt.Errorf("%w: format %d is unknown, this version reads only %d", ErrFile, r.Format, format)
	case len(r.Source) == 0 || len(r.Source) > maxText:
		return fmt.Errorf("%w: source must have 1 to %d bytes", ErrFile, maxText)
	case r.Pictures < 2:
		return fmt.Errorf("%w: %d pictures, must be at least 2", ErrFile, r.Pictures)
	case len(r.Layers) == 0 || len(r.Layers) > maxLayers:
		return fmt.Errorf("%w: %d layers, must be 1 to %d", ErrFile, len(r.Layers), maxLayers)
	}
	for _, l := range r.Layers {
		if !(l.Mean >= 0 && l.Mean <= maxRate && l.StandardDeviation >= 0 && l.StandardDeviation <= maxRate && l.P5 >= 0 && l.P5 <= l.P95 && l.P95 <= maxRate) {
			return fmt.Errorf("%w: layer %.80q: must be from 0 to %d spikes a neuron and step, and p5 no more than p95", ErrFile, l.Name, maxRate)
		}
	}
	return nil
}

// Check returns an error that wraps [ErrOtherModel] unless the reference is of the model.
func (r *Reference) Check(m *model.Model) error {
	if r.Digest != m.Digest() {
		return fmt.Errorf("%w: they are of %.80s, and %s is %s", ErrOtherModel, r.Digest, m.Description().Name, m.Digest())
	}
	if !slices.EqualFunc(m.SpikingLayers(), r.Layers, func(l model.SpikingLayer, r Layer) bool { return l.Name == r.Name }) {
		return fmt.Errorf("%w: its layers are not those of %s", ErrOtherModel, m.Description().Name)
	}
	return nil
}

// Of returns what is known of the layer of that name, nil if there is none.
func (r *Reference) Of(name string) *Spread {
	for i := range r.Layers {
		if r.Layers[i].Name == name {
			return &r.Layers[i].Spread
		}
	}
	return nil
}

// Make makes a reference of a model of the rates of pictures, by layer in the model's order.
func Make(m *model.Model, source string, byLayer [][]float64) (*Reference, error) {
	layers := m.SpikingLayers()
	if len(byLayer) != len(layers) || len(layers) == 0 {
		return nil, fmt.Errorf("%w: rates of %d layers, the model has %d", ErrFile, len(byLayer), len(layers))
	}
	r := &Reference{Format: format, Digest: m.Digest(), Source: source, Pictures: len(byLayer[0])}
	for i, l := range layers {
		if len(byLayer[i]) != r.Pictures || r.Pictures < 2 {
			return nil, fmt.Errorf("%w: layer %s has the rates of %d pictures, the first has %d, must be the same and at least 2", ErrFile, l.Name, len(byLayer[i]), r.Pictures)
		}
		r.Layers = append(r.Layers, Layer{l.Name, spread(byLayer[i])})
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// spread sums rates up. They are rounded to six digits, which is finer than they are known and keeps the file short.
func spread(rates []float64) Spread {
	sorted := slices.Sorted(slices.Values(rates))
	n := float64(len(sorted))
	mean := 0.0
	for _, v := range sorted {
		mean += v / n
	}
	squares := 0.0
	for _, v := range sorted {
		squares += (v - mean) * (v - mean)
	}
	return Spread{round(mean), round(math.Sqrt(squares / (n - 1))), round(quantile(sorted, 0.05)), round(quantile(sorted, 0.95))}
}

// quantile is linear between the order statistics (Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996, definition 7).
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-2)
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func round(v float64) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}
