package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/board"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/repository"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// repositoryFlags say which models a server has beside --model, and how they may change while it serves.
type repositoryFlags struct {
	Models        string        `placeholder:"DIR" help:"Folder of models, NAME/VERSION/model.safetensors, beside the shipped ones; a model of a shipped one's name takes its place. The newest version of each serves, or the one that the file NAME/current names. What changes there is loaded, checked and swapped without a restart."`
	DefaultModel  string        `placeholder:"NAME" help:"Model of --models, or shipped model, for requests that name none; in place of --model."`
	ModelVersions int           `default:"1" placeholder:"N" help:"How many of the newest versions of each model of --models are loaded, for requests that name one. The default is ${default}."`
	ModelsPoll    time.Duration `default:"10s" placeholder:"TIME" help:"How often to look for changes in --models; 0 for only at SIGHUP and by request. The default is ${default}."`
	ModelsAPI     bool          `name:"models-api" help:"Allow requests that load, unload and roll back models. Whoever reaches the server can then do so."`
	Shadow        string        `placeholder:"NAME[@VERSION]" help:"Model that answers the same pictures after the default model has, while workers are free. Its answers reach no one; metrics tell how far they agree."`
	ShadowShare   float64       `default:"1" placeholder:"SHARE" help:"Share of the default model's pictures, above 0 to 1, that --shadow answers. The default is ${default}."`
}

// settle is how long a file of the folder must not have changed before it is read. A file that is still being written is no danger, as
// a model file has its own digest; it would be told of as a bad one.
const settle = 2 * time.Second

// validate refuses flags that do not go together. set are those that are given.
func (f *repositoryFlags) validate(set map[string]string) error {
	for _, flag := range []string{"default-model", "model-versions", "models-poll"} {
		if set[flag] != "" && f.Models == "" {
			return fmt.Errorf("%s needs --models", set[flag])
		}
	}
	ref := f.shadow()
	switch {
	case f.DefaultModel != "" && set["model"] != "":
		return errors.New("give --default-model or --model, not both: each says which model answers requests that name none")
	case f.ModelVersions < 1 || f.ModelVersions > 16:
		return errors.New("--model-versions must be 1 to 16")
	case f.ModelsPoll != 0 && f.ModelsPoll < time.Second:
		return errors.New("--models-poll must be 0 or at least 1s")
	case set["shadow-share"] != "" && f.Shadow == "":
		return fmt.Errorf("%s needs --shadow", set["shadow-share"])
	case !(f.ShadowShare > 0 && f.ShadowShare <= 1):
		return errors.New("--shadow-share must be above 0 and at most 1")
	case f.Shadow != "" && (ref.Name == "" || strings.HasSuffix(f.Shadow, "@")):
		return errors.New("--shadow must be a model's name, or NAME@VERSION")
	}
	return nil
}

// shadow is the model that --shadow names.
func (f *repositoryFlags) shadow() repository.Reference {
	name, version, _ := strings.Cut(f.Shadow, "@")
	return repository.Reference{Name: name, Version: version}
}

// give shares out memory for what the flags ask for.
func (f *repositoryFlags) give(plan *memory.Plan) {
	if f.Models != "" {
		plan.Stock()
	}
	if f.Shadow != "" {
		plan.Accompany()
	}
}

// options are what the flags say of the repository.
func (f *repositoryFlags) options(plan memory.Plan) repository.Options {
	return repository.Options{Dir: f.Models, Default: f.DefaultModel, Versions: f.ModelVersions, Shadow: f.shadow(), Memory: plan.Models}
}

