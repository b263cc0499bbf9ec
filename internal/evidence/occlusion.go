package evidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Fill is what a hidden window is filled with.
type Fill string

// The zero value of a Fill stands for FillBoth.
const (
	FillBlur Fill = "blur" // a blurred copy of the picture
	FillMean Fill = "mean" // the picture's mean grey
	FillBoth Fill = "both" // one after the other
)

func (f Fill) each() []Fill {
	if f == FillBoth {
		return []Fill{FillBlur, FillMean}
	}
	return []Fill{f}
}

// Positions are the numbers of positions that can be asked for, each a square: windows of a quarter and of an eighth of the picture's
// width and height side by side, and windows of an eighth at half steps.
var Positions = []int{16, 64, 225}

// window says how many units the picture is divided into each way, and how many of them a window covers each way.
func window(positions int) (units, span int) {
	switch positions {
	case 16:
		return 4, 1
	case 225:
		return 16, 2
	}
	return 8, 1
}

// Occlusion is how the answer changes when a window of the prepared picture is hidden (Zeiler and Fergus, "Visualizing and
// Understanding Convolutional Networks", 2014, section 4.2). The grey window of the model is set anew for each hidden picture.
type Occlusion struct {
	Positions int `json:"positions"`
	// Width and Height are those of the hidden window, in pixels of the prepared picture; some are one pixel larger where they
	// do not divide it.
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Fills  []Drops `json:"fills"`
	span   int
	units  int
}

// Drops are, for one fill, the log-odds of the positive label with nothing hidden less those with the window hidden, by position from
// the top left: above 0, what was hidden speaks for the positive label.
type Drops struct {
	Fill Fill        `json:"fill"`
	Map  [][]float64 `json:"map"`
}

// ErrOcclusion is wrapped by the errors of [CheckOcclusion].
var ErrOcclusion = errors.New("no occlusion")

// CheckOcclusion returns an error that wraps [ErrOcclusion] if a model allows none with these options.
func CheckOcclusion(m *model.Model, opt Options) error {
	if reason := occlusionReason(m, opt.withDefaults()); reason != "" {
		return fmt.Errorf("%w: %s", ErrOcclusion, reason)
	}
	return nil
}

// occlusionReason says why there can be no occlusion, "" where there can.
func occlusionReason(m *model.Model, opt Options) string {
	p := m.Description().Preparation
	units, _ := window(opt.Positions)
	switch {
	case len(m.Description().Labels) != 2:
		return "the model has more than two labels, and no log-odds"
	case m.Backend() != spike.Simulator{}.Name():
		return fmt.Sprintf("the model runs on the board %s, which would be kept busy for a run at each position; "+
			"ask a model on the simulator", m.Backend())
	case p.Width < units || p.Height < units:
		return fmt.Sprintf("the prepared picture of %dx%d pixels is too small for %d positions", p.Width, p.Height, opt.Positions)
	}
	return ""
}

func (e *Evidence) occlude(ctx context.Context, m *model.Model, picture []uint8, whole *model.Result, opt Options) error {
	if reason := occlusionReason(m, opt); reason != "" {
		e.leaveOut("occlusion", reason)
		return nil
	}
	p := m.Description().Preparation
	units, span := window(opt.Positions)
	side := units - span + 1
	out := &Occlusion{
		Positions: opt.Positions, units: units, span: span, Width: p.Width * span / units, Height: p.Height * span / units,
	}
	hidden := make([]uint8, len(picture))
	for _, fill := range opt.Fill.each() {
		with, drops := filling(fill, picture, p.Width, p.Height), grid(side, side)
		for y := range side {
			for x := range side {
				if err := ctx.Err(); err != nil {
					return err
				}
				copy(hidden, picture)
				for row := y * p.Height / units; row < (y+span)*p.Height/units; row++ {
					from, to := row*p.Width+x*p.Width/units, row*p.Width+(x+span)*p.Width/units
					copy(hidden[from:to], with[from:to])
				}
				r, err := m.Infer(ctx, hidden, model.Options{Steps: opt.Steps})
				if err != nil {
					return err
				}
				drops[y][x] = whole.LogOdds - r.LogOdds
			}
		}
		out.Fills = append(out.Fills, Drops{fill, drops})
	}
	e.Occlusion = out
	return nil
}
