package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestRequestIDIsTheClientsIfUsable(t *testing.T) {
	s := start(t, nil)
	ids := map[string]bool{}
	for given, kept := range map[string]bool{
		"abc-123_X.y": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "a\"b": false, "é": false,
	} {
		r := request(t, http.MethodGet, s.url+"/healthz", nil)
		r.Header.Set("X-Request-Id", given)
		got := s.do(r).header.Get("X-Request-Id")
		if (got == given) != kept || got == "" {
			t.Errorf("%q became %q", given, got)
		}
		if ids[got] {
			t.Errorf("%q was given twice", got)
		}
		ids[got] = true
	}
}

func TestLogsSayWhatHappenedAndNothingOfThePicture(t *testing.T) {
	s := start(t, nil)
	picture := append(testmodel.PNG(64, 64, 1), "Patient Jane Doe"...)
	id := s.postForm("?threshold=0.25", picture, testmodel.PNG(64, 64, 2)).header.Get("X-Request-Id")
	s.postForm("?jane=doe", picture)
	s.get("/jane/doe")
	s.get("/v1/models/jane-doe")
	s.stop()
	<-s.stopped

	logs := s.logs.String()
	if strings.Contains(strings.ToLower(logs), "jane") {
		t.Errorf("the logs tell what a client sent:\n%s", logs)
	}
	found := false
	for line := range strings.Lines(logs) {
		var record struct {
			Msg, Method, Route, Model string
			RequestID                 string `json:"request_id"`
			Status, Pictures          int
			Seconds                   float64
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if record.RequestID != id {
			continue
		}
		found = true
		if record.Method != "POST" || record.Route != "/v1/predictions" || record.Status != 200 ||
			record.Model != "tiny-rows" || record.Pictures != 2 || record.Seconds <= 0 || record.Seconds > 30 {
			t.Errorf("got %+v", record)
		}
	}
	if !found {
		t.Errorf("no line for %s in\n%s", id, logs)
	}
}

func TestPathsMayBeEscaped(t *testing.T) {
	s := start(t, nil)
	want := s.get("/v1/models/tiny-rows")
	for path, status := range map[string]int{
		"/v1/models/tiny%2Drows": 200, "/v1/%6dodels/tiny-%72ows": 200, "/v1/models/tiny%252Drows": 404, "/v1/models/tiny%2Frows": 404, "/v1/models/%00": 404,
	} {
		got := s.get(path)
		if got.status != status || status == 200 && !bytes.Equal(got.body, want.body) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
		if head := s.do(request(t, http.MethodHead, s.url+path, nil)); head.status != status {
			t.Errorf("HEAD %s: %d", path, head.status)
		}
	}
}

func TestAPanicIsAnAnswerWithoutDetail(t *testing.T) {
	server, logs := newServer(t, nil)
	h := server.observe(server.recoverPanics(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic("secret")
	})))
	// Routes are what the router's context tells; there is none outside of it.
	router := server.routes()
	router.Get("/panic", h.ServeHTTP)
	recorder := httptest.NewRecorder()
	router.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/panic", nil))

	a := answer{recorder.Code, recorder.Header(), recorder.Body.Bytes()}
	if a.status != 500 || a.problem(t) != "internal" || strings.Contains(string(a.body), "secret") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !strings.Contains(logs.String(), "secret") || !strings.Contains(logs.String(), "middleware_test.go") {
		t.Errorf("the log does not tell the panic and where it was:\n%s", logs)
	}
	if err := testutil.GatherAndCompare(server.config.Metrics.Registry(), strings.NewReader(`
# HELP spikeray_panics_total Panics caught while answering; each is a bug.
# TYPE spikeray_panics_total counter
spikeray_panics_total 1
`), "spikeray_panics_total"); err != nil {
		t.Error(err)
	}
}

func TestAPanicAfterTheAnswerBeganCutsTheConnection(t *testing.T) {
	server, _ := newServer(t, nil)
	router := server.routes()
	router.Get("/panic", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", 64<<10))
		panic("secret")
	})
	listening := httptest.NewServer(router)
	defer listening.Close()
	response, err := listening.Client().Get(listening.URL + "/panic")
	if err == nil {
		_, err = io.ReadAll(response.Body)
		response.Body.Close()
	}
	if err == nil {
		t.Error("a whole answer")
	}
}

func TestInternalErrorsAreToldToTheLogOnly(t *testing.T) {
	s := start(t, nil)
	a := s.post("?model=tiny-broken", testmodel.PNG(64, 64, 1))
	if a.status != 500 || bytes.Contains(a.body, []byte("back end")) {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.stop()
	<-s.stopped
	if !strings.Contains(s.logs.String(), "the back end is broken") {
		t.Errorf("the log does not say why:\n%s", s.logs)
	}
}
