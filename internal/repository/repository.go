// Package repository keeps the models that a server answers with, and changes them while it serves: models of a folder
// DIR/NAME/VERSION/model.safetensors beside those that came with the program. A version is read, checked and only then put in the
// place of the one before, all at once. A request keeps what it began with. docs/MODELS.md describes the folder and the rules.
package repository

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// Hooks are told of changes. Each may be nil, and must not call the repository.
type Hooks struct {
	// Changed is called with a catalogue before it takes the place of the one before.
	Changed func(*pipeline.Catalogue)
	// Shadowed is called with the model that answers along from now on, nil for none.
	Shadowed func(*pipeline.Entry)
	// Tried is called after each try to load a version; failed is "" where it was loaded.
	Tried func(failed Kind)
	// Unread is called when the folder could not be listed.
	Unread func()
}

// Repository is the models that a server answers with. It is safe for concurrent use.
type Repository struct {
	opt    Options
	memory *budget

	mu       sync.Mutex // one change at a time
	hooks    Hooks
	models   map[string]*shelf
	order    []string // the names of Base
	settling settling
	told     map[string]bool // what was passed over in the folder, and said so
	unread   bool            // the folder could not be listed the last time

	now atomic.Pointer[snapshot]
}

// snapshot is what the repository has at one time.
type snapshot struct {
	catalogue *pipeline.Catalogue
	index     []Status
	shadow    *pipeline.Entry
}

// Hook has the repository tell of changes from now on, and of what there is now.
func (r *Repository) Hook(h Hooks) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hooks = h
	now := r.now.Load()
	if h.Changed != nil {
		h.Changed(now.catalogue)
	}
	if h.Shadowed != nil {
		h.Shadowed(now.shadow)
	}
}

// Catalogue is what answers now. It does not change: one request takes all that it needs from one catalogue.
func (r *Repository) Catalogue() *pipeline.Catalogue { return r.now.Load().catalogue }

// Shadow is the model that answers pictures along, after the default model has; nil for none. It is none while it would be the
// default model itself.
func (r *Repository) Shadow() *pipeline.Entry { return r.now.Load().shadow }

// Index lists all versions of all models, the default model first and each model's newest version first. Callers must not change it.
func (r *Repository) Index() []Status { return r.now.Load().index }

// Memory is what the models of the folder hold, and what they may, in bytes; the latter is 0 for no bound.
func (r *Repository) Memory() (held, limit int64) { return r.memory.now() }

// Load has the repository look at a model's files again, whatever it found there before, and serve a version of it from now on: the
// one named until it is told otherwise, or with "" the one that the folder's rules give. If that version cannot be loaded, what
// served before still does. The errors wrap [ErrNotFound], [ErrConflict] or a [*LoadError].
func (r *Repository) Load(ctx context.Context, name, version string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scan() != nil {
		return &LoadError{name, "", KindRead, errUnlisted}
	}
	s, ok := r.models[name]
	if !ok {
		return fmt.Errorf("model %.64q is %w", name, ErrNotFound)
	}
	return r.loadNow(ctx, s, version)
}

// loadNow is [Repository.Load] under r.mu, after a scan.
func (r *Repository) loadNow(ctx context.Context, s *shelf, version string) error {
	asked, unloaded := s.asked, s.unloaded
	s.asked, s.askedOver, s.unloaded = version, s.list.current, false
	clear(s.failed)
	r.arrange(ctx, s, 0)
	err := s.wrong
	if err == nil && s.serving == nil {
		err = fmt.Errorf("model %s is %w", s.name, ErrNotFound)
	}
	if err != nil && version != "" {
		s.asked, s.unloaded = asked, unloaded
		r.arrange(ctx, s, 0)
	}
	r.publish()
	return err
}

// Unload takes a model away, in all its versions, until it is loaded again. The default model and the shadow are an [ErrConflict].
func (r *Repository) Unload(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.models[name]
	switch {
	case !ok || s.serving == nil:
		return fmt.Errorf("model %.64q is %w", name, ErrNotFound)
	case r.last(s):
		return fmt.Errorf("%w: model %s is the default model or the shadow, and stays", ErrConflict, name)
	}
	s.serving, s.more, s.wrong, s.asked, s.unloaded = nil, nil, nil, "", true
	clear(s.loaded)
	r.publish()
	return nil
}

