package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

type predictCommand struct {
	modelFlag
	boardFlags
	answerFlags
	pictureFlags
	Prevalence *float64 `placeholder:"P" help:"Share of PNEUMONIA, between 0 and 1, where the pictures come from: the probability for it is told too, and how much the operating point's answers are worth there."`
	JSON       bool     `help:"Print a line of JSON for each file: file, probability, label and more, or error."`
	Files      []string `arg:"" name:"file" help:"Pictures; - is standard input."`
}

// Validate is called by kong once the flags are read.
func (c *predictCommand) Validate() error {
	return errors.Join(c.answerFlags.Validate(), c.boardFlags.Validate())
}

// predicted is one file's line.
type predicted struct {
	File           string               `json:"file"`
	Probability    *float64             `json:"probability,omitempty"`
	RawProbability *float64             `json:"raw_probability,omitempty"`
	Label          string               `json:"label,omitempty"`
	OperatingPoint string               `json:"operating_point,omitempty"`
	Prevalence     *pipeline.Prevalence `json:"prevalence,omitempty"`
	Gate           *model.GateResult    `json:"gate,omitempty"`
	Backend        string               `json:"backend,omitempty"`
	Degraded       string               `json:"degraded,omitempty"`
	Warnings       []string             `json:"warnings,omitempty"`
	Error          string               `json:"error,omitempty"`
}

// Run prints a line for each file, in their order, and fails if one has no
// answer.
func (c *predictCommand) Run(ctx context.Context, std *streams) (err error) {
	supervisor, err := c.openForFiles(std)
	if err != nil {
		return err
	}
	defer closeBoard(supervisor, &err)
	m, err := opened(ctx, pipeline.OpenModel, c.Model, supervisor)
	if err != nil {
		return err
	}
	if err := onBoard(supervisor, m.Name()); err != nil {
		return err
	}
	if err := c.options().Check(m.Description()); err != nil {
		return err
	}
	if count(c.Files, "-") > 1 {
		return errors.New("standard input can be read once only")
	}
	failed := 0
	var printing error
	work := func(i int) predicted {
		line := predicted{File: c.Files[i]}
		p, err := c.predict(ctx, std, m, c.Files[i])
		line.Gate = p.Gate
		if err != nil {
			line.Error = err.Error()
			return line
		}
		line.Probability, line.RawProbability, line.Label = &p.Probability, &p.RawProbability, p.Label
		if p.OperatingPoint != nil {
			line.OperatingPoint = p.OperatingPoint.Name
		}
		line.Prevalence, line.Warnings = p.Prevalence, p.Warnings
		line.Backend, line.Degraded = p.Backend, p.Degraded
		return line
	}
	pipeline.InOrder(len(c.Files), runtime.GOMAXPROCS(0), work, func(_ int, line predicted) {
		if line.Error != "" {
			failed++
		}
		if printing == nil {
			printing = c.print(std, line)
		}
	})
	switch {
	case printing != nil:
		return printing
	case failed > 0:
		return errSilent
	}
	return nil
}

func (c *predictCommand) predict(ctx context.Context, std *streams, m *pipeline.Entry, path string) (pipeline.Prediction, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Prediction{}, err
	}
	data, err := c.read(std, path)
	if err != nil {
		return pipeline.Prediction{}, err
	}
	return pipeline.Predict(ctx, m.Model, data, c.limits(), c.options())
}

func (c *predictCommand) options() pipeline.Options {
	o := c.answerFlags.options()
	o.Prevalence = c.Prevalence
	return o
}

func count(files []string, name string) int {
	n := 0
	for _, f := range files {
		if f == name {
			n++
		}
	}
	return n
}

func worth(name string, e *model.Estimate) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf(", %s %.3f", name, e.Value)
}

func (c *predictCommand) print(std *streams, line predicted) error {
	if c.JSON {
		return json.NewEncoder(std.out).Encode(line)
	}
	if line.Error != "" {
		_, err := fmt.Fprintf(std.err, "%s: %s\n", line.File, line.Error)
		return err
	}
	more := ""
	if v := line.Prevalence; v != nil {
		more += fmt.Sprintf("  (%.4f at a prevalence of %g%s%s)", v.Probability, v.Stated, worth("PPV", v.PPV), worth("NPV", v.NPV))
	}
	if g := line.Gate; g != nil && !g.Accepted {
		more += fmt.Sprintf("  (gate: %s)", g.Reason)
	}
	if line.Degraded != "" {
		more += fmt.Sprintf("  (from the %s, board: %s)", line.Backend, line.Degraded)
	}
	_, err := fmt.Fprintf(std.out, "%.4f  %-9s  %s%s\n", *line.Probability, line.Label, line.File, more)
	return err
}
