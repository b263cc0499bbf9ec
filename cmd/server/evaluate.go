package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/evaluate"
	"github.com/spikeray/spikeray/internal/evaluate/page"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

// The classes, by the names of their sub-folders.
const (
	normal    = "NORMAL"
	pneumonia = "PNEUMONIA"
)

type evaluateCommand struct {
	fileFlags
	formatFlags
	Rows      bool   `help:"With --json, print an object for each picture before the report. The report stays the last line."`
	Bootstrap int    `default:"1000" help:"Number of bootstrap samples for the 95% intervals; 0 for no intervals. Samples are drawn by picture, not by patient."`
	Report    string `placeholder:"FILE" help:"Also write a report for people: one HTML file without scripts or outside requests, with ROC curve, reliability, confusion and the worst mistakes by file name. The file must not exist yet."`
	Folder    string `arg:"" type:"existingdir" help:"Folder with the sub-folders NORMAL and PNEUMONIA. With --json the report is printed as JSON; with --csv the pictures are, and the report goes to standard error."`
}

// unread is a picture that could not be scored.
type unread struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// evaluated is the report, what evaluate --json prints last.
type evaluated struct {
	*evaluate.Report
	OperatingPoint *string                 `json:"operating_point"` // whose threshold the report's is
	Steps          *int                    `json:"steps"`           // as an answer's
	Gate           *gated                  `json:"gate"`            // nil when none was asked
	Model          pipeline.ModelReference `json:"model"`
	// Calibration is the place's that is in force, nil for the model's own.
	Calibration *pipeline.SiteCalibration `json:"calibration"`
	Backend     pipeline.Backend          `json:"backend"`
	// Degraded counts pictures that the simulator answered in a board's place.
	Degraded map[string]int `json:"degraded"`
	Unread   []unread       `json:"unread"`
	// Skipped counts hidden files, desktops' own and DICOMDIRs, and Ignored names what lies beside the classes' folders.
	Skipped int      `json:"skipped"`
	Ignored []string `json:"ignored"`
}

// gated is what the model's gate said of the pictures.
type gated struct {
	Mode    pipeline.GateMode `json:"mode"` // refused pictures are not in the report
	Flagged int               `json:"flagged"`
	Reasons map[string]int    `json:"reasons"`
}

// Validate is called by kong once the flags are read.
func (c *evaluateCommand) Validate() error {
	if c.Bootstrap < 0 || c.Bootstrap > 1_000_000 {
		return errors.New("--bootstrap must be 0 to 1000000")
	}
	if c.Rows && !c.JSON {
		return errors.New("--rows needs --json; --csv prints the rows anyway")
	}
	return errors.Join(c.answerFlags.Validate(), c.boardFlags.Validate(), c.formatFlags.Validate())
}

// Run scores the model on the folder's pictures and fails if one of them
// could not be read.
func (c *evaluateCommand) Run(ctx context.Context, std *streams, on model.DecodeOptions) (err error) {
	if c.Report != "" {
		if err := creatable("--report", c.Report); err != nil {
			return err
		}
	}
	m, err := c.openModel(ctx, std, on)
	if err != nil {
		return err
	}
	defer m.close(&err)
	d := m.Description()
	if d.Positive != pneumonia {
		return fmt.Errorf("the positive label of model %s is %s (of %q); evaluate needs a model that tells %s from %s", d.Name, d.Positive, d.Labels, pneumonia, normal)
	}
	options := c.options()
	if err := c.check(options, d); err != nil {
		return err
	}
	decision := d.DecisionAt(options.Steps)
	if decision == nil {
		return fmt.Errorf("%s is not calibrated for %d of its %d steps, so there are no answers to score; predict --json prints the raw probabilities", d.Name, options.Steps, d.MaxSteps())
	}
	files, err := findPictures(c.Folder)
	if err != nil {
		return err
	}

	out := evaluated{
		Model: m.Reference(), Calibration: m.SiteReference(), Backend: pipeline.Backend{Name: m.Backend()}, Degraded: map[string]int{},
		Unread: []unread{}, Skipped: files.skipped, Ignored: files.ignored,
	}
	if d.Gate != nil && c.Gate != pipeline.GateOff {
		out.Gate = &gated{Mode: c.Gate, Reasons: map[string]int{}}
	}
	cases, seen, err := c.predict(ctx, std, m, files.pictures, &out)
	if err != nil {
		return err
	}
	if err := out.explain(std.err, c.Folder, len(files.pictures), c.JSON); err != nil {
		return err
	}
	if err := bothClasses(cases, &out); err != nil {
		return err
	}
	threshold, point := options.Decide(d)
	if point != nil {
		out.OperatingPoint = &point.Name
	}
	if out.Report, err = evaluate.Score(cases, threshold, c.Bootstrap, evaluate.DefaultSeed, points(decision)...); err != nil {
		return err
	}
	if c.Report != "" {
		if err := c.writeReport(m, out, seen); err != nil {
			return err
		}
	}
	if err := c.print(std, out); err != nil {
		return err
	}
	if len(out.Unread) > 0 {
		return errSilent
	}
	return nil
}