// Rollback has the version of a model serve that served before or, before any other has, the next older one. It returns which that is.
// The errors are those of [Repository.Load].
func (r *Repository) Rollback(ctx context.Context, name string) (version string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.scan() != nil {
		return "", &LoadError{name, "", KindRead, errUnlisted}
	}
	s, ok := r.models[name]
	if !ok || s.serving == nil {
		return "", fmt.Errorf("model %.64q is %w", name, ErrNotFound)
	}
	if version = s.before(); version == "" {
		return "", fmt.Errorf("a version of model %s before %s is %w", name, s.serving.version(), ErrNotFound)
	}
	return version, r.loadNow(ctx, s, version)
}

// Refresh looks at the folder now, at versions too that failed before. What is bad leaves what served before; [Repository.Index] and
// the log tell of it. An error says that the folder cannot be listed.
func (r *Repository) Refresh(ctx context.Context) error {
	return r.look(ctx, 0, true)
}

// Watch looks at the folder every so often until ctx ends. It loads what has not changed for settle.
func (r *Repository) Watch(ctx context.Context, every, settle time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = r.look(ctx, settle, false) // which was told
		}
	}
}

// look scans the folder and makes the models what it says.
func (r *Repository) look(ctx context.Context, least time.Duration, again bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.scan(); err != nil {
		return err
	}
	if again {
		for _, s := range r.models {
			clear(s.failed)
		}
	}
	r.arrangeAll(ctx, least)
	r.publish()
	return nil
}

func (r *Repository) arrangeAll(ctx context.Context, least time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(r.models)) {
		if ctx.Err() != nil {
			return
		}
		r.arrange(ctx, r.models[name], least)
	}
}

func (r *Repository) shelf(name string) *shelf {
	s := r.models[name]
	if s == nil {
		s = &shelf{name: name, loaded: map[string]*loaded{}, failed: map[string]failure{}}
		r.models[name] = s
	}
	return s
}

// scan lists the folder.
func (r *Repository) scan() error {
	if r.opt.Dir == "" {
		return nil
	}
	models, passed, err := scan(r.opt.Dir)
	if err != nil {
		if !r.unread {
			r.opt.Log.Error("the folder of models cannot be listed; what serves stays", "error", err)
		}
		r.unread = true
		if r.hooks.Unread != nil {
			r.hooks.Unread()
		}
		return err
	}
	r.unread = false
	for _, text := range passed {
		if !r.told[text] && len(r.told) < maxEntries {
			r.told[text] = true
			r.opt.Log.Warn("passed over in the folder of models", "what", text)
		}
	}
	known, at := map[string]bool{}, time.Now()
	for name, list := range models {
		r.shelf(name).list = list
		for version, now := range list.versions {
			known[name+"/"+version] = true
			r.settling.passed(name+"/"+version, now, at, 0)
		}
	}
	for name, s := range r.models {
		if _, there := models[name]; !there {
			s.list = listing{}
		}
	}
	maps.DeleteFunc(r.settling, func(key string, _ settled) bool { return !known[key] })
	return nil
}

// publish puts what the models have now in the place of what they had, for those who ask from now on.
func (r *Repository) publish() {
	next := &snapshot{}
	var entries, more []*pipeline.Entry
	rest := slices.Sorted(maps.Keys(r.models))
	seen := map[string]bool{}
	for _, name := range slices.Concat([]string{r.opt.Default}, r.order, rest) {
		if seen[name] {
			continue
		}
		seen[name] = true
		s := r.models[name]
		statuses := s.statuses(name == r.opt.Default)
		next.index = append(next.index, statuses...)
		if s.serving == nil && s.base == nil && len(s.list.versions) == 0 && s.list.wrong == nil {
			delete(r.models, name) // its folder is gone
		}
		if s.serving != nil {
			entries = append(entries, s.serving.entry)
			for _, l := range s.more {
				more = append(more, l.entry)
			}
		}
		if s.shadow != nil {
			next.shadow = s.shadow.entry
		}
		r.tell(s)
	}
	if next.shadow == entries[0] {
		next.shadow = nil
	}
	next.catalogue = pipeline.NewCatalogue(entries...).With(more...)
	was := r.now.Load()
	if was != nil && slices.Equal(entries, was.catalogue.All()) && slices.Equal(more, was.catalogue.Others()) {
		next.catalogue = was.catalogue
	} else if r.hooks.Changed != nil {
		r.hooks.Changed(next.catalogue)
	}
	if r.hooks.Shadowed != nil && was != nil && was.shadow != next.shadow {
		r.hooks.Shadowed(next.shadow)
	}
	r.now.Store(next)
}
