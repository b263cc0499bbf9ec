package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// occupy takes the queue's workers until release is called.
func (s *service) occupy() (release func()) {
	s.t.Helper()
	queue := s.server.config.Queue
	open, ended := make(chan struct{}), make(chan struct{})
	tasks := make([]Task, queue.Workers())
	for i := range tasks {
		tasks[i] = block(open)
	}
	go func() {
		defer close(ended)
		_, _ = queue.Do(context.Background(), tasks...)
	}()
	for queue.Busy() < queue.Workers() {
		time.Sleep(time.Millisecond)
	}
	return func() { close(open); <-ended }
}

type result struct {
	status int
	body   []byte
	err    error
}

// postAside sends a picture on a goroutine of its own and returns once it waits
// in the queue.
func (s *service) postAside() <-chan result {
	s.t.Helper()
	depth := s.server.config.Queue.Depth()
	out := make(chan result, 1)
	go func() {
		response, err := s.client.Post(s.url+"/v1/predictions", "image/png", bytes.NewReader(testmodel.PNG(64, 64, 1)))
		if err != nil {
			out <- result{err: err}
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		out <- result{response.StatusCode, body, err}
	}()
	for s.server.config.Queue.Depth() == depth {
		time.Sleep(time.Millisecond)
	}
	return out
}

func TestDrainFinishesWhatIsInFlight(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 8)
		c.DrainDelay = 300 * time.Millisecond
	})
	if a := s.get("/readyz"); a.status != 200 {
		t.Fatalf("not ready: %d", a.status)
	}
	release := s.occupy()
	before := s.postAside()
	s.stop()
	for !s.server.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	// Load balancers have until the delay's end to notice; until then all works.
	if a := s.get("/readyz"); a.status != 503 || a.problem(t) != "draining" {
		t.Errorf("readyz: %d %s", a.status, a.body)
	}
	if a := s.get("/healthz"); a.status != 200 {
		t.Errorf("healthz: %d", a.status)
	}
	during := s.postAside()
	for !s.shut() {
		time.Sleep(time.Millisecond)
	}
	// From then on only what is in flight is finished.
	if a := s.post("", testmodel.PNG(64, 64, 1)); a.status != 503 || a.problem(t) != "draining" {
		t.Errorf("a new prediction: %d %s", a.status, a.body)
	}
	if a := s.get("/readyz"); a.status != 503 {
		t.Errorf("readyz: %d", a.status)
	}
	metric(t, s, `spikeray_rejections_total{reason="draining"} 1`)

	select {
	case err := <-s.stopped:
		t.Fatalf("stopped with requests in flight: %v", err)
	default:
	}
	release()
	for name, got := range map[string]result{"before": <-before, "during": <-during} {
		if got.err != nil || got.status != 200 {
			t.Errorf("the request from %s the drain: %+v", name, got)
		}
	}
	if err := <-s.stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
	if _, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://")); err == nil {
		t.Error("still takes connections when it has stopped")
	}
}

// shut tells whether new predictions are refused.
func (s *service) shut() bool {
	g := &s.server.predictions
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.empty != nil
}

func TestDrainCutsOffWhatTakesTooLong(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 8)
		c.ShutdownTimeout = 50 * time.Millisecond
	})
	release := s.occupy()
	waiting := s.postAside()
	s.stop()
	got := <-waiting
	if got.err != nil || got.status != 503 || !strings.Contains(string(got.body), "urn:spikeray:problem:draining") {
		t.Errorf("got %d %s %v", got.status, got.body, got.err)
	}
	release()
	if err := <-s.stopped; err == nil {
		t.Error("stopped without an error though a request was cut off")
	}
}

func TestAnIdleServerStopsAtOnce(t *testing.T) {
	s := start(t, nil)
	s.get("/healthz")
	s.stop()
	select {
	case err := <-s.stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still there after 5 s")
	}
}

func TestSlowUploadsAreCutOff(t *testing.T) {
	s := start(t, func(c *Config) { c.ReadTimeout = 200 * time.Millisecond })
	begin := time.Now()
	if a := s.slowUpload(); a.status != 408 || a.problem(t) != "upload-timeout" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

func TestSlowFormsAreCutOff(t *testing.T) {
	s := start(t, func(c *Config) { c.ReadTimeout = 200 * time.Millisecond })
	body, contentType := form(t, "image", testmodel.PNG(64, 64, 1))
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		contentType, len(body))
	_, _ = connection.Write(body[:len(body)/2])
	_ = connection.SetReadDeadline(time.Now().Add(20 * time.Second))
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 408 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestManySlowClientsDoNotKeepOthersOut(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 1)
		c.ShutdownTimeout = time.Millisecond
	})
	for range 100 {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n\x89PNG")
	}
	for s.server.uploads.held.Load() < 100*32<<10 {
		time.Sleep(time.Millisecond)
	}
	if a := s.post("", testmodel.PNG(64, 64, 1)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	// What they say that they will send is not set aside for them.
	if held := s.server.uploads.held.Load(); held > 100*32<<10 {
		t.Errorf("%d bytes held for 100 clients that sent 4 each", held)
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	s := start(t, nil)
	r := request(t, http.MethodGet, s.url+"/healthz", nil)
	r.Header.Set("X-Padding", strings.Repeat("x", 64<<10))
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", response.StatusCode)
	}
}
