package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/strictjson"
	"github.com/spikeray/spikeray/pkg/model"
)

// Check says how a version was checked when it was loaded.
type Check string

// The checks.
const (
	CheckCanary Check = "canary" // by the pictures and answers of the file canary.json beside it
	CheckTiers  Check = "tiers"  // without such a file: plain Go, which defines the answer, gave the same as the processor's tier
	CheckBoard  Check = "board"  // by its board's canary
)

const (
	canaryFormat   = 1
	maxCanary      = 4 << 20 // bytes
	maxCanaries    = 8       // pictures
	canaryPictures = 2       // that are made
)

// Canary is pictures and a model's answers to them, as the file canary.json has them: docs/MODELS.md describes it. The answers are
// the model's own, without a place's calibration. A network with whole-number weights has to meet them to the last bit; others, whose
// sums depend on their order, to a hundredth ([strayed]).
type Canary struct {
	Format   int             `json:"format"`
	Model    CanaryModel     `json:"model"`
	Pictures []CanaryPicture `json:"pictures"`
}

// CanaryModel says which model file the answers are of.
type CanaryModel struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// CanaryPicture is a prepared picture, [Height][Width], and the answer to it.
type CanaryPicture struct {
	Pixels           []byte    `json:"pixels"` // base64 in JSON
	RawProbabilities []float64 `json:"raw_probabilities"`
	Probabilities    []float64 `json:"probabilities"`
	// Spikes and SynapticOperations are absent for a model without neurons.
	Spikes             *uint64 `json:"spikes,omitempty"`
	SynapticOperations *uint64 `json:"synaptic_operations,omitempty"`
	// Gate is the probability of the gate's accepted label, absent for a model without a gate.
	Gate *float64 `json:"gate,omitempty"`
}

// ParseCanary reads a file canary.json.
func ParseCanary(file []byte) (*Canary, error) {
	if len(file) > maxCanary {
		return nil, fmt.Errorf("%s: longer than %d bytes", canaryFile, maxCanary)
	}
	c := new(Canary)
	if err := strictjson.Decode(file, c); err != nil {
		return nil, fmt.Errorf("%s: %w", canaryFile, err)
	}
	switch n := len(c.Pictures); {
	case c.Format != canaryFormat:
		return nil, fmt.Errorf("%s: format %d is unknown, this version reads only %d", canaryFile, c.Format, canaryFormat)
	case n < 1 || n > maxCanaries:
		return nil, fmt.Errorf("%s: %d pictures, must be 1 to %d", canaryFile, n, maxCanaries)
	}
	return c, nil
}

// NewCanary makes pictures and has a model answer them.
func NewCanary(ctx context.Context, m *model.Model) (*Canary, error) {
	d := m.Description()
	c := &Canary{Format: canaryFormat, Model: CanaryModel{d.Name, d.Version, m.Digest()}}
	for seed := range uint64(canaryPictures) {
		p := CanaryPicture{Pixels: canaryPicture(d.Preparation.Width, d.Preparation.Height, seed)}
		if err := p.answer(ctx, m); err != nil {
			return nil, err
		}
		c.Pictures = append(c.Pictures, p)
	}
	return c, nil
}

// Encode gives the file canary.json.
func (c *Canary) Encode() ([]byte, error) {
	file, err := json.MarshalIndent(c, "", "  ")
	return append(file, '\n'), err
}

// Check has a model answer the pictures. A nil error says that it is the canary's model and gave the canary's answers.
func (c *Canary) Check(ctx context.Context, m *model.Model) error {
	d := m.Description()
	if own := (CanaryModel{d.Name, d.Version, m.Digest()}); own != c.Model {
		return fmt.Errorf("%s is of %s %s (%.19s), not of %s %s (%.19s)", canaryFile, c.Model.Name, c.Model.Version, c.Model.Digest, own.Name, own.Version, own.Digest)
	}
	for i, want := range c.Pictures {
		got := CanaryPicture{Pixels: want.Pixels}
		if err := got.answer(ctx, m); err != nil {
			return fmt.Errorf("%s: picture %d: %w", canaryFile, i, err)
		}
		if err := want.differs(got, exact(d.Layers), d.Gate == nil || exact(d.Gate.Layers)); err != nil {
			return fmt.Errorf("%s: picture %d: %w", canaryFile, i, err)
		}
	}
	return nil
}

