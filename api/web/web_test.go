package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

var sample = fstest.MapFS{
	"index.html":     {Data: bytes.Repeat([]byte("<p>text</p>\n"), 100)},
	"tiny.css":       {Data: []byte("a{}")},
	"locale/en.json": {Data: bytes.Repeat([]byte(" "), 200)},
}

func serve(t *testing.T, s *Files, method, name string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	if !s.Serve(w, r, name) {
		t.Fatalf("%s is not served", name)
	}
	return w.Result()
}

func body(t *testing.T, response *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEachFileHasTheHeadersThatConfineIt(t *testing.T) {
	for name := range New().byName {
		h := serve(t, New(), http.MethodGet, name, nil).Header
		for header, want := range headers {
			if h.Get(header) != want {
				t.Errorf("%s: %s: %q", name, header, h.Get(header))
			}
		}
	}
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(policy+";", directive+";") {
			t.Errorf("the policy lacks %s", directive)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
		t.Errorf("the policy allows too much: %s", policy)
	}
}

func TestFilesAreCompressedForWhoAcceptsIt(t *testing.T) {
	s := newFiles(sample)
	plain := serve(t, s, http.MethodGet, "index.html", nil)
	packed := serve(t, s, http.MethodGet, "index.html", map[string]string{"Accept-Encoding": "br, gzip"})
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%q, %q", plain.Header.Get("Content-Encoding"), packed.Header.Get("Content-Encoding"))
	}
	if plain.Header.Get("ETag") == packed.Header.Get("ETag") {
		t.Error("two codings of one file have the same entity tag")
	}
	whole, small := body(t, plain), body(t, packed)
	if packed.Header.Get("Content-Length") != strconv.Itoa(len(small)) || plain.Header.Get("Content-Length") != strconv.Itoa(len(whole)) {
		t.Errorf("lengths %s, %s", packed.Header.Get("Content-Length"), plain.Header.Get("Content-Length"))
	}
	z, err := gzip.NewReader(bytes.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, whole) || !bytes.Equal(whole, sample["index.html"].Data) {
		t.Errorf("what was compressed is not the file: %v", err)
	}
	if got := serve(t, s, http.MethodGet, "tiny.css", map[string]string{"Accept-Encoding": "gzip"}); got.Header.Get("Content-Encoding") != "" || string(body(t, got)) != "a{}" {
		t.Error("a file that compressing makes longer is compressed")
	}
}

func TestAFileThatTheClientHasIsNotSentAgain(t *testing.T) {
	s := newFiles(sample)
	for _, coding := range []string{"identity", "gzip"} {
		tag := serve(t, s, http.MethodGet, "index.html", map[string]string{"Accept-Encoding": coding}).Header.Get("ETag")
		for given, status := range map[string]int{tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, strings.Trim(tag, `"`): 200, "": 200} {
			got := serve(t, s, http.MethodGet, "index.html", map[string]string{"Accept-Encoding": coding, "If-None-Match": given})
			if got.StatusCode != status || got.Header.Get("ETag") != tag || (status == 304) != (len(body(t, got)) == 0) {
				t.Errorf("%s, If-None-Match %s: %d, ETag %s", coding, given, got.StatusCode, got.Header.Get("ETag"))
			}
			if status == 304 && (got.Header.Get("Content-Encoding") != "" || got.Header.Get("Content-Length") != "") {
				t.Errorf("a 304 tells of a body: %v", got.Header)
			}
		}
	}
	changed := newFiles(fstest.MapFS{"index.html": {Data: []byte("other")}})
	if serve(t, s, http.MethodGet, "index.html", nil).Header.Get("ETag") == serve(t, changed, http.MethodGet, "index.html", nil).Header.Get("ETag") {
		t.Error("another file has the same entity tag")
	}
}

func TestHeadHasAllButTheBody(t *testing.T) {
	s := newFiles(sample)
	get, head := serve(t, s, http.MethodGet, "locale/en.json", nil), serve(t, s, http.MethodHead, "locale/en.json", nil)
	if head.StatusCode != 200 || len(body(t, head)) != 0 || head.Header.Get("Content-Length") != strconv.Itoa(len(body(t, get))) {
		t.Errorf("%d, length %s", head.StatusCode, head.Header.Get("Content-Length"))
	}
}

func TestOnlyNamesOfFilesAreServed(t *testing.T) {
	s := newFiles(sample)
	for _, name := range []string{"", ".", "..", "/", "locale", "locale/", "/index.html", "../web.go", "locale/../index.html", "./index.html", "INDEX.HTML", "index.html\x00"} {
		w := httptest.NewRecorder()
		if s.Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), name) || len(w.Header()) != 0 || w.Body.Len() != 0 {
			t.Errorf("%q is served", name)
		}
	}
}

func TestAFileOfAnUnknownTypeIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it is taken")
		}
	}()
	newFiles(fstest.MapFS{"notes.txt": {}})
}

func TestAcceptEncodingIsReadAsItIsMeant(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "identity": false, "br": false, "gzip": true, "GZIP": true, "x-gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false,
		"*": true, "*;q=0": false, "*;q=0, gzip": true, "gzip;q=0, *": false, "gzip;q=x": false, ";;;,,": false, "deflate, gzip;q=1.0, *;q=0.5": true,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
	if acceptsGzip(nil) || !acceptsGzip([]string{"br", "gzip"}) {
		t.Error("no header, and two of them")
	}
}

// FuzzHeaders: whatever a client says of codings and tags, the answer is the file in a coding or nothing new.
func FuzzHeaders(f *testing.F) {
	s := newFiles(sample)
	for _, seed := range []string{"gzip", "gzip;q=0, *", "*;q=1e999", "W/\"x\", *", ";q=;,=\"", "\x00\xff", strings.Repeat("gzip,", 100)} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, accepts, has string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Accept-Encoding"], r.Header["If-None-Match"] = []string{accepts}, []string{has}
		w := httptest.NewRecorder()
		if !s.Serve(w, r, "index.html") {
			t.Fatal("not served")
		}
		got := w.Result()
		switch coding := got.Header.Get("Content-Encoding"); {
		case got.StatusCode == http.StatusNotModified && w.Body.Len() == 0:
		case got.StatusCode == http.StatusOK && coding == "" && bytes.Equal(w.Body.Bytes(), sample["index.html"].Data):
		case got.StatusCode == http.StatusOK && coding == "gzip" && bytes.HasPrefix(w.Body.Bytes(), []byte{0x1f, 0x8b}) && strings.ContainsAny(accepts, "*zZ"):
		default:
			t.Fatalf("%d %q, %d bytes", got.StatusCode, coding, w.Body.Len())
		}
	})
}
