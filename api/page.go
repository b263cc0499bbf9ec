package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/api/web"
)

// page is the handler of an embedded file.
func (s *Server) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.files.Serve(w, r, name) {
			s.notFound(w, r)
		}
	}
}

// pageFiles registers what the embedded pages load.
func (s *Server) pageFiles(r chi.Router) {
	folder := func(prefix string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			name := prefix + chi.URLParam(r, "file")
			if name == web.Index || name == web.Status { // they have addresses of their own
				s.notFound(w, r)
				return
			}
			s.page(name)(w, r)
		}
	}
	r.Get("/web/{file}", folder(""))
	r.Get("/web/locale/{file}", folder("locale/"))
}