// openModels opens all models that the server answers with, the default one on the board, if there is one.
func (c *serveCommand) openModels(ctx context.Context, s *board.Supervisor, log *slog.Logger, plan memory.Plan, on model.DecodeOptions) (*repository.Repository, error) {
	calibrations, err := c.calibrations()
	if err != nil {
		return nil, err
	}
	named := c.Model
	if c.DefaultModel != "" {
		named = nil
		switch shipped := slices.Contains(models.Names(), c.DefaultModel); {
		case shipped:
			named = []string{c.DefaultModel}
		case !c.inFolder(c.DefaultModel):
			return nil, fmt.Errorf("--default-model: %q is neither in %s nor a shipped model (%q)", c.DefaultModel, c.Models, models.Names())
		}
	}
	opt := c.repositoryFlags.options(plan)
	opt.Kernel, opt.Calibrations, opt.Log = on.Kernel, calibrations, log
	opt.Accept = func(e *pipeline.Entry, isDefault bool) error {
		if !isDefault {
			return nil
		}
		return c.accept(e)
	}
	// A board is for the default model, be it of the folder or not.
	switch {
	case s == nil:
	case c.DefaultModel != "" && c.inFolder(c.DefaultModel), c.DefaultModel == "" && c.inFolder(named[0]):
		opt.Backend = s
	default:
		opt.Held = true
	}
	if opt.Held {
		opt.Base, err = opened(ctx, s, pipeline.OpenCatalogue, named, (*pipeline.Catalogue).Default, on)
	} else {
		opt.Base, err = pipeline.OpenCatalogue(ctx, named, on)
	}
	if err != nil {
		return nil, err
	}
	if opt.Base, err = c.calibrateBase(opt.Base, calibrations); err != nil {
		return nil, err
	}
	for _, e := range opt.Base.All()[:len(named)] {
		if c.inFolder(e.Name()) { // whose model is checked when it is loaded
			continue
		}
		if err := c.accept(e); err != nil {
			return nil, err
		}
	}
	r, err := repository.Open(ctx, opt)
	if err != nil {
		return nil, forBoards(err)
	}
	if opt.Backend != nil && !s.Taken() {
		return nil, noSpikes(r.Catalogue().Default().Name())
	}
	for name := range calibrations {
		if e, err := r.Catalogue().Get(name); err != nil || e.Site == nil {
			return nil, fmt.Errorf("--calibration: model %s: %w", name, site.ErrOtherModel)
		}
	}
	return r, nil
}

// accept refuses a model that flags cannot be applied to which are for the default one.
func (c *serveCommand) accept(e *pipeline.Entry) error {
	return errors.Join(c.check(e.Description()), c.captureFlags.check(e))
}

// inFolder tells whether the folder of models has one of that name.
func (f *repositoryFlags) inFolder(name string) bool {
	if f.Models == "" || name == "" || filepath.Base(name) != name {
		return false
	}
	info, err := os.Stat(filepath.Join(f.Models, name))
	return err == nil && info.IsDir()
}

// calibrations reads the places' calibrations, by the names of their models.
func (c *serveCommand) calibrations() (map[string]*site.Calibration, error) {
	all := map[string]*site.Calibration{}
	for _, path := range c.Calibration {
		calibration, err := pipeline.OpenCalibration(path)
		if err != nil {
			return nil, fmt.Errorf("--calibration: %w", err)
		}
		name := calibration.Model.Name
		if all[name] != nil {
			return nil, fmt.Errorf("--calibration: there are two calibrations for the model %s, expected at most one", name)
		}
		all[name] = calibration
	}
	return all, nil
}

// calibrateBase puts calibrations in force for models that are not of the folder. One that does not fit such a model may be for the
// folder's of that name.
func (c *serveCommand) calibrateBase(base *pipeline.Catalogue, calibrations map[string]*site.Calibration) (*pipeline.Catalogue, error) {
	for name, calibration := range calibrations {
		calibrated, err := base.Calibrated(calibration)
		switch {
		case err == nil:
			base = calibrated
		case !errors.Is(err, site.ErrOtherModel) || !c.inFolder(name):
			return nil, fmt.Errorf("--calibration: %w", err)
		}
	}
	return base, nil
}

// follow has the server, its metrics and the log follow the repository, until stop is called.
func (c *serveCommand) follow(ctx context.Context, r *repository.Repository, server *api.Server, m *telemetry.Metrics) (stop func()) {
	hooks := repository.Hooks{Changed: server.Announce}
	if c.Shadow != "" {
		hooks.Shadowed = server.Accompany
	}
	if c.Models != "" {
		const loaded = "loaded"
		metrics := m.Repository(func() telemetry.RepositoryState { return repositoryState(r) }, append(words(repository.Kinds), loaded))
		hooks.Unread = metrics.Unread
		hooks.Tried = func(failed repository.Kind) { metrics.Tried(cmp.Or(string(failed), loaded)) }
	}
	r.Hook(hooks)
	if c.Models == "" || c.ModelsPoll == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Watch(ctx, c.ModelsPoll, settle)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// repositoryState is what a scrape is told of the repository.
func repositoryState(r *repository.Repository) telemetry.RepositoryState {
	state := telemetry.RepositoryState{Failed: map[string]bool{}}
	state.Held, state.Limit = r.Memory()
	for _, s := range r.Index() {
		state.Failed[s.Name] = state.Failed[s.Name] || s.Reason != ""
	}
	return state
}

// reload has the repository look at its folder.
func reload(ctx context.Context, r *repository.Repository, log *slog.Logger) {
	if err := r.Refresh(ctx); err != nil {
		return // which was told
	}
	var serving []string
	for _, e := range r.Catalogue().All() {
		serving = append(serving, e.Name()+" "+e.Description().Version)
	}
	log.Info("models looked at after SIGHUP", "serving", serving)
}
