package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/board"
)

// handle turns a handler that returns an error into one that answers with it.
func (s *Server) handle(h func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// Board is asked how the default model's board is.
type Board interface{ Status() board.Status }

type health struct {
	Status string       `json:"status"`
	Board  *boardHealth `json:"board,omitempty"`
}

type boardHealth struct {
	Name  string      `json:"name"`
	State board.State `json:"state"`
}

func (s *Server) live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, health{Status: "ok"})
}

// ready is no while the default model cannot be answered because of its board, and while answers cannot be recorded.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	h, err := s.readiness()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, h)
}

// readiness is how the server is, or why it is not ready.
func (s *Server) readiness() (health, error) {
	h := health{Status: "ok"}
	if err := s.taking(); err != nil || s.config.Board == nil {
		return h, err
	}
	b := s.config.Board.Status()
	if !b.Answers {
		return h, fmt.Errorf("%w: board %s is %s", errNotReady, b.Name, b.State)
	}
	h.Board = &boardHealth{b.Name, b.State}
	return h, nil
}

// taking is why no new work is taken, whatever the model.
func (s *Server) taking() error {
	if s.draining.Load() {
		return fmt.Errorf("%w: %w", errNotReady, errDraining)
	}
	if s.config.Journal != nil && s.config.Journal.Err() != nil {
		return fmt.Errorf("%w: %w", errNotReady, errNotRecorded)
	}
	return nil
}

func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(document)
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	if v2.Speaks(r.URL.Path) {
		s.fail(w, r, refuse(notFound, "%s", v2.Missing(r.URL.Path)))
		return
	}
	s.fail(w, r, refuse(notFound, "there is nothing at this path; /openapi.yaml lists the paths"))
}

func (s *Server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	routes := chi.RouteContext(r.Context()).Routes
	for _, method := range methods {
		if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
			allowed = append(allowed, method)
			if method == http.MethodGet {
				allowed = append(allowed, http.MethodHead)
			}
		}
	}
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	s.fail(w, r, refuse(methodNotAllowed, "this resource supports %s", list))
}
