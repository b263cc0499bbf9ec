package api

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// startOperators serves operators of a service until the test ends.
func startOperators(t *testing.T, s *service) (url string, stop func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.server.ServeOperators(ctx, l) }()
	stopped := false
	stop = func() error {
		cancel()
		stopped = true
		return <-served
	}
	t.Cleanup(func() {
		if !stopped {
			_ = stop()
		}
	})
	return "http://" + l.Addr().String(), stop
}

func fetch(t *testing.T, method, url string) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request(t, method, url, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestOperatorsHaveAListenerOfTheirOwn(t *testing.T) {
	guard, keys := guarded(t)
	s := start(t, func(c *Config) { c.Guard, c.OperatorsApart = guard, true })
	url, stop := startOperators(t, s)
	defer http.DefaultClient.CloseIdleConnections()
	for path, c := range map[string]struct {
		there, here int // by the operators' listener, and by the service's, with a key for all
		has         string
	}{
		"/healthz":                          {200, 200, `"ok"`},
		"/readyz":                           {200, 200, `"ok"`},
		"/metrics":                          {200, 404, "spikeray_workers "},
		"/status":                           {200, 404, "status.js"},
		"/web/status.js":                    {200, 200, "import"},
		"/debug/pprof/":                     {200, 404, "goroutine"},
		"/debug/pprof/goroutine?debug=1":    {200, 404, "api.(*Server).ServeOperators"},
		"/debug/pprof/heap":                 {200, 404, ""},
		"/debug/pprof/cmdline":              {200, 404, ""},
		"/debug/pprof/symbol":               {200, 404, "num_symbols"},
		"/debug/pprof/profile?seconds=301":  {400, 404, "at most 300"},
		"/debug/pprof/trace?seconds=1e9":    {400, 404, "at most 300"},
		"/debug/pprof/trace?seconds=NaN":    {400, 404, "at most 300"},
		"/debug/pprof/block?seconds=100000": {400, 404, "at most 300"},
		"/debug/pprof/trace?seconds=0.01":   {200, 404, "go 1."},
		"/debug/pprof/none":                 {404, 404, ""},
		"/v1/models":                        {404, 200, ""},
		"/openapi.yaml":                     {404, 200, ""},
	} {
		if status, body := fetch(t, http.MethodGet, url+path); status != c.there || !strings.Contains(body, c.has) {
			t.Errorf("%s by the operators' listener: %d %.100s", path, status, body)
		}
		key := keys["operate"]
		if a := s.with(key, http.MethodGet, path, nil); a.status != c.here {
			t.Errorf("%s by the service's listener: %d", path, a.status)
		}
	}
	if status, body := fetch(t, http.MethodPost, url+"/v1/predictions"); status != 404 || !strings.Contains(body, "urn:spikeray:problem:not-found") {
		t.Errorf("a prediction is asked of the operators' listener: %d %s", status, body)
	}
	if status, _ := fetch(t, http.MethodPost, url+"/metrics"); status != 405 {
		t.Errorf("%d", status)
	}
	// A profile does not keep the server from stopping.
	profile := make(chan struct{})
	go func() {
		defer close(profile)
		response, err := http.Get(url + "/debug/pprof/profile?seconds=60")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}()
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	<-profile
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

// TestProfilesAreNowhereElse: by default metrics are beside the service, and profiles nowhere, though the package that has them
// registers them with net/http's own mux.
func TestProfilesAreNowhereElse(t *testing.T) {
	s := start(t, nil)
	if a := s.get("/metrics"); a.status != 200 {
		t.Errorf("%d", a.status)
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
		if a := s.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}
