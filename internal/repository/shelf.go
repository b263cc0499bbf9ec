package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spikeray/spikeray/pkg/spike"
)

// errUnsettled says that a version's files have changed a moment ago.
var errUnsettled = errors.New("its files have changed a moment ago")

// shelf is all versions of one model.
type shelf struct {
	name string
	base *loaded // what there is without the folder, nil for nothing
	held bool    // runs on a board, which has one network
	list listing // what the folder has

	backend spike.Backend // runs what is loaded first; nil for the simulator

	loaded map[string]*loaded // versions of the folder
	failed map[string]failure // of the folder's versions, the last tries that failed

	serving *loaded   // answers those who name no version; nil for none
	more    []*loaded // answer those who name them
	shadow  *loaded   // answers along; nil for none

	asked     string // the version that was asked for, "" for none
	askedOver string // list.current then: when the file changes, it holds again
	unloaded  bool   // by request
	previous  string // the version that served before
	wrong     error  // why what should serve does not

	told struct { // the last that the log was told
		wrong   string
		serving *loaded
	}
}

// failure is a try that failed, and what the files were then.
type failure struct {
	stamp stamp
	err   *LoadError
	at    time.Time
}

// pin is the version that was chosen by request or by the file current, "" for none.
func (s *shelf) pin() string {
	if s.asked != "" {
		return s.asked
	}
	return s.list.current
}

// wants are the versions to serve, the best first.
func (s *shelf) wants() []string {
	if pin := s.pin(); pin != "" {
		return []string{pin}
	}
	return preferred(slices.Collect(maps.Keys(s.list.versions)))
}

// arrange loads what a model should have, and decides what serves. Versions whose files have changed less than least ago wait for
// the next time.
func (r *Repository) arrange(ctx context.Context, s *shelf, least time.Duration) {
	if s.asked != "" && s.list.current != s.askedOver {
		s.asked = ""
	}
	was := s.serving
	switch {
	case s.held:
		s.wrong = s.holds("runs on a board, which has one network")
	case s.base != nil && s.base.source == File:
		s.wrong = s.holds("is of a file that the server was started with")
	default:
		r.choose(ctx, s, least)
	}
	s.more, s.shadow = nil, nil
	if s.serving != nil {
		for _, version := range preferred(slices.Collect(maps.Keys(s.list.versions))) {
			if len(s.more)+1 >= r.opt.Versions {
				break
			}
			if version == s.serving.version() {
				continue
			}
			if l, _ := r.have(ctx, s, version, least); l != nil {
				s.more = append(s.more, l)
			}
		}
	}
	if ref := r.opt.Shadow; ref.Name == s.name {
		if s.shadow = s.serving; ref.Version != "" {
			s.shadow, _ = r.have(ctx, s, ref.Version, least)
		}
	}
	maps.DeleteFunc(s.loaded, func(_ string, l *loaded) bool {
		return l != s.serving && l != s.shadow && !slices.Contains(s.more, l)
	})
	maps.DeleteFunc(s.failed, func(version string, _ failure) bool { return s.list.versions[version] == (stamp{}) })
	if r.now.Load() != nil && was != nil && s.serving != nil && was.version() != s.serving.version() {
		s.previous = was.version()
	}
}

// holds is why the folder's version of a model does not serve that is held; nil where there is none, or it does serve.
func (s *shelf) holds(why string) error {
	wants := s.wants()
	if len(wants) == 0 {
		return nil
	}
	if l := s.serving; l.version() == wants[0] && l.stamp == s.list.versions[wants[0]] {
		return nil
	}
	return fmt.Errorf("%w: model %s %s: version %s takes its place after a restart", ErrConflict, s.name, why, wants[0])
}

// choose decides what serves.
func (r *Repository) choose(ctx context.Context, s *shelf, least time.Duration) {
	s.wrong = nil
	if s.unloaded {
		s.serving = nil
		return
	}
	if s.list.wrong != nil { // the folder may be about to be changed
		s.wrong = &LoadError{s.name, "", KindRead, s.list.wrong}
		return
	}
	var chosen *loaded
	wants := s.wants()
	for _, version := range wants {
		l, err := r.have(ctx, s, version, least)
		if l == nil && errors.Is(err, errUnsettled) && s.serving != nil && !slices.Contains(wants, s.serving.version()) {
			return // what takes the place of a version that is gone is about to be loaded: nothing serves in between
		}
		if err != nil && s.wrong == nil {
			s.wrong = err
		}
		if l != nil {
			chosen = l
			break
		}
	}
	pinned := s.pin() != ""
	switch {
	case chosen != nil:
	case s.base != nil && !pinned && r.baseServes(s):
		chosen = s.base
	case s.serving != nil && (pinned || r.last(s)):
		chosen = s.serving
		if s.wrong == nil {
			s.wrong = fmt.Errorf("%w: version %s of model %s, which serves on until another takes its place", ErrNotFound, s.serving.version(), s.name)
		}
	}
	if errors.Is(s.wrong, errUnsettled) {
		s.wrong = nil
	}
	s.serving = chosen
}

// baseServes tells that what there is without the folder may serve: not where a place's calibration is for another version of it.
func (r *Repository) baseServes(s *shelf) bool {
	return r.opt.Calibrations[s.name] == nil || s.base.entry.Site != nil
}

// last tells that a model may not vanish: others would answer in its place.
func (r *Repository) last(s *shelf) bool {
	return s.name == r.opt.Default || s.name == r.opt.Shadow.Name
}

