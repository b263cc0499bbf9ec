package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Options say what a repository has, and whom it tells of changes.
type Options struct {
	// Dir is the folder of models, "" for none.
	Dir string
	// Base are the models beside the folder: shipped ones, and those of files. A model of the folder takes the place of a shipped
	// one of its name; one of a file's name is refused.
	Base *pipeline.Catalogue
	// Default is the name of the model that answers those who name none; "" is the default of Base.
	Default string
	// Versions is how many of the newest versions of each model of the folder are loaded, the one that serves included: 1 if it
	// is below that.
	Versions int
	// Shadow is a model that answers along: see [Repository.Shadow].
	Shadow Reference
	// Kernel is the processor tier, as in [model.DecodeOptions].
	Kernel string
	// Backend runs the default model, if that is in the folder; nil is the simulator. A back end has one network: the model then
	// stays as it was opened.
	Backend spike.Backend
	// Held tells that Base's default runs on a board, so that no model of the folder may take its place.
	Held bool
	// Calibrations are places' calibrations by the models' names.
	Calibrations map[string]*site.Calibration
	// Accept, if not nil, refuses a version that does not go with how the server was started.
	Accept func(e *pipeline.Entry, isDefault bool) error
	// Memory bounds what the models of the folder take together, in bytes: those being loaded, those that serve, and those that
	// still answer a request that began before they were replaced. 0 is no bound.
	Memory int64
	// Log is required.
	Log *slog.Logger
}

// Reference names a model, and a version of it or "".
type Reference struct{ Name, Version string }

// Open opens the models. The default model and the shadow must be there.
func Open(ctx context.Context, opt Options) (*Repository, error) {
	if opt.Default == "" {
		opt.Default = opt.Base.Default().Name()
	}
	r := &Repository{opt: opt, memory: &budget{limit: opt.Memory}, models: map[string]*shelf{}, settling: settling{}, told: map[string]bool{}}
	for _, e := range opt.Base.All() {
		l := &loaded{entry: e, source: File}
		if e.Shipped {
			l.source = Shipped
		}
		s := r.shelf(e.Name())
		s.base = l
		if l.source == File || opt.Held && s.name == opt.Default {
			s.serving = l
		}
		r.order = append(r.order, e.Name())
	}
	first := r.shelf(opt.Default)
	first.held, first.backend = opt.Held, opt.Backend
	if err := r.scan(); err != nil {
		return nil, err
	}
	r.arrangeAll(ctx, 0)
	if err := r.good(ctx, first); err != nil {
		return nil, err
	}
	first.held = opt.Held || opt.Backend != nil
	r.publish()
	return r, nil
}

// good is an error where what a server must have at its start is not there.
func (r *Repository) good(ctx context.Context, first *shelf) error {
	switch pin := first.pin(); {
	case ctx.Err() != nil:
		return ctx.Err()
	case first.serving == nil && first.wrong == nil:
		return fmt.Errorf("the default model %s is %w", first.name, ErrNotFound)
	case first.serving == nil, pin != "" && first.serving.version() != pin:
		return fmt.Errorf("the default model: %w", first.wrong)
	case r.opt.Backend != nil && first.serving.checked != CheckBoard:
		return fmt.Errorf("the default model on %s: %w", r.opt.Backend.Name(), first.wrong)
	}
	for _, name := range r.order {
		if err := r.models[name].wrong; errors.Is(err, ErrConflict) {
			return err
		}
	}
	ref := r.opt.Shadow
	if ref.Name == "" {
		return nil
	}
	s := r.shelf(ref.Name)
	switch {
	case ref == Reference{Name: first.name}:
		return fmt.Errorf("the shadow: %s is the default model; name another version of it, as %[1]s@VERSION", ref.Name)
	case s.shadow != nil && s.shadow == first.serving:
		r.opt.Log.Warn("the shadow is the default model itself, and rests until that is another", "model", ref.Name, "version", ref.Version)
		return nil
	case s.shadow != nil:
		return nil
	}
	err := s.wrong
	if ref.Version != "" {
		_, err = r.have(ctx, s, ref.Version, 0)
	}
	return fmt.Errorf("the shadow: %w", cmp.Or(err, fmt.Errorf("model %s is %w", ref.Name, ErrNotFound)))
}
