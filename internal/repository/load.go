package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// errChanged says that a version's files changed while they were read. What was read is of no use, and says nothing of what is
// there now.
var errChanged = errors.New("its files changed while they were read")

// loaded is a version that is loaded.
type loaded struct {
	entry   *pipeline.Entry
	source  Source
	stamp   stamp
	checked Check
	at      time.Time
}

func (l *loaded) version() string { return l.entry.Description().Version }

// load reads a version from its folder and checks it. The error is a [*LoadError], or [errChanged].
func (r *Repository) load(ctx context.Context, name, version string, was stamp, backend spike.Backend) (*loaded, error) {
	fail := func(kind Kind, err error) error { return &LoadError{name, version, kind, err} }
	if was[0].size > model.MaxFileBytes {
		return nil, fail(KindFile, fmt.Errorf("the file has %d bytes, must be at most %d", was[0].size, model.MaxFileBytes))
	}
	keeps, takes := cost(was[0].size)
	if err := r.memory.take(takes); err != nil {
		return nil, fail(KindMemory, err)
	}
	l, kind, err := r.read(ctx, name, version, backend)
	if err != nil {
		r.memory.give(takes)
		if stampOf(filepath.Join(r.opt.Dir, name, version)) != was {
			return nil, errChanged
		}
		return nil, fail(kind, err)
	}
	r.memory.give(takes - keeps)
	// The entry is let go when the last request that it answers has ended.
	held := r.memory
	runtime.AddCleanup(l.entry, func(n int64) { held.give(n) }, keeps)
	l.stamp = was
	if stampOf(filepath.Join(r.opt.Dir, name, version)) != was {
		return nil, errChanged
	}
	return l, nil
}

// read reads, checks and calibrates a version.
func (r *Repository) read(ctx context.Context, name, version string, backend spike.Backend) (*loaded, Kind, error) {
	dir := filepath.Join(r.opt.Dir, name, version)
	file, err := readFile(filepath.Join(dir, modelFile), model.MaxFileBytes)
	if err != nil {
		return nil, KindRead, err
	}
	var want *Canary
	how := CheckBoard // which shows it a canary of its own
	if backend == nil {
		var bad *model.FormatError
		switch want, how, err = canary(ctx, dir, file); {
		case errors.As(err, &bad):
			return nil, KindFile, err
		case err != nil:
			return nil, KindCheck, err
		}
		runtime.GC() // what plain Go needed gives way before the processor's tier takes as much
	}
	m, err := model.Decode(ctx, file, model.DecodeOptions{Kernel: r.opt.Kernel, Backend: backend})
	if err != nil {
		return nil, KindFile, err
	}
	if d := m.Description(); d.Name != name || d.Version != version {
		return nil, KindFile, fmt.Errorf("the file is model %s %s, expected the model and version of its folder", d.Name, d.Version)
	}
	if want != nil {
		if err := want.Check(ctx, m); err != nil {
			return nil, KindCheck, err
		}
	}
	l := &loaded{source: Folder, at: time.Now(), checked: how}
	card, err := optional(filepath.Join(dir, cardFile), maxCard)
	if err != nil {
		return nil, KindRead, err
	}
	l.entry = &pipeline.Entry{Model: m, Card: string(card)}
	if l.entry, err = r.calibrated(dir, l.entry); err != nil {
		return nil, KindCalibration, err
	}
	if r.opt.Accept != nil {
		if err := r.opt.Accept(l.entry, name == r.opt.Default); err != nil {
			return nil, KindFlags, err
		}
	}
	return l, "", nil
}

// calibrated puts a place's calibration in force: the one beside the model, else the one that the repository was opened with. A
// version for which there is neither is refused where another version of the model has one: its answers would be by another scale
// than those before.
func (r *Repository) calibrated(dir string, e *pipeline.Entry) (*pipeline.Entry, error) {
	file, err := optional(filepath.Join(dir, calibrationFile), site.MaxBytes)
	if err != nil {
		return nil, err
	}
	given := r.opt.Calibrations[e.Name()]
	switch {
	case file != nil:
		c, err := site.Parse(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", calibrationFile, err)
		}
		return e.Calibrated(c)
	case given != nil:
		calibrated, err := e.Calibrated(given)
		if errors.Is(err, site.ErrOtherModel) {
			err = fmt.Errorf("%w; put one for this version beside it, as %s", err, calibrationFile)
		}
		return calibrated, err
	}
	return e, nil
}

// optional reads a file, nil where there is none.
func optional(path string, most int64) ([]byte, error) {
	data, err := readFile(path, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