// answer has a model answer the picture.
func (p *CanaryPicture) answer(ctx context.Context, m *model.Model) error {
	r, err := m.Infer(ctx, p.Pixels, model.Options{})
	if err != nil {
		return err
	}
	p.RawProbabilities, p.Probabilities = r.RawProbabilities, r.Probabilities
	if r.Spikes != nil {
		p.Spikes, p.SynapticOperations = &r.Spikes.Total, &r.Spikes.SynapticOperations
	}
	g, err := m.Gate(ctx, p.Pixels)
	if err == nil && g != nil {
		p.Gate = &g.Probability
	}
	return err
}

// exact tells that a network promises the same answer on every processor: docs/RATIONALE.md, "Why whole numbers?".
func exact(layers []model.Layer) bool {
	return slices.ContainsFunc(layers, func(l model.Layer) bool { return l.Scale != "" })
}

// strayed is how far the answers of a network in floating point may be from the canary's: a probability by this much, a number of
// spikes by this share. Where a potential is a hair off its threshold, the order of a sum moves a spike, and others after it.
const strayed = 0.01

// differs is an error that says in what an answer differs, nil where it does not. exact and gate say whether the network and its gate
// have to meet it to the last bit.
func (p *CanaryPicture) differs(got CanaryPicture, exact, gate bool) error {
	switch {
	case !near(got.RawProbabilities, p.RawProbabilities, exact):
		return fmt.Errorf("the network gave %v, expected %v", got.RawProbabilities, p.RawProbabilities)
	case !near(got.Probabilities, p.Probabilities, exact):
		return fmt.Errorf("the probabilities are %v, expected %v", got.Probabilities, p.Probabilities)
	case !near(floats(got.Spikes), floats(p.Spikes), exact):
		return fmt.Errorf("the number of spikes is %v, expected %v", floats(got.Spikes), floats(p.Spikes))
	case !near(floats(got.SynapticOperations), floats(p.SynapticOperations), exact):
		return fmt.Errorf("the number of synaptic operations is %v, expected %v", floats(got.SynapticOperations), floats(p.SynapticOperations))
	case !near(floats(got.Gate), floats(p.Gate), gate):
		return fmt.Errorf("the gate's probability is %v, expected %v", floats(got.Gate), floats(p.Gate))
	}
	return nil
}

// near compares numbers: those up to 1 by their difference, larger ones by its share.
func near(got, want []float64, exact bool) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool {
		return a == b || !exact && math.Abs(a-b) <= strayed*max(1, math.Abs(b))
	})
}

// floats is the number, none for nil.
func floats[T uint64 | float64](v *T) []float64 {
	if v == nil {
		return nil
	}
	return []float64{float64(*v)}
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// canaryPicture is a picture of soft shapes with noise, of every grey. It is made of whole numbers alone.
func canaryPicture(width, height int, seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 0xca7a))
	const blobs = 6
	var x, y, r, v [blobs]int
	for i := range blobs {
		x[i], y[i], r[i], v[i] = random.IntN(width), random.IntN(height), 1+random.IntN(max(width, height)), random.IntN(256)
	}
	pixels := make([]byte, 0, width*height)
	for row := range height {
		for column := range width {
			sum, weight := 128, 1
			for i := range blobs {
				dx, dy := column-x[i], row-y[i]
				w := 64 * r[i] * r[i] / (r[i]*r[i] + 8*(dx*dx+dy*dy))
				sum, weight = sum+w*v[i], weight+w
			}
			pixels = append(pixels, byte(min(max(sum/weight+random.IntN(33)-16, 0), 255)))
		}
	}
	return pixels
}

// canary is what a model file has to answer: the canary beside it, else one that plain Go makes of the file.
func canary(ctx context.Context, dir string, file []byte) (*Canary, Check, error) {
	stored, err := optional(filepath.Join(dir, canaryFile), maxCanary)
	if err != nil {
		return nil, CheckCanary, err
	}
	if stored != nil {
		c, err := ParseCanary(stored)
		return c, CheckCanary, err
	}
	plain, err := model.Decode(ctx, file, model.DecodeOptions{Kernel: kernel.Generic().Name()})
	if err != nil {
		return nil, CheckTiers, err
	}
	c, err := NewCanary(ctx, plain)
	return c, CheckTiers, err
}
