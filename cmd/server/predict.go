package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"github.com/spikeray/spikeray/internal/pipeline"
)

type predictCommand struct {
	modelFlag
	answerFlags
	pictureFlags
	JSON  bool     `help:"Print a line of JSON for each file: file, probability and label, or error."`
	Files []string `arg:"" name:"file" help:"Pictures; - is standard input."`
}

// predicted is one file's line.
type predicted struct {
	File        string   `json:"file"`
	Probability *float64 `json:"probability,omitempty"`
	Label       string   `json:"label,omitempty"`
	Error       string   `json:"error,omitempty"`
}

// Run prints a line for each file, in their order, and fails if one has no
// answer.
func (c *predictCommand) Run(ctx context.Context, std *streams) error {
	m, err := pipeline.OpenModel(c.Model, nil)
	if err != nil {
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
		if err != nil {
			line.Error = err.Error()
			return line
		}
		line.Probability, line.Label = &p.Probability, p.Label
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

func count(files []string, name string) int {
	n := 0
	for _, f := range files {
		if f == name {
			n++
		}
	}
	return n
}

func (c *predictCommand) print(std *streams, line predicted) error {
	if c.JSON {
		return json.NewEncoder(std.out).Encode(line)
	}
	if line.Error != "" {
		_, err := fmt.Fprintf(std.err, "%s: %s\n", line.File, line.Error)
		return err
	}
	_, err := fmt.Fprintf(std.out, "%.4f  %-9s  %s\n", *line.Probability, line.Label, line.File)
	return err
}
