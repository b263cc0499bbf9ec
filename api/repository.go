package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/repository"
)

// versionDocument is what the repository tells of a version of a model.
type versionDocument struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	State   repository.State  `json:"state"`
	Reason  *string           `json:"reason"`
	Serving bool              `json:"serving"`
	Default bool              `json:"default"`
	Shadow  bool              `json:"shadow"`
	Pinned  bool              `json:"pinned"`
	Source  repository.Source `json:"source"`
	Digest  *string           `json:"digest"`
	Checked *repository.Check `json:"checked"`
	At      *time.Time        `json:"at"`
}

// versionsDocument lists versions of models.
type versionsDocument struct {
	Repository []versionDocument `json:"repository"`
}

func newVersion(s repository.Status) versionDocument {
	d := versionDocument{
		Name: s.Name, Version: s.Version, State: s.State, Reason: present(s.Reason), Serving: s.Serving, Default: s.Default, Shadow: s.Shadow,
		Pinned: s.Pinned, Source: s.Source, Digest: present(s.Digest), Checked: present(s.Checked),
	}
	if !s.At.IsZero() {
		at := s.At.UTC().Truncate(time.Second)
		d.At = &at
	}
	return d
}

// present is nil for the zero value.
func present[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// versions lists what the repository knows of a model, or of all for "".
func (s *Server) versions(name string) (all []versionDocument) {
	if s.config.Repository == nil {
		return nil
	}
	for _, status := range s.config.Repository.Index() {
		if name == "" || status.Name == name {
			all = append(all, newVersion(status))
		}
	}
	return all
}

// strangers keeps pages of other sites from having a visitor's browser change the models. A site whose pages may send pictures may not.
var strangers = http.NewCrossOriginProtection()

// control makes a handler of a change to the models. The change goes on where the client has left.
func (s *Server) control(change func(ctx context.Context, name, version string) error) http.HandlerFunc {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case !s.config.ModelControl || s.config.Repository == nil:
			return refuse(notPermitted, "this server was started without --models-api")
		case strangers.Check(r) != nil:
			return refuse(crossSite, "pages of other web sites may not change the models")
		case s.draining.Load():
			return errDraining
		}
		values, err := readValues(r.URL.RawQuery, []string{"version"})
		if err != nil {
			return err
		}
		name := chi.URLParam(r, "name")
		if err := change(context.WithoutCancel(r.Context()), name, values.Get("version")); err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, versionsDocument{s.versions(name)})
		return nil
	})
}

func (s *Server) loadModel(ctx context.Context, name, version string) error {
	return s.config.Repository.Load(ctx, name, version)
}

func (s *Server) unloadModel(ctx context.Context, name, version string) error {
	if version != "" {
		return refuse(invalidParameter, "a model is unloaded in all its versions: leave version out")
	}
	return s.config.Repository.Unload(ctx, name)
}

func (s *Server) rollBackModel(ctx context.Context, name, version string) error {
	if version != "" {
		return refuse(invalidParameter, "the version to go back to is the one before: leave version out, or load the version")
	}
	_, err := s.config.Repository.Rollback(ctx, name)
	return err
}

// repositoryProblem is the kind of problem that a repository's error is, false for other errors.
func repositoryProblem(err error) (kind, string, bool) {
	var failed *repository.LoadError
	switch {
	case errors.Is(err, repository.ErrNotFound):
		return unknownModel, "the repository has no such model, or not in that version; /v1/models lists what it has", true
	case errors.Is(err, repository.ErrConflict):
		return modelHeld, err.Error(), true
	case errors.As(err, &failed):
		return modelNotLoaded, failed.Error(), true
	}
	return kind{}, "", false
}
