package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/evaluate/page"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// sights are what evaluate's report tells of each picture.
type sights struct {
	cases            []page.Case
	refused, flagged []page.File
}

// add puts down a picture that was answered.
func (s *sights) add(file string, positive bool, a pipeline.Answer) {
	c := page.Case{File: file, Positive: positive, Probability: *a.Probability, ProbabilityBefore: a.RawProbability, Answer: *a.Label == pneumonia}
	for _, note := range notesOf(row{Answer: &a}, nil) {
		c.Notes = append(c.Notes, shown(note))
	}
	if g := a.Gate; g != nil && !g.Accepted {
		s.flagged = append(s.flagged, page.File{File: file, Reason: shown(strings.ReplaceAll(*g.Reason, "_", " "))})
	}
	s.cases = append(s.cases, c)
}

// within is a picture's path from the folder on, as it is to be shown.
func (c *evaluateCommand) within(path string) string {
	if inside, err := filepath.Rel(c.Folder, path); err == nil {
		path = inside
	}
	return shown(path)
}

// writeReport writes the report for people.
func (c *evaluateCommand) writeReport(m *fileModel, e evaluated, seen sights) error {
	d := page.Data{
		Title: shown(fmt.Sprintf("%s %s on %s", e.Model.Name, e.Model.Version, filepath.Base(c.Folder))), Notice: shown(m.Notice()), Made: time.Now(),
		About: c.about(e), Labels: [2]string{normal, pneumonia}, Report: e.Report, OperatingPoint: text(e.OperatingPoint),
		Cases: seen.cases, Refused: seen.refused, Flagged: seen.flagged,
	}
	for _, f := range e.Unread {
		d.Unread = append(d.Unread, page.File{File: c.within(f.File), Reason: shown(f.Error)})
	}
	return create("--report", c.Report, func(f *os.File) error { return page.Write(f, &d) })
}

// about is what the report says of how it came to be.
func (c *evaluateCommand) about(e evaluated) []page.Item {
	items := []page.Item{
		{Name: "model", Value: e.Model.Name + " " + e.Model.Version}, {Name: "digest", Value: e.Model.Digest},
		{Name: "pictures", Value: c.Folder}, {Name: "back end", Value: e.Backend.Name},
	}
	add := func(name, format string, args ...any) {
		items = append(items, page.Item{Name: name, Value: fmt.Sprintf(format, args...)})
	}
	if e.Steps != nil {
		add("time steps", "%d", *e.Steps)
	}
	if s := e.Calibration; s != nil {
		add("calibration", "of %s, fitted on %d pictures, %s, %s", s.Place, s.Pictures, s.Made, s.Digest)
	} else {
		add("calibration", "the model's own")
	}
	if g := e.Gate; g != nil {
		add("gate", "%s; %d pictures not accepted%s", g.Mode, g.Flagged, g.reasons())
	} else {
		add("gate", "not asked")
	}
	for _, reason := range slices.Sorted(maps.Keys(e.Degraded)) {
		add("answered by the simulator instead of the board", "%d (%s)", e.Degraded[reason], reason)
	}
	if n := len(e.Unread); n > 0 {
		add("pictures that could not be read", "%d", n)
	}
	if n := len(e.Ignored); n > 0 {
		add("left alone outside the two classes", "%d files or folders", n)
	}
	if e.Skipped > 0 {
		add("hidden and other files skipped", "%d", e.Skipped)
	}
	if c.Bootstrap > 0 {
		add("bootstrap", "%d samples", c.Bootstrap)
	}
	add("program", "%s", versionLine())
	for i := range items {
		items[i].Value = shown(items[i].Value)
	}
	return items
}

// create writes a flag's file as a whole or not at all, and not over one that is there: it is written under another name in
// the same folder, and renamed once it is on the disk.
func create(flag, path string, write func(*os.File) error) (err error) {
	part := path + "." + rand.Text() + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		if err = creatable(flag, path); err != nil { // it may have come in the meantime
			return errors.Join(err, os.Remove(part))
		}
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", flag, err), os.Remove(part))
	}
	return nil
}
