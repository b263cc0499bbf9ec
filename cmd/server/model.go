package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

type modelCommand struct {
	List  modelListCommand  `cmd:"" help:"List the shipped models, the default first."`
	Show  modelShowCommand  `cmd:"" help:"Print a model's card, or with --json its description."`
	Check modelCheckCommand `cmd:"" help:"Check a model file."`
}

type modelListCommand struct{}

func (modelListCommand) Run(std *streams) error {
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, name := range models.Names() {
		m, err := pipeline.OpenModel(name, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", name, m.Description().Version, m.Description().Summary)
	}
	return w.Flush()
}

type modelShowCommand struct {
	JSON bool   `help:"Print the description that is in the model file, as JSON."`
	Name string `arg:"" help:"A shipped model's name, or a model file."`
}

func (c modelShowCommand) Run(std *streams) error {
	m, err := pipeline.OpenModel(c.Name, nil)
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
	for _, p := range d.OperatingPoints {
		fmt.Fprintf(std.out, "operating point %s: threshold %g, sensitivity %s, specificity %s\n",
			p.Name, p.Threshold, estimate(p.Sensitivity), estimate(p.Specificity))
	}
	if g := d.Gate; g != nil {
		fmt.Fprintf(std.out, "gate: %q from %g, otherwise %q\n", g.Accept, g.Threshold, g.Reasons())
	}
	if m.Card != "" {
		fmt.Fprintf(std.out, "\n%s", m.Card)
	}
	return nil
}

func estimate(e model.Estimate) string {
	return fmt.Sprintf("%.3f (%.3f to %.3f)", e.Value, e.Low, e.High)
}

type modelCheckCommand struct {
	File string `arg:"" type:"existingfile" help:"A model file."`
}

func (c modelCheckCommand) Run(std *streams) error {
	m, err := pipeline.OpenModelFile(c.File, nil)
	if err != nil {
		return err
	}
	d := m.Description()
	_, err = fmt.Fprintf(std.out, "%s: good, %s %s, %s\n", c.File, d.Name, d.Version, m.Digest())
	return err
}