func points(d *model.Decision) (out []evaluate.Point) {
	for _, p := range d.OperatingPoints {
		out = append(out, evaluate.Point{Name: p.Name, Threshold: p.Threshold})
	}
	return out
}

// bothClasses fails when a class has no picture with an answer: half of the statistics would mean nothing.
func bothClasses(cases []evaluate.Case, out *evaluated) error {
	for _, class := range []string{normal, pneumonia} {
		if !slices.ContainsFunc(cases, func(c evaluate.Case) bool { return c.Positive == (class == pneumonia) }) {
			refused := ""
			if g := out.Gate; g != nil && g.Mode == pipeline.GateRefuse && g.Flagged > 0 {
				refused = fmt.Sprintf("; the gate refused %d pictures%s", g.Flagged, g.reasons())
			}
			return fmt.Errorf("no picture of %s is left to score%s", class, refused)
		}
	}
	return nil
}

// predict answers the files in parallel; the cases are in the files' order. What
// the gate flags, what no board answered and what could not be read is put down in out.
func (c *evaluateCommand) predict(ctx context.Context, std *streams, m *fileModel, files []labelled, out *evaluated) ([]evaluate.Case, sights, error) {
	type answer struct {
		pipeline.Prediction
		err error
	}
	work := func(i int) answer {
		if err := errors.Join(ctx.Err(), files[i].err); err != nil {
			return answer{err: err}
		}
		p, err := m.predict(ctx, std, files[i].path, c.options())
		return answer{p, err}
	}
	var cases []evaluate.Case
	var seen sights
	print, flush := c.printer(std)
	progress := newCounter(std.progress, len(files))
	var printing error
	pipeline.InOrder(len(files), runtime.GOMAXPROCS(0), work, func(i int, a answer) {
		if ctx.Err() != nil {
			return
		}
		progress.clear()
		if printing == nil {
			line := row{File: files[i].path, Truth: files[i].class, Model: out.Model}
			line.fill(m.Entry, a.Prediction, a.err)
			printing = print(line)
		}
		progress.step()
		out.Gate.count(a.Prediction)
		file := c.within(files[i].path)
		if refused := (*pipeline.RefusedError)(nil); errors.As(a.err, &refused) {
			seen.refused = append(seen.refused, page.File{File: file, Reason: shown(a.err.Error())})
			return
		}
		if a.err != nil {
			out.Unread = append(out.Unread, unread{files[i].path, a.err.Error()})
			return
		}
		if a.Degraded != "" {
			out.Degraded[a.Degraded]++
		}
		if a.Spikes != nil {
			out.Steps = &a.Steps
		}
		cases = append(cases, evaluate.Case{Positive: files[i].class == pneumonia, Probability: a.Probability, Raw: a.RawProbability})
		if c.Report == "" {
			return
		}
		seen.add(file, files[i].class == pneumonia, m.Answer(a.Prediction))
	})
	progress.clear()
	if printing == nil {
		printing = flush()
	}
	return cases, seen, errors.Join(ctx.Err(), printing)
}

// printer gives what prints a picture's row, and what is to be called after the last.
func (c *evaluateCommand) printer(std *streams) (print func(row) error, flush func() error) {
	none := func() error { return nil }
	switch {
	case c.CSV:
		table := newTable(std.out, columnsWith("file", "truth"))
		return table.write, table.flush
	case c.Rows:
		encoder := json.NewEncoder(std.out)
		return func(r row) error { return encoder.Encode(r) }, none
	}
	return func(row) error { return nil }, none
}

