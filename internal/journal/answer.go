package journal

import (
	"crypto/sha256"
	"math"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// Answer is a prediction in numbers that give their float64 back bit for bit.
type Answer struct {
	// Backend gave the spikes, and Degraded is what kept the model's own from it.
	Backend  string `json:"backend"`
	Degraded string `json:"degraded,omitempty"`

	// Probability is null where the model has no decision for so few steps, and LogOdds for more than two labels.
	Probability    *float64  `json:"probability"`
	RawProbability *float64  `json:"raw_probability"`
	LogOdds        *float64  `json:"log_odds"`
	Probabilities  []float64 `json:"probabilities"` // in the model's order of labels
	Label          string    `json:"label"`
	Threshold      *float64  `json:"threshold"`
	OperatingPoint string    `json:"operating_point,omitempty"`
	// AtPrevalence is the probability at the prevalence that was stated.
	AtPrevalence *float64 `json:"at_prevalence,omitempty"`
	Gate         *Gate    `json:"gate,omitempty"`

	Format   string   `json:"format"`
	Width    int      `json:"width"`
	Height   int      `json:"height"`
	Warnings []string `json:"warnings,omitempty"`

	Steps int `json:"steps,omitempty"`
	// Shortened tells that a deadline left no time for more Steps.
	Shortened          bool    `json:"shortened,omitempty"`
	Spikes             *uint64 `json:"spikes,omitempty"`
	SynapticOperations *uint64 `json:"synaptic_operations,omitempty"`
	Board              *Board  `json:"board,omitempty"`
}

// Gate is the answer of a model's gate.
type Gate struct {
	Accepted    bool    `json:"accepted"`
	Probability float64 `json:"probability"`
	Reason      string  `json:"reason,omitempty"`
}

// Board is what a board told of its run.
type Board struct {
	Steps     int    `json:"steps"`
	Saturated uint64 `json:"saturated"`
	Lost      uint64 `json:"lost"`
}

// NewAnswer is the answer that a prediction is.
func NewAnswer(p *pipeline.Prediction) *Answer {
	a := &Answer{
		Backend: p.Backend, Degraded: p.Degraded,
		Probability: finite(p.Probability), RawProbability: finite(p.RawProbability), LogOdds: finite(p.LogOdds),
		Probabilities: p.Probabilities, Label: p.Label, Threshold: finite(p.Threshold),
		Gate: NewGate(p), Format: p.Input.Format, Width: p.Input.Width, Height: p.Input.Height, Warnings: p.Warnings, Shortened: p.Shortened,
	}
	if p.OperatingPoint != nil {
		a.OperatingPoint = p.OperatingPoint.Name
	}
	if p.Prevalence != nil {
		a.AtPrevalence = finite(p.Prevalence.Probability)
	}
	if s := p.Spikes; s != nil {
		a.Steps, a.Spikes, a.SynapticOperations = p.Steps, &s.Total, &s.SynapticOperations
	}
	if b := p.Board; b != nil && p.Spikes != nil {
		a.Board = &Board{Steps: b.BoardSteps, Saturated: p.Spikes.Saturated, Lost: b.Link.Lost()}
	}
	return a
}

// NewGate is what the gate said, nil where it was not asked. It is there also for a picture that it refused.
func NewGate(p *pipeline.Prediction) *Gate {
	if p.Gate == nil {
		return nil
	}
	g := &Gate{Accepted: p.Gate.Accepted, Probability: p.Gate.Probability}
	if !g.Accepted {
		g.Reason = p.Gate.Reason
	}
	return g
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// NewInput is what is recorded of a picture's bytes; film says that they are a DICOM file.
func NewInput(data []byte, film bool) *Input {
	in := &Input{Bytes: int64(len(data)), SHA256: sha256.Sum256(data)}
	if film {
		if set := dicom.DatasetBytes(data); len(set) > 0 && len(set) < len(data) {
			sum := Hash(sha256.Sum256(set))
			in.Dataset = &sum
		}
	}
	return in
}

// NewPreparedInput is what is recorded of a picture that came prepared.
func NewPreparedInput(pixels []uint8) *Input {
	return &Input{Bytes: int64(len(pixels)), SHA256: sha256.Sum256(pixels), Prepared: true}
}
