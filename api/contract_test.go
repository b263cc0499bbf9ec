package api

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// Each answer the document promises is brought about once; service.do holds it
// against the document.
func TestEveryDocumentedAnswerIsGiven(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 1)
		c.MaxImageBytes = 1 << 20
		c.ReadTimeout = time.Second
	})
	picture := testmodel.PNG(64, 48, 1)
	seen := map[string]bool{}
	see := func(method, path string, a answer) {
		seen[fmt.Sprintf("%s %s %d", method, path, a.status)] = true
	}
	const predictions = "/v1/predictions"
	see("POST", predictions, s.post("", picture))
	see("POST", predictions, s.post("?threshold=2", picture))
	see("POST", predictions, s.post("?model=none", picture))
	see("POST", predictions, s.post("", make([]byte, 2<<20)))
	see("POST", predictions, s.post("", []byte("GIF89a")))
	see("POST", predictions, s.post("", testmodel.PNG(1, 1, 1)))
	see("POST", predictions, s.post("?model=tiny-broken", picture))
	crossSite := request(t, http.MethodPost, s.url+predictions, bytes.NewReader(picture))
	crossSite.Header.Set("Origin", "https://other.example")
	see("POST", predictions, s.do(crossSite))
	see("POST", predictions, s.slowUpload())
	const explanations = "/v1/explanations"
	see("POST", explanations, s.explain("", picture))
	see("POST", explanations, s.explain("?threshold=2", picture))
	see("POST", explanations, s.explain("?model=none", picture))
	see("POST", explanations, s.explain("", make([]byte, 2<<20)))
	see("POST", explanations, s.explain("", []byte("GIF89a")))
	see("POST", explanations, s.explain("", testmodel.PNG(1, 1, 1)))
	see("POST", explanations, s.explain("?model=tiny-broken", picture))
	crossSite = request(t, http.MethodPost, s.url+explanations, bytes.NewReader(picture))
	crossSite.Header.Set("Origin", "https://other.example")
	see("POST", explanations, s.do(crossSite))
	see("POST", explanations, s.slowUploadTo(explanations, "image/png"))
	busy := s.busyWorker()
	see("POST", predictions, s.post("?deadline_ms=20", picture))
	see("POST", explanations, s.explain("?deadline_ms=20", picture))
	busy()
	const renderings = "/v1/renderings"
	see("POST", renderings, s.render("", picture))
	see("POST", renderings, s.render("?size=1", picture))
	see("POST", renderings, s.render("", make([]byte, 2<<20)))
	see("POST", renderings, s.render("", []byte("GIF89a")))
	see("POST", renderings, s.render("", testmodel.PNG(1, 1, 1)))
	crossSite = request(t, http.MethodPost, s.url+renderings, bytes.NewReader(picture))
	crossSite.Header.Set("Origin", "https://other.example")
	see("POST", renderings, s.do(crossSite))
	see("POST", renderings, s.slowUploadTo(renderings, "image/png"))
	see("POST", renderings, s.do(request(t, http.MethodGet, s.url+renderings, nil)))
	release := s.fillQueue()
	see("POST", predictions, s.post("", picture))
	see("POST", explanations, s.explain("", picture))
	see("POST", renderings, s.render("", picture))
	release()

	for path, url := range map[string]string{
		"/v1/models": "", "/v1/models/{name}": "/v1/models/tiny-rows", "/v1/models/{name}/drift": "/v1/models/tiny-gated/drift",
		"/healthz": "", "/readyz": "", "/metrics": "", "/openapi.yaml": "",
	} {
		if url == "" {
			url = path
		}
		see("GET", path, s.get(url))
		see("GET", path, s.do(request(t, http.MethodDelete, s.url+url, nil)))
	}
	see("POST", predictions, s.do(request(t, http.MethodGet, s.url+predictions, nil)))
	see("POST", explanations, s.do(request(t, http.MethodGet, s.url+explanations, nil)))
	see("GET", "/v1/models/{name}", s.get("/v1/models/none"))
	see("GET", "/v1/models/{name}/drift", s.get("/v1/models/none/drift"))
	s.provokeStore(see)
	s.provokeOIP(see)
	s.provokeModelControl(see)
	s.provokePages(see)
	provokeRefusals(t, see)
	s.server.draining.Store(true)
	see("GET", "/readyz", s.get("/readyz"))
	for _, change := range []string{"load", "unload", "rollback"} {
		see("POST", "/v1/models/{name}/"+change, s.change("tiny-rows", change, ""))
	}
	s.provokeOIPDraining(see)

	holdPromises(t, seen)
}

// fillQueue takes every worker and every place until release is called.
func (s *service) fillQueue() (release func()) {
	s.t.Helper()
	queue := s.server.config.Queue
	open := make(chan struct{})
	ended := make(chan struct{})
	tasks := make([]Task, queue.Workers()+queue.Capacity())
	for i := range tasks {
		tasks[i] = block(open)
	}
	go func() {
		defer close(ended)
		if _, err := queue.Do(context.Background(), tasks...); err != nil {
			s.t.Error(err)
		}
	}()
	for queue.Busy() != queue.Workers() || queue.Depth() != queue.Capacity() {
		time.Sleep(time.Millisecond)
	}
	return func() {
		close(open)
		<-ended
	}
}

// slowUpload sends a request whose body never comes.
func (s *service) slowUpload() answer {
	s.t.Helper()
	return s.slowUploadTo("/v1/predictions", "image/png")
}

func (s *service) slowUploadTo(path, contentType string) answer {
	s.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n\x89PNG", path, contentType)
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	return readAnswer(s.t, connection, http.MethodPost, path)
}

func TestUnknownRoutesAndMethodsAreProblems(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{"/v1", "/web", "/web/", "/index.html", "/v1/predictions/", "/v1/models/a/b", "/%00", "/v1/models/%2e%2e"} {
		if a := s.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	a := s.do(request(t, http.MethodPut, s.url+"/v1/models", bytes.NewReader([]byte("x"))))
	if a.problem(t) != "method-not-allowed" || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%s, Allow: %s", a.body, a.header.Get("Allow"))
	}
}

func TestHeadAnswersAsGetWithoutBody(t *testing.T) {
	s := start(t, nil)
	response, err := s.client.Head(s.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 || response.Header.Get("Content-Length") == strconv.Itoa(0) {
		t.Errorf("%d with length %s", response.StatusCode, response.Header.Get("Content-Length"))
	}
}

func TestDocumentIsServed(t *testing.T) {
	if a := start(t, nil).get("/openapi.yaml"); !bytes.Equal(a.body, document) {
		t.Error("what is served is not the document")
	}
}
