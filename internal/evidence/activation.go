package evidence

import (
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Activation is the class activation map of the last spiking layer, signed and exact: Bias, Rounding and all cells of all Steps add
// up to LogOdds. Above 0 speaks for the positive label.
type Activation struct {
	Layer   string  `json:"layer"`
	LogOdds float64 `json:"log_odds"` // of the positive label, as the network gives them
	Bias    float64 `json:"bias"`     // what the read-out adds whatever the picture
	// Rounding is what the read-out's arithmetic in float32 adds to the sum in real numbers.
	Rounding float64 `json:"rounding"`
	// Steps are the cells [T][H][W] of the layer's map.
	Steps [][][]float64 `json:"steps"`
	// Sum is Steps, added over the steps.
	Sum [][]float64 `json:"sum"`
}

// activate takes the answer apart by steps and places, if the read-out adds up.
func (e *Evidence) activate(m *model.Model, counts spike.Train, r *model.Result) {
	a, ok := m.Additive()
	if !ok {
		e.leaveOut("activation", "the model's read-out is not a mean of spikes over steps and places with one dense layer behind it, "+
			"for two labels: its answer does not add up by places")
		return
	}
	out := &Activation{Layer: a.Layer, LogOdds: r.LogOdds, Bias: a.Bias, Sum: grid(a.Shape.H, a.Shape.W)}
	steps := counts.Steps()
	unit := a.Spike / float64(steps*a.Shape.H*a.Shape.W)
	rest := r.LogOdds - a.Bias
	for t := range steps {
		step, cells := counts.Step(t), grid(a.Shape.H, a.Shape.W)
		for y := range cells {
			for x := range cells[y] {
				at := (y*a.Shape.W + x) * a.Shape.C
				cell := 0.0
				for c, n := range step[at : at+a.Shape.C] {
					cell += a.Weights[c] * float64(n)
				}
				cells[y][x] = cell * unit
				out.Sum[y][x] += cell * unit
				rest -= cell * unit
			}
		}
		out.Steps = append(out.Steps, cells)
	}
	out.Rounding = rest
	e.Activation = out
}

func grid(height, width int) [][]float64 {
	rows := make([][]float64, height)
	for y := range rows {
		rows[y] = make([]float64, width)
	}
	return rows
}
