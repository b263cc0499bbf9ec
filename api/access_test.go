package api

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/access"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// guarded takes the callers that it has keys for: one for each scope, by its name, and one with the usual ones.
func guarded(t testing.TB) (guard *access.Guard, keys map[string]string) {
	t.Helper()
	keys = map[string]string{}
	var file strings.Builder
	for _, scope := range access.ScopeNames() {
		scopes, err := access.ParseScopes(scope)
		if err != nil {
			t.Fatal(err)
		}
		keys[scope] = access.NewKey()
		fmt.Fprintln(&file, access.Entry{Name: scope, Hash: access.HashOf(keys[scope]), Scopes: scopes})
	}
	keys["usual"] = access.NewKey()
	fmt.Fprintln(&file, access.Entry{Name: "usual", Hash: access.HashOf(keys["usual"])})
	parsed, err := access.ParseKeys([]byte(file.String()))
	if err != nil {
		t.Fatal(err)
	}
	guard = &access.Guard{}
	guard.UseKeys(parsed)
	return guard, keys
}

// with sends a request with a key, "" for none.
func (s *service) with(key, method, path string, body []byte) answer {
	s.t.Helper()
	r := request(s.t, method, s.url+path, bytes.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return s.do(r)
}

// TestEveryRouteAgainstEveryCaller has every route that there is. One that is added must say in rights who may call it.
func TestEveryRouteAgainstEveryCaller(t *testing.T) {
	guard, keys := guarded(t)
	s := start(t, func(c *Config) { c.Guard = guard })
	seen := map[string]bool{}
	err := chi.Walk(s.server.routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		seen[method+" "+route] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if known := slices.Sorted(maps.Keys(rights)); !slices.Equal(known, slices.Sorted(maps.Keys(seen))) {
		t.Errorf("rights has %q\nthere are  %q", known, slices.Sorted(maps.Keys(seen)))
	}
	wrong := keys["usual"][:len(keys["usual"])-1] + "~"
	for route, asked := range rights {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer("{name}", "tiny-gated", "{study}", "1.2", "{model}", "tiny-gated", "{version}", "1.0.0").Replace(path)
		for _, method := range append([]string{method}, map[string][]string{"GET": {"HEAD"}}[method]...) {
			for caller, key := range map[string]string{"": "", "wrong": wrong, "short": "secret"} {
				a := s.with(key, method, path, nil)
				if (a.status == 401) != !asked.public {
					t.Errorf("%s %s by nobody (%s): %d", method, path, caller, a.status)
				}
				switch {
				case a.status != 401 || method == "HEAD":
				case v2.Speaks(path):
					a.refused(t, 401)
				case a.problem(t) != "unauthorized":
					t.Errorf("%s %s: %s", method, path, a.body)
				}
			}
			for caller := range keys {
				scopes := access.Usual
				if caller != "usual" {
					scopes, _ = access.ParseScopes(caller)
				}
				a := s.with(keys[caller], method, path, nil)
				let := asked.public || scopes.Has(asked.scope)
				if asked.scope == access.Models && a.status == 403 && notPermittedToAnybody(t, path, a) {
					continue // let in, and refused by a server that allows it to nobody
				}
				if (a.status == 403) == let || a.status == 401 {
					t.Errorf("%s %s by %s: %d", method, path, caller, a.status)
				}
				if a.status == 403 && !strings.Contains(a.header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="`+asked.scope.String()+`"`) {
					t.Errorf("%s %s by %s: %s", method, path, caller, a.header.Get("WWW-Authenticate"))
				}
			}
		}
	}
	// What is no route is no secret, and takes no credentials.
	for _, path := range []string{"/none", "/v1/none", "/v1/predictions/", "/debug/pprof/", "/debug/pprof/heap"} {
		if a := s.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := s.with("", http.MethodDelete, "/v1/models", nil); a.status != 405 {
		t.Errorf("%d", a.status)
	}
}

// notPermittedToAnybody tells refusals of what the server does for no caller.
func notPermittedToAnybody(t testing.TB, path string, a answer) bool {
	if v2.Speaks(path) {
		return strings.Contains(a.refused(t, 403), "by this server's interface")
	}
	return a.problem(t) == "not-permitted"
}

// TestARouteThatIsNotClassifiedIsTheOperators: whoever forgets to say who may call it has not opened it.
func TestARouteThatIsNotClassifiedIsTheOperators(t *testing.T) {
	guard, keys := guarded(t)
	server, _ := newServer(t, func(c *Config) { c.Guard = guard })
	router := server.routes()
	router.Get("/v1/new/{thing}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	router.Route("/v2", func(r chi.Router) {
		r.Post("/thing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	})
	for _, route := range [][2]string{{"GET", "/v1/new/a"}, {"HEAD", "/v1/new/a"}, {"POST", "/v2/thing"}} {
		for key, want := range map[string]int{"": 401, "usual": 403, "models": 403, "operate": http.StatusTeapot} {
			r := httptest.NewRequest(route[0], route[1], nil)
			if key != "" {
				r.Header.Set("X-API-Key", keys[key])
			}
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%v by %q: %d, want %d", route, key, w.Code, want)
			}
		}
	}
}

// provokeRefusals has requests refused because of who sends them, on every route.
func provokeRefusals(t *testing.T, see func(method, path string, a answer)) {
	guard, keys := guarded(t)
	s := start(t, func(c *Config) {
		c.Guard = guard
		c.CallerRate = access.Rate{Requests: 1, Period: time.Hour}
	})
	for _, caller := range []string{"usual", "models"} {
		s.with(keys[caller], http.MethodGet, "/v1/models", nil)
	}
	for route, asked := range rights {
		if asked.public {
			continue
		}
		method, route, _ := strings.Cut(route, " ")
		path := strings.NewReplacer("{name}", "tiny-gated", "{study}", "1.2", "{model}", "tiny-gated", "{version}", "1.0.0").Replace(route)
		see(method, route, s.with("", method, path, nil))
		if asked.scope != access.Any {
			see(method, route, s.with(keys["models"], method, path, nil))
		}
		if asked.scope != access.Operate {
			see(method, route, s.with(keys["usual"], method, path, nil))
		}
	}
}

// A path is the same however it is written.
func TestPathsDoNotGetAroundTheDoor(t *testing.T) {
	guard, _ := guarded(t)
	s := start(t, func(c *Config) { c.Guard = guard })
	for _, path := range []string{"/v1/%6dodels", "/%76%31/models", "/v1/models/tiny%2Drows", "/metrics?x=y", "/v1/models?", "/m%65trics"} {
		if a := s.get(path); a.status != 401 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for _, path := range []string{"//v1/models", "/v1//models", "/./v1/models", "/v1/models/../models", "/V1/models", "/v1/models/"} {
		if a := s.get(path); a.status != 404 && a.status != 401 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for _, method := range []string{"get", "GETT", "OPTIONS", "PROPFIND"} {
		if a := s.do(request(t, method, s.url+"/v1/models", nil)); a.status == 200 {
			t.Errorf("%s is answered", method)
		}
	}
}

// Who is not allowed is told so before the body is sent, and nothing is held for it.
func TestNothingIsReadOfWhoIsNotAllowed(t *testing.T) {
	guard, keys := guarded(t)
	s := start(t, func(c *Config) { c.Guard = guard })
	for name, c := range map[string]struct {
		header string
		status int
	}{"nobody": {"", 401}, "another scope": {"Authorization: Bearer " + keys["operate"] + "\r\n", 403}} {
		connection := dial(t, s)
		fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 30000000\r\n%s\r\n", c.header)
		if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != c.status {
			t.Errorf("%s: %d", name, a.status)
		}
		if _, err := connection.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("%s: the connection is still open: %v", name, err)
		}
	}
	if a := s.with(keys["predict"], http.MethodPost, "/v1/predictions", testmodel.PNG(64, 48, 1)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
}

func TestTheLogNamesCallersAndNoKeys(t *testing.T) {
	guard, keys := guarded(t)
	s := start(t, func(c *Config) { c.Guard = guard })
	s.key = keys["operate"]
	wrong := access.NewKey()
	for _, c := range []struct {
		key, want, reason string
		status            int
	}{
		{keys["predict"], `"caller":"key:predict"`, "", 200},
		{keys["explain"], `"caller":"key:explain"`, "scope", 403},
		{wrong, `"from":"127.0.0.1/32"`, "unknown_key", 401},
		{"", `"from":"127.0.0.1/32"`, "missing", 401},
		{"x", `"from":"127.0.0.1/32"`, "malformed", 401},
	} {
		a := s.with(c.key, http.MethodPost, "/v1/predictions", testmodel.PNG(64, 48, 1))
		if a.status != c.status {
			t.Errorf("%s: %d", c.want, a.status)
		}
		if c.reason != "" {
			metric(t, s, `spikeray_access_refusals_total{reason="`+c.reason+`"} 1`)
		}
		logs := s.logs.String()
		at := strings.Index(logs, a.header.Get(requestIDHeader))
		if at < 0 {
			t.Fatalf("no line for %s", c.want)
		}
		line, _, _ := strings.Cut(logs[at:], "\n")
		if !strings.Contains(line, c.want) || c.reason != "" && !strings.Contains(line, `"reason":"`+c.reason+`"`) {
			t.Errorf("%s is logged as %s", c.want, line)
		}
	}
	s.stop()
	<-s.stopped
	for name, key := range map[string]string{"predict": keys["predict"], "explain": keys["explain"], "operate": keys["operate"], "wrong": wrong} {
		if logs := s.logs.String(); strings.Contains(logs, key) || strings.Contains(logs, key[9:30]) || strings.Contains(logs, fmt.Sprintf("%x", access.HashOf(key))) {
			t.Errorf("the log has the key %s", name)
		}
	}
}

func TestCallersAreHeldToTheirRates(t *testing.T) {
	slow, fast := access.NewKey(), access.NewKey()
	keys, err := access.ParseKeys([]byte(access.Entry{Name: "slow", Hash: access.HashOf(slow), Rate: access.Rate{Requests: 2, Period: time.Hour}}.String() + "\n" +
		access.Entry{Name: "fast", Hash: access.HashOf(fast)}.String()))
	if err != nil {
		t.Fatal(err)
	}
	guard := &access.Guard{}
	guard.UseKeys(keys)
	s := start(t, func(c *Config) {
		c.Guard = guard
		c.CallerRate = access.Rate{Requests: 5, Period: time.Hour}
	})
	count := func(key string) (answered int, last answer) {
		for range 7 {
			if last = s.with(key, http.MethodGet, "/v1/models", nil); last.status == 200 {
				answered++
			}
		}
		return answered, last
	}
	if n, last := count(slow); n != 2 || last.problem(t) != "too-many-requests" || last.header.Get("Retry-After") != "1800" {
		t.Errorf("%d answered, the last with %d %v", n, last.status, last.header)
	}
	if n, last := count(fast); n != 5 || last.status != 429 || last.header.Get("Retry-After") != "720" {
		t.Errorf("%d answered, the last with %d %v", n, last.status, last.header)
	}
	if a := s.get("/healthz"); a.status != 200 {
		t.Errorf("a probe is answered with %d", a.status)
	}
}

// Without keys callers are addresses, and those behind a proxy are told apart only where it is trusted.
func TestCallersBehindProxiesAreToldApart(t *testing.T) {
	for name, proxies := range map[string]access.Proxies{"trusted": {netip.MustParsePrefix("127.0.0.0/8")}, "not trusted": nil} {
		s := start(t, func(c *Config) {
			c.CallerRate = access.Rate{Requests: 1, Period: time.Hour}
			c.Proxies = proxies
		})
		ask := func(forwarded string) int {
			r := request(t, http.MethodGet, s.url+"/v1/models", nil)
			r.Header.Set("X-Forwarded-For", forwarded)
			return s.do(r).status
		}
		got := []int{ask("192.0.2.1"), ask("192.0.2.2"), ask("192.0.2.9, 192.0.2.1"), ask("2001:db8::1"), ask("2001:db8::2")}
		want := []int{200, 200, 429, 200, 429}
		if proxies == nil {
			want = []int{200, 429, 429, 429, 429}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestKeysAreTheCallersOfTheQueue: who shows a key has a share of its own, whatever address it comes from.
func TestKeysAreTheCallersOfTheQueue(t *testing.T) {
	guard, keys := guarded(t)
	server, _ := newServer(t, func(c *Config) { c.Guard = guard })
	var callers []caller
	router := chi.NewRouter()
	router.Use(server.observe, server.admit)
	router.Post("/v1/predictions", func(_ http.ResponseWriter, r *http.Request) { callers = append(callers, callerOf(r)) })
	for _, c := range [][2]string{{"predict", "192.0.2.1:1"}, {"predict", "192.0.2.2:1"}, {"usual", "192.0.2.1:1"}} {
		r := httptest.NewRequest(http.MethodPost, "/v1/predictions", nil)
		r.RemoteAddr = c[1]
		r.Header.Set("X-API-Key", keys[c[0]])
		router.ServeHTTP(httptest.NewRecorder(), r)
	}
	if want := []caller{named("key:predict"), named("key:predict"), named("key:usual")}; !slices.Equal(callers, want) {
		t.Errorf("%+v", callers)
	}
}

// TestKeysChangeUnderLoad replaces the keys a thousand times while requests come: none is refused whose key is in both.
func TestKeysChangeUnderLoad(t *testing.T) {
	stays := access.NewKey()
	guard := &access.Guard{}
	use := func(i int) {
		keys, err := access.ParseKeys([]byte(access.Entry{Name: "stays", Hash: access.HashOf(stays)}.String() + "\n" +
			access.Entry{Name: fmt.Sprint("goes-", i), Hash: access.HashOf(access.NewKey())}.String()))
		if err != nil {
			t.Error(err)
		}
		guard.UseKeys(keys)
	}
	use(0)
	s := start(t, func(c *Config) { c.Guard = guard })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			use(i)
		}
	}()
	for n := 0; ; n++ {
		if a := s.with(stays, http.MethodGet, "/v1/models", nil); a.status != 200 {
			t.Fatalf("request %d: %d", n, a.status)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
