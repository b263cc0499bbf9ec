package api

import (
	"net/http"
	"slices"

	"github.com/spikeray/spikeray/internal/access"
)

const (
	corsRequestHeaders = "Authorization, Content-Type, Inference-Header-Content-Length, Traceparent, X-API-Key, X-Request-Id"
	corsAnswerHeaders  = "Inference-Header-Content-Length, Retry-After, WWW-Authenticate, " + auditHeader + ", " + requestIDHeader
	// corsMaxAge is for how many seconds a browser need not ask again.
	corsMaxAge = "600"
)

// shareAcrossOrigins lets pages of the trusted origins read answers (the Fetch standard's CORS protocol), and says nothing to pages of
// others. What is for operators is shared with none. Answers are never shared by what a browser has of its own, such as cookies or a
// certificate of the client: the page must send a key itself.
func (s *Server) shareAcrossOrigins(next http.Handler) http.Handler {
	anyOrigin := slices.Contains(s.config.TrustedOrigins, "*")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if !anyOrigin {
			h.Add("Vary", "Origin")
		}
		origin := r.Header.Get("Origin")
		if origin == "" || !anyOrigin && !slices.Contains(s.config.TrustedOrigins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		method, preflight := r.Method, false
		if wanted := r.Header.Get("Access-Control-Request-Method"); r.Method == http.MethodOptions && wanted != "" {
			method, preflight = wanted, true
		}
		asked, found := rightOf(r, method)
		if found && asked.scope == access.Operate || preflight && !found {
			next.ServeHTTP(w, r)
			return
		}
		if anyOrigin {
			origin = "*"
		}
		h.Set("Access-Control-Allow-Origin", origin)
		if !preflight {
			h.Set("Access-Control-Expose-Headers", corsAnswerHeaders)
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", method)
		h.Set("Access-Control-Allow-Headers", corsRequestHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		w.WriteHeader(http.StatusNoContent)
	})
}