// explain says what is not in the report; what was left alone by rule is in the JSON.
func (e *evaluated) explain(w io.Writer, folder string, files int, asJSON bool) (err error) {
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	for _, f := range e.Unread {
		say("%s\n", oneLine(f.File+": "+f.Error))
	}
	if len(e.Unread) > 0 {
		say("spikeray: %d of %d pictures could not be read and are not in the report\n", len(e.Unread), files)
	}
	if asJSON {
		return err
	}
	if e.Skipped > 0 {
		say("spikeray: %d hidden files, desktops' own (Thumbs.db and the like) and DICOMDIRs were skipped\n", e.Skipped)
	}
	if n := len(e.Ignored); n > 0 {
		say("spikeray: %d files or folders in %s are outside %s and %s and not in the report: %s\n", n, oneLine(folder), normal, pneumonia, oneLine(strings.Join(e.Ignored[:min(n, 10)], ", ")))
	}
	return err
}

func (c *evaluateCommand) print(std *streams, e evaluated) error {
	w := std.out
	if c.JSON {
		return json.NewEncoder(w).Encode(e)
	}
	if c.CSV {
		w = std.err
	}
	steps := ""
	if e.Steps != nil && c.Steps != nil {
		steps = fmt.Sprintf(", %d steps", *e.Steps)
	}
	if _, err := fmt.Fprintf(w, "%s %s (%.19s) on %s%s, %s\n", e.Model.Name, e.Model.Version, e.Model.Digest, e.Backend.Name, steps, oneLine(c.Folder)); err != nil {
		return err
	}
	if err := printCalibration(w, e.Calibration); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := e.WriteText(w); err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(e.Degraded)) {
		if _, err := fmt.Fprintf(w, "\nanswered by the simulator instead of the board: %d (%s)\n", e.Degraded[reason], reason); err != nil {
			return err
		}
	}
	if e.Gate == nil {
		return nil
	}
	left := ""
	if e.Gate.Mode == pipeline.GateRefuse {
		left = ", and not in the report"
	}
	_, err := fmt.Fprintf(w, "\nnot accepted by the gate: %d%s%s\n", e.Gate.Flagged, e.Gate.reasons(), left)
	return err
}

// count counts a picture that the gate does not accept, or that says itself that it is of another kind.
func (g *gated) count(p pipeline.Prediction) {
	switch {
	case g == nil:
	case p.Gate != nil && !p.Gate.Accepted:
		g.Flagged++
		g.Reasons[p.Gate.Reason]++
	case len(p.Doubts) > 0:
		g.Flagged++
		g.Reasons[p.Doubts[0]]++
	}
}

func (g *gated) reasons() string {
	var out []string
	for _, reason := range slices.Sorted(maps.Keys(g.Reasons)) {
		out = append(out, fmt.Sprintf("%d %s", g.Reasons[reason], reason))
	}
	if len(out) == 0 {
		return ""
	}
	return " (" + strings.Join(out, ", ") + ")"
}

type labelled struct {
	source
	class   string
	patient string // "" where it is not known
}

// pictureSet is what a folder of the two classes holds.
type pictureSet struct {
	pictures []labelled
	skipped  int
	ignored  []string // files and folders beside the classes'
}

// findPictures lists the files under the two sub-folders, each in the order of its paths. A class that is missing, or has
// no file, is an error.
func findPictures(folder string) (set pictureSet, err error) {
	set.ignored = []string{}
	for _, class := range []string{normal, pneumonia} {
		root := filepath.Join(folder, class)
		found, skipped, err := walk(root)
		if err != nil {
			return set, fmt.Errorf("evaluate needs a folder with the sub-folders %s and %s: %w", normal, pneumonia, err)
		}
		if len(found) == 0 {
			return set, fmt.Errorf("no pictures in %s (%d files skipped)", root, skipped)
		}
		for _, f := range found {
			set.pictures = append(set.pictures, labelled{source: f, class: class})
		}
		set.skipped += skipped
	}
	beside, err := os.ReadDir(folder)
	if err != nil {
		return set, err
	}
	for _, entry := range beside {
		switch name := entry.Name(); {
		case name == normal || name == pneumonia:
		case stray(name):
			set.skipped++
		default:
			set.ignored = append(set.ignored, name)
		}
	}
	return set, nil
}
