package api

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// raw sends a request whose answer is not held against the document: preflights are no operation of it.
func (s *service) raw(method, path string, header map[string]string) *http.Response {
	s.t.Helper()
	r := request(s.t, method, s.url+path, nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func crossOrigin(h http.Header) string {
	var all []string
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			all = append(all, name+": "+h.Get(name))
		}
	}
	return strings.Join(all, "\n")
}

func TestPreflightsOfTrustedOrigins(t *testing.T) {
	guard, _ := guarded(t)
	const good = "https://good.example"
	s := start(t, func(c *Config) { c.TrustedOrigins, c.Guard = []string{good, "http://localhost:3000"}, guard })
	any := start(t, func(c *Config) { c.TrustedOrigins, c.Guard = []string{"*"}, guard })
	off := start(t, func(c *Config) { c.Guard = guard })
	for _, c := range []struct {
		s                    *service
		origin, method, path string
		allowed              string // "" for none
		status               int
	}{
		{s, good, "POST", "/v1/predictions", good, 204},
		{s, "http://localhost:3000", "GET", "/v1/models/tiny-rows", "http://localhost:3000", 204},
		{s, good, "GET", "/healthz", good, 204},
		{s, good, "HEAD", "/v1/models", good, 204},
		{s, good, "GET", "/metrics", "", 405},
		{s, good, "DELETE", "/v1/models", "", 405},
		{s, good, "GET", "/none", "", 404},
		{s, good, "post", "/v1/predictions", "", 405},
		{s, good, "", "/v1/predictions", good, 405}, // OPTIONS, and no preflight
		{s, "https://evil.example", "POST", "/v1/predictions", "", 405},
		{s, "https://good.example.evil.example", "POST", "/v1/predictions", "", 405},
		{s, "https://good.example:444", "POST", "/v1/predictions", "", 405},
		{s, "http://good.example", "POST", "/v1/predictions", "", 405},
		{s, "https://GOOD.example", "POST", "/v1/predictions", "", 405},
		{s, "null", "POST", "/v1/predictions", "", 405},
		{s, "", "POST", "/v1/predictions", "", 405},
		{any, "https://evil.example", "POST", "/v1/predictions", "*", 204},
		{any, "null", "POST", "/v1/predictions", "*", 204},
		{any, "https://evil.example", "GET", "/metrics", "", 405},
		{off, good, "POST", "/v1/predictions", "", 405},
	} {
		header := map[string]string{"Origin": c.origin, "Access-Control-Request-Method": c.method, "Access-Control-Request-Headers": "authorization"}
		for name, value := range header {
			if value == "" {
				delete(header, name)
			}
		}
		a := c.s.raw(http.MethodOptions, c.path, header)
		h := a.Header
		if got := h.Get("Access-Control-Allow-Origin"); got != c.allowed {
			t.Errorf("%+v: allows %q", c, got)
		}
		if a.StatusCode != c.status {
			t.Errorf("%+v: %d", c, a.StatusCode)
		}
		switch {
		case c.allowed == "" && crossOrigin(h) != "":
			t.Errorf("%+v: %s", c, crossOrigin(h))
		case c.status == 204 && (h.Get("Access-Control-Allow-Methods") != c.method || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization")):
			t.Errorf("%+v: %s", c, crossOrigin(h))
		}
		for _, name := range []string{"Inference-Header-Content-Length", "Traceparent"} {
			if c.status == 204 && !strings.Contains(h.Get("Access-Control-Allow-Headers"), name) {
				t.Errorf("%+v: a page may not send %s", c, name)
			}
		}
		if h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%+v: what a browser has of its own is let in", c)
		}
		if varies := h.Get("Vary") == "Origin"; varies != (c.s == s) {
			t.Errorf("%+v: Vary is %q", c, h.Get("Vary"))
		}
	}
}

func TestAnswersAreSharedWithTrustedOriginsAlone(t *testing.T) {
	const good = "https://good.example"
	guard, keys := guarded(t)
	s := start(t, func(c *Config) { c.TrustedOrigins, c.Guard = []string{good}, guard })
	for _, c := range []struct {
		origin, key, path string
		status            int
		shared            bool
	}{
		{good, keys["usual"], "/v1/models", 200, true},
		{good, "", "/v1/models", 401, true}, // so that the page can tell why
		{good, keys["operate"], "/metrics", 200, false},
		{"https://evil.example", keys["usual"], "/v1/models", 200, false},
		{"", keys["usual"], "/v1/models", 200, false},
	} {
		a := s.raw(http.MethodGet, c.path, map[string]string{"Origin": c.origin, "X-API-Key": c.key})
		want := ""
		if c.shared {
			want = c.origin
		}
		if a.StatusCode != c.status || a.Header.Get("Access-Control-Allow-Origin") != want || !c.shared && crossOrigin(a.Header) != "" {
			t.Errorf("%+v: %d %s", c, a.StatusCode, crossOrigin(a.Header))
		}
	}
	r := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(testmodel.PNG(64, 48, 1)))
	r.Header.Set("Origin", good)
	r.Header.Set("X-API-Key", keys["usual"])
	a := s.do(r)
	if a.status != 200 || a.header.Get("Access-Control-Allow-Origin") != good {
		t.Errorf("%d %s", a.status, crossOrigin(a.header))
	}
	// What the document says of answers' headers, which a page could not read otherwise.
	for _, name := range []string{"Retry-After", "WWW-Authenticate", "X-Audit-Record", "X-Request-Id"} {
		if !slices.Contains(strings.Split(a.header.Get("Access-Control-Expose-Headers"), ", "), name) {
			t.Errorf("pages cannot read %s: %s", name, crossOrigin(a.header))
		}
	}
}
