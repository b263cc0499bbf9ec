package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/spikeray/spikeray/internal/evaluate"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// The classes, by the names of their sub-folders.
const (
	normal    = "NORMAL"
	pneumonia = "PNEUMONIA"
)

type evaluateCommand struct {
	modelFlag
	boardFlags
	answerFlags
	pictureFlags
	JSON      bool   `help:"Print the report as JSON."`
	Bootstrap int    `default:"1000" help:"Bootstrap samples behind the 95% intervals, drawn of pictures and not of patients; 0 leaves them out."`
	Folder    string `arg:"" type:"existingdir" help:"Folder with the sub-folders NORMAL and PNEUMONIA."`
}

// unread is a picture that could not be scored.
type unread struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// evaluated is what evaluate --json prints.
type evaluated struct {
	*evaluate.Report
	OperatingPoint *string        `json:"operating_point"` // whose threshold the report's is
	Gate           *gated         `json:"gate"`            // nil when none was asked
	Model          evaluatedModel `json:"model"`
	Unread         []unread       `json:"unread"`
}

// gated is what the model's gate said of the pictures.
type gated struct {
	Mode    pipeline.GateMode `json:"mode"` // refused pictures are not in the report
	Flagged int               `json:"flagged"`
	Reasons map[string]int    `json:"reasons"`
}

type evaluatedModel struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	Backend string `json:"backend"`
	// Degraded counts pictures that the simulator answered in a board's place.
	Degraded map[string]int `json:"degraded,omitempty"`
}

// Validate is called by kong once the flags are read.
func (c *evaluateCommand) Validate() error {
	if c.Bootstrap < 0 || c.Bootstrap > 1_000_000 {
		return errors.New("--bootstrap must be from 0 to 1000000")
	}
	return errors.Join(c.answerFlags.Validate(), c.boardFlags.Validate())
}

// Run scores the model on the folder's pictures and fails if one of them
// could not be read.
func (c *evaluateCommand) Run(ctx context.Context, std *streams) (err error) {
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
	d := m.Description()
	if d.Positive != pneumonia {
		return fmt.Errorf("the model %s tells %s from %q, not %s from %s", d.Name, d.Positive, d.Labels, pneumonia, normal)
	}
	files, err := findPictures(c.Folder)
	if err != nil {
		return err
	}

	options := c.options()
	if err := options.Check(d); err != nil {
		return err
	}
	var gate *gated
	if d.Gate != nil && c.Gate != pipeline.GateOff {
		gate = &gated{Mode: c.Gate, Reasons: map[string]int{}}
	}

	degraded := map[string]int{}
	cases, failed := c.predict(ctx, std, m, files, gate, degraded)
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, f := range failed {
		fmt.Fprintf(std.err, "%s: %s\n", f.File, f.Error)
	}
	if len(failed) > 0 {
		fmt.Fprintf(std.err, "spikeray: %d of %d pictures could not be read and are not in the report\n", len(failed), len(files))
	}
	if len(cases) == 0 && gate != nil && gate.Mode == pipeline.GateRefuse && gate.Flagged > 0 {
		return fmt.Errorf("no picture is left to score: the gate refused %d of %d%s", gate.Flagged, len(files), gate.reasons())
	}
	threshold, point := options.Decide(d)
	var points []evaluate.Point
	for _, p := range d.OperatingPoints {
		points = append(points, evaluate.Point{Name: p.Name, Threshold: p.Threshold})
	}
	report, err := evaluate.Score(cases, threshold, c.Bootstrap, evaluate.DefaultSeed, points...)
	if err != nil {
		return err
	}
	out := evaluated{report, nil, gate, evaluatedModel{d.Name, d.Version, m.Digest(), m.Backend(), degraded}, failed}
	if point != nil {
		out.OperatingPoint = &point.Name
	}
	if err := c.print(std.out, out); err != nil {
		return err
	}
	if len(failed) > 0 {
		return errSilent
	}
	return nil
}

// predict answers the files in parallel; the cases are in the files' order. What
// the gate flags is counted in gate unless that is nil, and what no board answered in degraded.
func (c *evaluateCommand) predict(ctx context.Context, std *streams, m *pipeline.Entry, files []labelled, gate *gated, degraded map[string]int) ([]evaluate.Case, []unread) {
	type answer struct {
		pipeline.Prediction
		err error
	}
	work := func(i int) answer {
		if err := ctx.Err(); err != nil {
			return answer{err: err}
		}
		data, err := c.read(std, files[i].path)
		if err != nil {
			return answer{err: err}
		}
		p, err := pipeline.Predict(ctx, m.Model, data, c.limits(), c.options())
		return answer{p, err}
	}
	var cases []evaluate.Case
	failed := []unread{}
	progress := newCounter(std.err, len(files))
	pipeline.InOrder(len(files), runtime.GOMAXPROCS(0), work, func(i int, a answer) {
		progress.step()
		if gate != nil && a.Gate != nil && !a.Gate.Accepted {
			gate.Flagged++
			gate.Reasons[a.Gate.Reason]++
		}
		if refused := (*pipeline.RefusedError)(nil); errors.As(a.err, &refused) {
			return
		}
		if a.err != nil {
			failed = append(failed, unread{files[i].path, a.err.Error()})
			return
		}
		if a.Degraded != "" {
			degraded[a.Degraded]++
		}
		cases = append(cases, evaluate.Case{Positive: files[i].positive, Probability: a.Probability, Raw: a.RawProbability})
	})
	progress.end()
	return cases, failed
}

func (c *evaluateCommand) print(w io.Writer, e evaluated) error {
	if c.JSON {
		return json.NewEncoder(w).Encode(e)
	}
	if _, err := fmt.Fprintf(w, "%s %s on %s, %s\n\n", e.Model.Name, e.Model.Version, e.Model.Backend, c.Folder); err != nil {
		return err
	}
	if err := e.WriteText(w); err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(e.Model.Degraded)) {
		if _, err := fmt.Fprintf(w, "\nanswered by the simulator in the board's place: %d (%s)\n", e.Model.Degraded[reason], reason); err != nil {
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
	path     string
	positive bool
}

// findPictures lists the files under the two sub-folders, sorted by path, but
// for those whose names begin with a dot.
func findPictures(folder string) ([]labelled, error) {
	var out []labelled
	for _, class := range []string{normal, pneumonia} {
		root := filepath.Join(folder, class)
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case path != root && strings.HasPrefix(entry.Name(), "."):
				if entry.IsDir() {
					return fs.SkipDir
				}
			case !entry.IsDir():
				out = append(out, labelled{path, class == pneumonia})
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("evaluate wants a folder with the sub-folders %s and %s: %w", normal, pneumonia, err)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no pictures in %s", folder)
	}
	return out, nil
}

// counter shows how far the work is, on a terminal only.
type counter struct {
	w           io.Writer // nil when nobody looks
	done, total int
}

func newCounter(w io.Writer, total int) *counter {
	c := &counter{total: total}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		c.w = w
	}
	return c
}

func (c *counter) step() {
	c.done++
	if c.w != nil {
		fmt.Fprintf(c.w, "\r%d of %d pictures", c.done, c.total)
	}
}

func (c *counter) end() {
	if c.w != nil {
		fmt.Fprint(c.w, "\r\x1b[K")
	}
}
