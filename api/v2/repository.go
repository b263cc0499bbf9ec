package v2

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/oip"
)

// States of a model in the repository's index.
const (
	Ready       = "READY"
	Unavailable = "UNAVAILABLE"
)

// ModelState is a model in the repository's index.
type ModelState struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"`
	Reason  string `json:"reason"` // why it is not ready
}

// maxControl bounds the bodies of requests that bring no pictures.
const maxControl = 64 << 10

// readControl reads such a body into v. An empty one is as good as {}.
func readControl(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return refuse(TooLarge, "the body is longer than %d bytes", maxControl)
	} else if err != nil {
		return refuse(Malformed, "the body is incomplete")
	}
	if len(body) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	err = dec.Decode(v)
	if _, more := dec.Token(); err == nil && more != io.EOF {
		err = errors.New("more follows it")
	}
	if err != nil {
		return refuse(Malformed, "the body is not the JSON object that is expected: %v", err)
	}
	return nil
}

func (h *Handler) index(w http.ResponseWriter, r *http.Request) error {
	var asked struct {
		Ready bool `json:"ready"`
	}
	if err := readControl(w, r, &asked); err != nil {
		return err
	}
	list := []ModelState{}
	for _, m := range h.states() {
		if m.State == Ready || !asked.Ready {
			list = append(list, m)
		}
	}
	write(w, http.StatusOK, list)
	return nil
}

// states are the repository's, or the models that answer where there is none.
func (h *Handler) states() []ModelState {
	if h.Repository != nil {
		return h.Repository.Index()
	}
	var all []ModelState
	for _, e := range h.Service.Models() {
		m := ModelState{Name: e.Name(), Version: e.Description().Version, State: Ready}
		if err := h.Service.Ready(e); err != nil {
			m.State, m.Reason = Unavailable, err.Error()
		}
		all = append(all, m)
	}
	return all
}

func (h *Handler) load(w http.ResponseWriter, r *http.Request) error {
	return h.change(w, r, "loaded", func() error { return h.Repository.Load(r.Context(), chi.URLParam(r, "model")) })
}

func (h *Handler) unload(w http.ResponseWriter, r *http.Request) error {
	return h.change(w, r, "unloaded", func() error { return h.Repository.Unload(r.Context(), chi.URLParam(r, "model")) })
}

// change changes the repository, where that is permitted. Models come from the server's own folder only: a request that brings one,
// or a configuration for it, is refused.
func (h *Handler) change(w http.ResponseWriter, r *http.Request, what string, do func() error) error {
	if h.Repository == nil {
		return refuse(NotPermitted, "models are not %s by this server's interface", what)
	}
	if r.URL.RawQuery != "" {
		return refuse(Parameter, "a change of the models takes no query")
	}
	var asked oip.RepositoryRequest
	if err := readControl(w, r, &asked); err != nil {
		return err
	}
	for name, v := range asked.Parameters {
		if name != "unload_dependents" || v != false {
			return refuse(Parameter, "parameter %.40q is not taken: models are %s as they are in the server's folder", name, what)
		}
	}
	if err := do(); err != nil {
		return err
	}
	write(w, http.StatusOK, struct{}{})
	return nil
}
