package model

import (
	"context"
	"image"
	"slices"
)

// Gate is a small second network that decides whether a picture is of the kind that the model was made for.
// It takes the model's prepared picture, before any window, resized to Width x Height as [Preparation] has it, each pixel divided by Scale.
type Gate struct {
	Width     int      `json:"width"`
	Height    int      `json:"height"`
	Scale     float64  `json:"scale"`
	Labels    []string `json:"labels"` // in the order of its last layer's units
	Accept    string   `json:"accept"` // the one of Labels that the model was made for
	Threshold float64  `json:"threshold"`
	Time      *Time    `json:"time,omitempty"`
	Layers    []Layer  `json:"layers"`
}

// GateResult is the gate's answer for a picture.
type GateResult struct {
	Accepted    bool    `json:"accepted"`         // Probability is at least the gate's Threshold
	Probability float64 `json:"probability"`      // of the gate's Accept
	Reason      string  `json:"reason,omitempty"` // the most probable of the other labels, empty when accepted
}

// Reasons are the labels for which a picture may not be accepted.
func (g *Gate) Reasons() []string {
	return slices.DeleteFunc(slices.Clone(g.Labels), func(label string) bool { return label == g.Accept })
}

func (g *Gate) check() error {
	switch {
	case g.Width < 1 || g.Width > maxSide || g.Height < 1 || g.Height > maxSide:
		return formatError("gate.width", "%d x %d, each side must be 1 to %d", g.Width, g.Height, maxSide)
	case len(g.Labels) > maxGateLabels:
		return formatError("gate.labels", "there are %d, must be 2 to %d", len(g.Labels), maxGateLabels)
	case !slices.Contains(g.Labels, g.Accept):
		return formatError("gate.accept", "%.80q is not one of the labels", g.Accept)
	case !(g.Threshold >= 0 && g.Threshold <= 1):
		return formatError("gate.threshold", "%v is not in [0, 1]", g.Threshold)
	}
	if err := checkScale("gate.scale", g.Scale); err != nil {
		return err
	}
	a := g.architecture()
	return within("gate", a.check())
}

func (g *Gate) architecture() architecture {
	return architecture{width: g.Width, height: g.Height, scale: g.Scale, labels: g.Labels, time: g.Time, layers: g.Layers}
}

// Gate runs the model's gate on a prepared picture, [Height][Width]. The result is nil for a model without a gate.
func (m *Model) Gate(ctx context.Context, picture []uint8) (*GateResult, error) {
	if m.gate == nil {
		return nil, nil
	}
	if err := m.checkPicture(picture); err != nil {
		return nil, err
	}
	g, p := m.description.Gate, m.description.Preparation
	if g.Width != p.Width || g.Height != p.Height {
		whole := &image.Gray{Pix: picture, Stride: p.Width, Rect: image.Rect(0, 0, p.Width, p.Height)}
		picture = m.shown.Get()
		defer m.shown.Put(picture)
		if err := m.resizer.Bilinear(picture, g.Width, g.Height, whole); err != nil {
			return nil, err
		}
	}
	r, err := m.gate.infer(ctx, picture, 0, observers{})
	if err != nil {
		return nil, err
	}
	probabilities := softmax(r.logits)
	accept := slices.Index(g.Labels, g.Accept)
	result := &GateResult{Probability: probabilities[accept], Accepted: probabilities[accept] >= g.Threshold}
	if !result.Accepted {
		probabilities[accept] = -1
		result.Reason = g.Labels[slices.Index(probabilities, slices.Max(probabilities))]
	}
	return result, nil
}
