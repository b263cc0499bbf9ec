package api

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/api/web"
)

// pages registers the embedded pages. They use the public routes alone.
func (s *Server) pages(r chi.Router) {
	files := web.New()
	serve := func(w http.ResponseWriter, r *http.Request, name string) {
		if !files.Serve(w, r, name) {
			s.notFound(w, r)
		}
	}
	page := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { serve(w, r, name) }
	}
	folder := func(prefix string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			name := prefix + chi.URLParam(r, "file")
			if name == web.Index || name == web.Status { // they have addresses of their own
				s.notFound(w, r)
				return
			}
			serve(w, r, name)
		}
	}
	r.Get("/", page(web.Index))
	r.Get("/status", page(web.Status))
	r.Get("/web/{file}", folder(""))
	r.Get("/web/locale/{file}", folder("locale/"))
}
