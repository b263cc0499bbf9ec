package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

type modelCommand struct {
	List  modelListCommand  `cmd:"" help:"List the shipped models, the default first."`
	Show  modelShowCommand  `cmd:"" help:"Print a model's card, or with --json its description."`
	Check modelCheckCommand `cmd:"" help:"Check a model file or a shipped model. With --board, also report how it fits the board, or why it cannot run there."`

	Folder modelFolderCommand `cmd:"" help:"Check a folder of models as a server would: which versions are good, and which serve."`
	Use    modelUseCommand    `cmd:"" help:"Choose the version of a model that servers of a folder use: one that is named, the previous or the newest."`
	Canary modelCanaryCommand `cmd:"" help:"Print a canary.json to put beside a model's file: pictures, and the answers that a server must give to them before it uses the model."`
}

type modelListCommand struct{}

func (modelListCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, name := range models.Names() {
		m, err := pipeline.OpenModel(ctx, name, on)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, m.Description().Version, m.Description().Summary)
	}
	return w.Flush()
}

type modelShowCommand struct {
	JSON bool   `help:"Print the description that is in the model file, as JSON."`
	Name string `arg:"" help:"Name of a shipped model, or a model file."`
}

func (c modelShowCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) error {
	m, err := pipeline.OpenModel(ctx, c.Name, on)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(std.out)
		e.SetIndent("", "  ")
		return e.Encode(m.Description())
	}
	d := m.Description()
	fmt.Fprintf(std.out, "%s %s\n%s\n%s\n%d parameters in %d layers, on %s (%s)\n",
		d.Name, d.Version, d.Summary, m.Digest(), m.Parameters(), len(d.Layers), m.Backend(), m.Kernel())
	if c := d.Calibration; c != nil {
		fmt.Fprintf(std.out, "calibrated: slope %g, intercept %g, at a prevalence of %g\n", c.Slope, c.Intercept, c.Prevalence)
	}
	printPoints(std.out, "", d.OperatingPoints)
	for _, e := range d.Early {
		printPoints(std.out, fmt.Sprintf("after %d of %d steps, ", e.Steps, d.MaxSteps()), e.OperatingPoints)
	}
	if n := d.MaxSteps() - 1 - len(d.Early); n > 0 {
		fmt.Fprintf(std.out, "not calibrated for %d of the %d numbers of steps below %d\n", n, d.MaxSteps()-1, d.MaxSteps())
	}
	if g := d.Gate; g != nil {
		fmt.Fprintf(std.out, "gate: %q from %g, otherwise %q\n", g.Accept, g.Threshold, g.Reasons())
	}
	if m.Card != "" {
		fmt.Fprintf(std.out, "\n%s", m.Card)
	}
	return nil
}

func printPoints(w io.Writer, when string, points []model.OperatingPoint) {
	for _, p := range points {
		fmt.Fprintf(w, "%soperating point %s: threshold %g, sensitivity %s, specificity %s\n",
			when, p.Name, p.Threshold, estimate(p.Sensitivity), estimate(p.Specificity))
	}
}

func estimate(e model.Estimate) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", e.Value, e.Low, e.High)
}

type modelCheckCommand struct {
	boardFlag
	JSON bool   `help:"Print the model's name, version and digest as JSON; with --board, the board's report instead."`
	Name string `arg:"" help:"Name of a shipped model, or a model file."`
}

func (c modelCheckCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	if !c.given() {
		_, err := c.check(ctx, std.out, on)
		return err
	}
	o, err := c.configure()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // some boards wait for their toolchain
	defer cancel()
	b, err := o.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	p := &placer{board: b}
	on.Backend = p
	to := std.out
	if c.JSON {
		to = io.Discard
	}
	m, err := c.check(ctx, to, on)
	if err != nil {
		return forBoards(err)
	}
	if p.placed == nil {
		return noSpikes(m.Name())
	}
	return printReport(std.out, p.placed.Report(), c.JSON)
}

// checked is what model check --json prints.
type checked struct {
	File string `json:"file"`
	pipeline.ModelReference
}

// check opens the model and says what it is.
func (c modelCheckCommand) check(ctx context.Context, w io.Writer, on model.DecodeOptions) (*pipeline.Entry, error) {
	m, err := pipeline.OpenModel(ctx, c.Name, on)
	if err != nil {
		return nil, err
	}
	if c.JSON {
		return m, json.NewEncoder(w).Encode(checked{c.Name, m.Reference()})
	}
	d := m.Description()
	_, err = fmt.Fprintf(w, "%s: good, %s %s, %s\n", c.Name, d.Name, d.Version, m.Digest())
	return m, err
}
