// Package evidence tells what a network used for its answer to one picture: how the answer adds up, what it depends on, the spikes
// and the answers after each step. docs/EVIDENCE.md has the equations and what was measured of their limits.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Notice is said wherever evidence is shown.
const Notice = "Evidence of what the network used, never localisation of disease: a strong cell is not a finding, " +
	"and a weak one does not clear a region. Research only."

// ErrOptions is wrapped by the errors of [Options.Check].
var ErrOptions = errors.New("options do not fit an explanation")

// Options are what a caller may ask of an explanation. The zero value is what most need.
type Options struct {
	Positions int // where the occluding window stands: one of [Positions]; 0 is 64
	Fill      Fill
	Steps     int     // to show the picture for, 0 for all
	Opacity   float64 // of the map over the picture where it is strongest, above 0 to 1; 0 is .6
	// Raster keeps the spikes of each neuron for [Evidence.WriteNPZ] and [Evidence.WriteCSV].
	Raster bool
	// Rates are what the rates of the layers are read beside, nil for nothing. They are of all steps.
	Rates *rates.Reference
	// SpikesOnly leaves Occlusion and Pictures out.
	SpikesOnly bool
	// Undrawn leaves Pictures out.
	Undrawn bool
}

// Check returns an error that wraps [ErrOptions] if an option is not valid.
func (o Options) Check() error {
	switch {
	case o.Positions != 0 && !slices.Contains(Positions, o.Positions):
		return fmt.Errorf("%w: %d positions, must be one of %v", ErrOptions, o.Positions, Positions)
	case !slices.Contains([]Fill{"", FillBoth, FillBlur, FillMean}, o.Fill):
		return fmt.Errorf("%w: fill %.80q, must be %s, %s or %s", ErrOptions, o.Fill, FillBlur, FillMean, FillBoth)
	case !(o.Opacity >= 0 && o.Opacity <= 1):
		return fmt.Errorf("%w: the opacity must be above 0 and at most 1", ErrOptions)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Positions == 0 {
		o.Positions = 64
	}
	if o.Fill == "" {
		o.Fill = FillBoth
	}
	if o.Opacity == 0 {
		o.Opacity = 0.6
	}
	return o
}

// Evidence is what can be told of one answer. A part that the model or its back end does not allow is nil, and LeftOut says why.
type Evidence struct {
	Activation *Activation `json:"activation"`
	Occlusion  *Occlusion  `json:"occlusion"`
	Spikes     *Spikes     `json:"spikes"`
	Anytime    []Answer    `json:"anytime"`
	Pictures   []Picture   `json:"pictures"`
	// Region is what of the upright film the maps and pictures cover.
	Region  model.Region `json:"region"`
	LeftOut []LeftOut    `json:"left_out"`
	// Degraded is a word for why the simulator gave the spikes in a board's place; nil if it did not. The evidence is of a run of its
	// own: the board may have failed in that one alone, or only in the one that was answered.
	Degraded *string `json:"degraded"`
	Notice   string  `json:"notice"`

	raster []spike.LayerRecord
}

// LeftOut is a part that is not there, and why.
type LeftOut struct {
	Part   string `json:"part"` // "activation", "occlusion", "spikes", "raster" or "anytime"
	Reason string `json:"reason"`
}

// Answer is what the model says after a step. What a step has no decision for, or a model of more than two labels no number, is nil.
type Answer struct {
	Step           int      `json:"step"`
	LogOdds        *float64 `json:"log_odds"` // of the positive label, before any calibration
	RawProbability float64  `json:"raw_probability"`
	Probability    *float64 `json:"probability"` // calibrated
}

// Explain explains the model's answer to a picture from [model.Model.Prepare], before the grey window. It runs the network once with
// every spike recorded and, on the simulator, once for each position and fill, one after the other. The errors are those of
// [Options.Check] and [model.Model.Infer]; the context is heeded between positions.
func Explain(ctx context.Context, m *model.Model, picture []uint8, opt Options) (*Evidence, error) {
	if err := opt.Check(); err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	e := &Evidence{Anytime: []Answer{}, Pictures: []Picture{}, LeftOut: []LeftOut{}, Notice: Notice, Region: m.Description().Preparation.Region()}
	recorder := &spike.Recorder{}
	var counts spike.Train
	ask := model.Options{Steps: opt.Steps, Recorder: recorder, Counts: &counts}
	if rasterBytes(m) <= maxRaster {
		for _, l := range m.SpikingLayers() {
			recorder.Rasters = append(recorder.Rasters, l.Name)
		}
	}
	if m.MaxSteps() > 0 {
		ask.OnStep = func(step int, a *model.Result) error {
			e.Anytime = append(e.Anytime, Answer{step, number(a.LogOdds), a.RawProbability, number(a.Probability)})
			return nil
		}
	} else {
		e.leaveOut("anytime", "the model's time axis is not steps: it has one answer, at the end")
	}
	result, err := m.Infer(ctx, picture, ask)
	if err != nil {
		return nil, err
	}
	if a := result.Account; a != nil && a.Degraded != "" {
		e.Degraded = &a.Degraded
	}
	e.activate(m, counts, result)
	e.count(m, recorder, result)
	if opt.Steps == 0 || opt.Steps == m.MaxSteps() {
		e.Spikes.compare(opt.Rates)
	}
	if opt.Raster {
		e.raster = recorder.Layers
	}
	if opt.SpikesOnly {
		return e, nil
	}
	if err := e.occlude(ctx, m, picture, result, opt); err != nil {
		return nil, err
	}
	if !opt.Undrawn {
		e.draw(m, picture, opt.Opacity)
	}
	return e, nil
}

func (e *Evidence) leaveOut(part, reason string) {
	e.LeftOut = append(e.LeftOut, LeftOut{part, reason})
}

// Runs is how often Explain runs the network for these options.
func Runs(m *model.Model, opt Options) int {
	if err := opt.Check(); err != nil || opt.SpikesOnly || occlusionReason(m, opt.withDefaults()) != "" {
		return 1
	}
	opt = opt.withDefaults()
	return 1 + opt.Positions*len(opt.Fill.each())
}

// Memory is at least the number of bytes that Explain holds at a time for a picture of the model, and the files made of it.
func Memory(m *model.Model) int64 {
	p := m.Description().Preparation
	// The raster is grown by appending, and is copied to its file; each picture is drawn in RGBA and kept as a file.
	return 4*min(rasterBytes(m), maxRaster) + 16*mapPictures*int64(p.Width*p.Height) + 1<<20
}

// number is nil for what is not one.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
