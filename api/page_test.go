package api

import (
	"net/http"
	"strings"
	"testing"
)

// provokePages brings about every answer that the document promises for the pages.
func (s *service) provokePages(see func(method, path string, a answer)) {
	for path, url := range map[string]string{
		"/": "/", "/status": "/status", "/web/{file}": "/web/page.css", "/web/locale/{file}": "/web/locale/en.json",
	} {
		a := s.get(url)
		see("GET", path, a)
		again := request(s.t, http.MethodGet, s.url+url, nil)
		again.Header.Set("If-None-Match", a.header.Get("ETag"))
		see("GET", path, s.do(again))
		see("GET", path, s.do(request(s.t, http.MethodDelete, s.url+url, nil)))
	}
	see("GET", "/web/{file}", s.get("/web/none.js"))
	see("GET", "/web/locale/{file}", s.get("/web/locale/none.json"))
}

func TestPagesAreServed(t *testing.T) {
	s := start(t, nil)
	for url, media := range map[string]string{"/": "text/html", "/status": "text/html", "/web/page.css": "text/css", "/web/locale/de.json": "application/json"} {
		a := s.get(url)
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), media) || len(a.body) == 0 {
			t.Errorf("%s: %d %s, %d bytes", url, a.status, a.header.Get("Content-Type"), len(a.body))
		}
		response, err := s.client.Head(s.url + url)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != 200 || response.Header.Get("ETag") == "" {
			t.Errorf("HEAD %s: %d", url, response.StatusCode)
		}
	}
}

// TestUnknownFilesOfThePageAreProblems, and none leads out of the folder.
func TestUnknownFilesOfThePageAreProblems(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{
		"/web/none.js", "/web/index.html", "/web/status.html", "/web/locale", "/web/locale/", "/web/locale/none.json", "/web/web.go", "/web/..",
		"/web/%2e%2e/web.go", "/web/..%2fweb.go", "/web/locale/..%2fpage.css", "/web/locale/%2e%2e/%2e%2e/web.go", "/web/locale%2fen.json%00",
		"/web/%2fetc%2fpasswd", "/web/page.css/", "/web/PAGE.CSS", "/web/static/page.css", "/web/%5c..%5cweb.go",
	} {
		a := s.get(path)
		if a.status != 404 || a.problem(t) != "not-found" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
