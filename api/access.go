package api

import (
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/internal/access"
)

// right is what a route asks of who calls it, where callers must show who they are.
type right struct {
	public bool
	scope  access.Scopes // valid credentials are enough where it is access.Any
}

// rights are those of every route. A test holds them against the routes. A route that is not here is the operators'.
var rights = map[string]right{
	"POST /v1/predictions":            {scope: access.Predict},
	"POST /v1/explanations":           {scope: access.Explain},
	"POST /v1/renderings":             {scope: access.Predict},
	"POST /dicom-web/studies":         {scope: access.DICOMWeb},
	"POST /dicom-web/studies/{study}": {scope: access.DICOMWeb},
	"GET /v1/models":                  {scope: access.Any},
	"GET /v1/models/{name}":           {scope: access.Any},
	"GET /v1/models/{name}/drift":     {scope: access.Any},
	"POST /v1/models/{name}/load":     {scope: access.Models},
	"POST /v1/models/{name}/unload":   {scope: access.Models},
	"POST /v1/models/{name}/rollback": {scope: access.Models},
	// The Open Inference Protocol.
	"GET /v2":                                          {public: true},
	"GET /v2/health/live":                              {public: true},
	"GET /v2/health/ready":                             {public: true},
	"GET /v2/models/stats":                             {scope: access.Any},
	"POST /v2/repository/index":                        {scope: access.Any},
	"POST /v2/repository/models/{model}/load":          {scope: access.Models},
	"POST /v2/repository/models/{model}/unload":        {scope: access.Models},
	"GET /v2/models/{model}":                           {scope: access.Any},
	"GET /v2/models/{model}/ready":                     {scope: access.Any},
	"GET /v2/models/{model}/config":                    {scope: access.Any},
	"GET /v2/models/{model}/stats":                     {scope: access.Any},
	"POST /v2/models/{model}/infer":                    {scope: access.Predict},
	"GET /v2/models/{model}/versions/{version}":        {scope: access.Any},
	"GET /v2/models/{model}/versions/{version}/ready":  {scope: access.Any},
	"GET /v2/models/{model}/versions/{version}/config": {scope: access.Any},
	"GET /v2/models/{model}/versions/{version}/stats":  {scope: access.Any},
	"POST /v2/models/{model}/versions/{version}/infer": {scope: access.Predict},
	"GET /metrics":                                     {scope: access.Operate},
	"GET /healthz":                                     {public: true}, // probes have no credentials
	"GET /readyz":                                      {public: true},
	"GET /openapi.yaml":                                {public: true},
	// The pages hold nothing: what they show comes by the routes above.
	"GET /":                  {public: true},
	"GET /status":            {public: true},
	"GET /web/{file}":        {public: true},
	"GET /web/locale/{file}": {public: true},
}

// rightOf is what the route of a request with this method asks; there is none where no route is found.
func rightOf(r *http.Request, method string) (right, bool) {
	routing := chi.RouteContext(r.Context())
	pattern := routing.Routes.Find(chi.NewRouteContext(), method, r.URL.Path)
	if pattern == "" && method == http.MethodHead {
		method = http.MethodGet
		pattern = routing.Routes.Find(chi.NewRouteContext(), method, r.URL.Path)
	}
	if pattern == "" {
		return right{}, false
	}
	if asked, known := rights[method+" "+pattern]; known {
		return asked, true
	}
	return right{scope: access.Operate}, true
}

// guards tells whether requests must be looked at before they are answered.
func (s *Server) guards() bool {
	return s.config.Guard != nil || len(s.config.Proxies) > 0 || !s.config.CallerRate.IsZero()
}

// admit finds out who sends a request, and refuses it where they may not send it, before anything of its body is read.
func (s *Server) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visitor{caller: s.behind(r)}
		v.from = v.caller.network
		exchangeOf(r.Context()).visitor = v
		asked, found := rightOf(r, r.Method)
		if !found || asked.public {
			next.ServeHTTP(w, r)
			return
		}
		limit := s.config.CallerRate
		if s.config.Guard != nil {
			who, err := s.identify(r, asked.scope)
			if who.Name != "" {
				v.caller = named(who.Name)
			}
			if err != nil {
				s.turnAway(w, r, err, asked.scope)
				return
			}
			if !who.Rate.IsZero() {
				limit = who.Rate
			}
		}
		if asked.scope != access.Operate { // whoever looks after the server is not to be kept out
			if after, ok := s.limiter.Allow(v.caller, limit, time.Now()); !ok {
				w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(after.Seconds())))))
				s.turnAway(w, r, &access.Refusal{Reason: access.TooMany, Detail: "more requests came than this caller may send: " + limit.String()}, asked.scope)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// visitor is what was found out of who sends a request.
type visitor struct {
	caller  caller
	from    netip.Prefix  // the network of its address
	refused access.Reason // "" for one that was let in
}

// attrs are for the log. Addresses are those of who was not let in: they must be found.
func (v *visitor) attrs() (all []slog.Attr) {
	if name := v.caller.named(); name != "" {
		all = append(all, slog.String("caller", name))
	}
	if v.refused != "" {
		all = append(all, slog.String("reason", string(v.refused)), slog.String("from", v.from.String()))
	}
	return all
}

// identify tells who sends a request that a scope is needed for, or why they may not.
func (s *Server) identify(r *http.Request, scope access.Scopes) (access.Identity, error) {
	who, err := s.config.Guard.Identify(r.Header)
	if err == nil && !who.Scopes.Has(scope) {
		err = &access.Refusal{Reason: access.LacksScope, Detail: fmt.Sprintf("the credentials do not have the scope %s", scope)}
	}
	return who, err
}

// behind is the caller by address: the client's, or that of a client behind proxies that are trusted.
func (s *Server) behind(r *http.Request) caller {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return caller{}
	}
	return callerFrom(s.config.Proxies.Client(peer.Addr(), r.Header))
}

// turnAway answers who may not send a request (RFC 6750, 3).
func (s *Server) turnAway(w http.ResponseWriter, r *http.Request, err error, scope access.Scopes) {
	refusal := err.(*access.Refusal)
	s.access.Refused(string(refusal.Reason))
	exchangeOf(r.Context()).visitor.refused = refusal.Reason
	const realm = `Bearer realm="spikeray"`
	switch refusal.Reason {
	case access.TooMany:
	case access.Missing:
		w.Header().Set("WWW-Authenticate", realm)
	case access.LacksScope:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s, error="insufficient_scope", scope="%s"`, realm, scope))
	default:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s, error="invalid_token", error_description="%s"`, realm, refusal.Detail))
	}
	s.fail(w, r, err)
}
