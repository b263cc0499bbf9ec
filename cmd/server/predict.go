package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

type predictCommand struct {
	fileFlags
	formatFlags
	Human      bool     `help:"Print a table for people: aligned columns, the answer after each time step as bars, and what to look at in plain words. --json has the warnings in full."`
	Prevalence *float64 `placeholder:"P" help:"Share of PNEUMONIA, between 0 and 1, where the pictures come from. Also prints the probability at that prevalence, and the operating point's PPV and NPV there."`
	explainFlags
	Files []path `arg:"" name:"file" help:"Pictures, or folders, which are searched with all their sub-folders; - is standard input."`
}

// formatFlags choose how answers are printed.
type formatFlags struct {
	JSON bool `help:"Print JSON, one object a line."`
	CSV  bool `name:"csv" help:"Print CSV: a row of column names, then a row for each picture."`
}

// Validate is called by kong once the flags are read.
func (f formatFlags) Validate() error {
	if f.JSON && f.CSV {
		return errors.New("give --json or --csv, not both")
	}
	return nil
}

// Validate is called by kong once the flags are read.
func (c *predictCommand) Validate(parsed *kong.Context) error {
	given := givenFlags(parsed)
	for _, name := range []string{"positions", "fill"} {
		if given[name] != "" && c.Explain == "" {
			return fmt.Errorf("%s needs --explain", given[name])
		}
	}
	if c.Human && (c.JSON || c.CSV) {
		return errors.New("give --human, --json or --csv, only one of them: --human is for people, the others are for programs")
	}
	return errors.Join(c.answerFlags.Validate(), c.boardFlags.Validate(), c.formatFlags.Validate())
}

// Run prints a line for each file, in their order, and fails if one has no
// answer.
func (c *predictCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	m, err := c.openModel(ctx, std, on)
	if err != nil {
		return err
	}
	defer m.close(&err)
	if err := c.check(c.options(), m.Description()); err != nil {
		return err
	}
	if count(c.Files, "-") > 1 {
		return errors.New("standard input can be read only once")
	}
	files, skipped, err := sources(c.Files)
	if err != nil {
		return err
	}
	if err := c.makeFolder(); err != nil {
		return err
	}
	print, flush, err := c.printer(std, m, files)
	if err != nil {
		return err
	}
	progress := newCounter(std.progress, len(files))
	if std.outIsTerminal && len(files) == 1 { // its line is the progress
		progress = newCounter(nil, 1)
	}
	answered, failed := 0, 0
	var printing error
	work := func(i int) fileAnswer {
		line := fileAnswer{row: row{File: files[i].path, Model: m.Reference()}}
		p, err := c.predict(ctx, std, m, files[i], i)
		line.fill(m.Entry, p, err)
		line.each = p.EachStep
		return line
	}
	pipeline.InOrder(len(files), runtime.GOMAXPROCS(0), work, func(_ int, line fileAnswer) {
		switch {
		case line.Answer != nil:
			answered++
		case ctx.Err() != nil:
			return // told once, below
		default:
			failed++
		}
		progress.clear()
		if printing == nil {
			printing = print(line)
		}
		progress.step()
	})
	progress.clear()
	if printing == nil {
		printing = flush()
	}
	tellSkipped(std, skipped)
	switch {
	case printing != nil:
		return printing
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %d of %d pictures answered", answered, len(files))
	case failed > 0:
		return errSilent
	}
	return nil
}

func (c *predictCommand) predict(ctx context.Context, std *streams, m *fileModel, file source, i int) (pipeline.Prediction, error) {
	if err := errors.Join(ctx.Err(), file.err); err != nil {
		return pipeline.Prediction{}, err
	}
	options := c.options()
	if c.Explain == "" {
		return m.predict(ctx, std, file.path, options)
	}
	var picture []uint8
	options.Prepared = func(pixels []uint8) { picture = slices.Clone(pixels) }
	p, err := m.predict(ctx, std, file.path, options)
	if err == nil {
		err = c.explain(ctx, m.Entry, p, picture, explained{file.path, i, options.Steps})
	}
	return p, err
}

func (c *predictCommand) options() pipeline.Options {
	o := c.answerFlags.options()
	o.Prevalence, o.EachStep = c.Prevalence, c.Human
	return o
}

func count(files []path, name path) int {
	n := 0
	for _, f := range files {
		if f == name {
			n++
		}
	}
	return n
}

// fileAnswer is a row and what only people are told.
type fileAnswer struct {
	row
	each *pipeline.Anytime
}

// printer gives what prints a line, and what is to be called after the last.
func (c *predictCommand) printer(std *streams, m *fileModel, files []source) (print func(fileAnswer) error, flush func() error, err error) {
	none := func() error { return nil }
	switch {
	case c.Human:
		p, err := c.newPeople(std, m, files)
		if err != nil {
			return nil, nil, err
		}
		return func(t fileAnswer) error { return p.row(t.row, t.each) }, p.end, nil
	case c.JSON:
		encoder := json.NewEncoder(std.out)
		return func(t fileAnswer) error { return encoder.Encode(t.row) }, none, nil
	case c.CSV:
		table := newTable(std.out, columnsWith("file"))
		return func(t fileAnswer) error { return table.write(t.row) }, table.flush, nil
	}
	return func(t fileAnswer) error { return printLine(std, t.row) }, none, nil
}

// printLine prints an answer for people.
func printLine(std *streams, line row) error {
	a := line.Answer
	if a == nil {
		_, err := fmt.Fprintln(std.err, oneLine(line.File+": "+line.Error))
		return err
	}
	more := ""
	if v := a.Prevalence; v != nil {
		more += fmt.Sprintf("  (%.4f at a prevalence of %g%s%s)", v.Probability, v.Stated, worth("PPV", v.PPV), worth("NPV", v.NPV))
	}
	if g := a.Gate; g != nil && !g.Accepted {
		more += fmt.Sprintf("  (gate: %s)", *g.Reason)
	}
	if a.Degraded != nil {
		more += fmt.Sprintf("  (from the %s, board: %s)", a.Backend.Name, *a.Degraded)
	}
	if codes := warningCodes(a.Input.Warnings); len(codes) > 0 {
		more += fmt.Sprintf("  (warnings: %s)", strings.Join(codes, ", "))
	}
	probability, label := a.RawProbability, "raw"
	if a.Probability != nil {
		probability, label = *a.Probability, *a.Label
	}
	_, err := fmt.Fprintf(std.out, "%.4f  %-9s  %s%s\n", probability, label, oneLine(line.File), more)
	return err
}

// warningCodes are the words that warnings begin with, but for the gate's, which is told otherwise.
func warningCodes(warnings []string) []string {
	var codes []string
	for _, w := range warnings {
		code, _, _ := strings.Cut(w, ":")
		if code != "gate" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

func worth(name string, e *model.Estimate) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf(", %s %.3f", name, e.Value)
}
