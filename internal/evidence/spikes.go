package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Spikes are the counts behind an answer.
type Spikes struct {
	Total              uint64  `json:"total"`
	Rate               float64 `json:"rate"` // spikes a neuron and step
	SynapticOperations uint64  `json:"synaptic_operations"`
	Layers             []Layer `json:"layers"`
	// Reference says of which pictures the layers' references are; nil where there are none.
	Reference *Source `json:"reference"`
}

// Source are the pictures of a reference.
type Source struct {
	Pictures int    `json:"pictures"`
	Source   string `json:"source"` // in a sentence
}

// Layer is what one layer of neurons did.
type Layer struct {
	Name     string `json:"name"`
	Height   int    `json:"height"`
	Width    int    `json:"width"`
	Channels int    `json:"channels"`
	// Steps are the spikes of each step.
	Steps []uint64 `json:"steps"`
	Rate  float64  `json:"rate"` // spikes a neuron and step
	// Reference is how the rate differs among pictures that the model has not learnt from; nil where that is not known.
	Reference          *rates.Spread `json:"reference"`
	Sparsity           float64       `json:"sparsity"` // the share of neurons that do not fire in a step
	SynapticOperations uint64        `json:"synaptic_operations"`
	// ByChannel are the spikes [T][C]; nil where no raster was kept.
	ByChannel [][]uint64 `json:"by_channel"`
}

// maxRaster bounds the bytes of the spikes of all layers at all steps.
const maxRaster = 8 << 20

// rasterBytes is how many there are for a picture of the model, shown for all steps.
func rasterBytes(m *model.Model) int64 {
	var n int64
	for _, l := range m.SpikingLayers() {
		n += int64(max(1, m.MaxSteps())) * int64(l.Shape.Len())
	}
	return n
}

func (e *Evidence) count(m *model.Model, rec *spike.Recorder, r *model.Result) {
	if r.Spikes == nil {
		e.leaveOut("spikes", "the model has no spiking neurons")
		return
	}
	out := &Spikes{Total: r.Spikes.Total, Rate: r.Spikes.Rate, SynapticOperations: r.Spikes.SynapticOperations, Layers: []Layer{}}
	for _, l := range rec.Layers {
		s := l.Raster.Shape
		layer := Layer{
			Name: l.Name, Height: s.H, Width: s.W, Channels: s.C, Steps: l.Spikes, Sparsity: l.Sparsity(),
			SynapticOperations: l.SynapticOperations,
		}
		total := uint64(0)
		for _, n := range l.Spikes {
			total += n
		}
		layer.Rate = float64(total) / float64(max(1, l.NeuronSteps))
		if l.Raster.Counts != nil {
			layer.ByChannel = byChannel(l.Raster)
		}
		out.Layers = append(out.Layers, layer)
	}
	e.Spikes = out
	var silent []string
	for _, l := range m.SpikingLayers() {
		if !slices.ContainsFunc(out.Layers, func(told Layer) bool { return told.Name == l.Name }) {
			silent = append(silent, l.Name)
		}
	}
	if len(silent) > 0 {
		e.leaveOut("spikes", "the board does not tell the spikes of "+strings.Join(silent, ", "))
	}
	if n := rasterBytes(m); n > maxRaster {
		e.leaveOut("raster", fmt.Sprintf("the spikes of all neurons are %d bytes, more than %d", n, maxRaster))
	}
}

// compare puts the rates of other pictures beside those of this one. The pictures were shown for all steps, on the simulator.
func (s *Spikes) compare(r *rates.Reference) {
	if s == nil || r == nil {
		return
	}
	s.Reference = &Source{r.Pictures, r.Source}
	for i := range s.Layers {
		s.Layers[i].Reference = r.Of(s.Layers[i].Name)
	}
}

func byChannel(t spike.Train) [][]uint64 {
	out := make([][]uint64, t.Steps())
	for step := range out {
		out[step] = make([]uint64, t.Shape.C)
		for i, n := range t.Step(step) {
			out[step][i%t.Shape.C] += uint64(n)
		}
	}
	return out
}