// have returns a version, which it loads if it is not loaded as its files are now. Where that fails, it returns the error with what
// was loaded of that version before.
func (r *Repository) have(ctx context.Context, s *shelf, version string, least time.Duration) (*loaded, error) {
	now, there := s.list.versions[version]
	old := s.loaded[version]
	switch f, failed := s.failed[version]; {
	case !there && s.base != nil && s.base.version() == version && r.baseServes(s):
		return s.base, nil
	case !there:
		return nil, &LoadError{s.name, version, KindRead, ErrNotFound}
	case old != nil && old.stamp == now:
		return old, nil
	case failed && f.stamp == now:
		return old, f.err
	case !r.settling.passed(s.name+"/"+version, now, time.Now(), least):
		return old, errUnsettled
	}
	l, err := r.tryLoad(ctx, s, version, now)
	if err != nil {
		return old, err
	}
	return l, nil
}

// tryLoad loads a version and notes what became of it.
func (r *Repository) tryLoad(ctx context.Context, s *shelf, version string, now stamp) (*loaded, error) {
	began := time.Now()
	backend := s.backend
	s.backend = nil
	l, err := r.load(ctx, s.name, version, now, backend)
	took := time.Since(began)
	failed := (*LoadError)(nil)
	switch {
	case err != nil && (errors.Is(err, errChanged) || ctx.Err() != nil):
		return nil, errUnsettled
	case errors.As(err, &failed):
		s.failed[version] = failure{now, failed, time.Now()}
		r.tried(failed.Kind)
		r.opt.Log.Error("a model was not loaded", "model", s.name, "version", version, "kind", failed.Kind, "error", failed.Err)
		return nil, failed
	}
	old := s.loaded[version]
	if old != nil && old.entry.Digest() == l.entry.Digest() && same(old.entry.SiteReference(), l.entry.SiteReference()) && old.entry.Card == l.entry.Card {
		old.stamp, old.checked, old.at = l.stamp, l.checked, l.at // a file that was only touched need not be swapped
		l = old
	}
	delete(s.failed, version)
	s.loaded[version] = l
	r.tried("")
	r.opt.Log.Info("model loaded", "model", s.name, "version", version, "digest", l.entry.Digest(), "checked", l.checked, "seconds", took.Seconds())
	return l, nil
}

func (r *Repository) tried(kind Kind) {
	if r.hooks.Tried != nil {
		r.hooks.Tried(kind)
	}
}

func versionOf(l *loaded) string {
	if l == nil {
		return ""
	}
	return l.version()
}

// before is the version to roll back to, "" for none: the one that served before if it is still there, else the next older one.
func (s *shelf) before() string {
	versions := slices.Collect(maps.Keys(s.list.versions))
	if s.base != nil {
		versions = append(versions, s.base.version())
	}
	if s.previous != s.serving.version() && slices.Contains(versions, s.previous) {
		return s.previous
	}
	older := ""
	for _, version := range versions {
		if newer(version, s.serving.version()) < 0 && (older == "" || newer(version, older) > 0) {
			older = version
		}
	}
	return older
}

// tell logs what serves and what is wrong, where that is new.
func (r *Repository) tell(s *shelf) {
	wrong := ""
	if s.wrong != nil {
		wrong = s.wrong.Error()
	}
	if s.told.wrong != wrong && wrong != "" {
		r.opt.Log.Warn("the version that should serve does not", "model", s.name, "serves", versionOf(s.serving), "error", wrong)
	}
	if s.told.serving != s.serving && s.told.serving != nil {
		r.opt.Log.Info("model swapped", "model", s.name, "version", versionOf(s.serving), "before", versionOf(s.told.serving))
	}
	s.told.wrong, s.told.serving = wrong, s.serving
}

// statuses are what there is to tell of a model's versions, the newest first.
func (s *shelf) statuses(isDefault bool) (all []Status) {
	versions := map[string]Status{}
	at := func(version string) Status {
		if known, ok := versions[version]; ok {
			return known
		}
		return Status{Name: s.name, Version: version, State: Unavailable, Source: Folder}
	}
	for version := range s.list.versions {
		versions[version] = at(version)
	}
	for version, f := range s.failed {
		status := at(version)
		status.Reason, status.At = f.err.Err.Error(), f.at
		versions[version] = status
	}
	ready := func(l *loaded, change func(*Status)) {
		if l == nil {
			return
		}
		status := at(l.version())
		if status.Reason == "" {
			status.At = l.at
		}
		status.State, status.Source, status.Digest, status.Checked = Ready, l.source, l.entry.Digest(), l.checked
		change(&status)
		versions[l.version()] = status
	}
	for _, l := range s.more {
		ready(l, func(*Status) {})
	}
	ready(s.shadow, func(status *Status) { status.Shadow = true })
	ready(s.serving, func(status *Status) {
		status.Serving, status.Default, status.Pinned = true, isDefault, s.pin() == versionOf(s.serving)
		if status.Reason == "" && s.wrong != nil {
			status.Reason = s.wrong.Error()
		}
	})
	for _, version := range slices.SortedFunc(maps.Keys(versions), func(a, b string) int { return newer(b, a) }) {
		all = append(all, versions[version])
	}
	if s.serving == nil && s.wrong != nil && !slices.ContainsFunc(all, func(status Status) bool { return status.Reason != "" }) {
		all = append(all, Status{Name: s.name, State: Unavailable, Source: Folder, Reason: s.wrong.Error()})
	}
	return all
}
