package api

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// A form's part headers are bounded, however they are filled.
func TestPartHeadersAreBounded(t *testing.T) {
	s := start(t, nil)
	for name, header := range map[string]string{
		"one long field":    "X: " + strings.Repeat("x", 1<<20),
		"many short fields": strings.Repeat("a:\r\n", 1<<18),
		"a long name":       strings.Repeat("x", 1<<20) + ": x",
		"a long file name":  `Content-Disposition: form-data; name="image"; filename="` + strings.Repeat("x", 1<<20) + `"`,
	} {
		body := "--B\r\nContent-Disposition: form-data; name=\"image\"\r\n" + header + "\r\n\r\n" + string(testmodel.PNG(64, 64, 1)) + "\r\n--B--\r\n"
		r := request(t, http.MethodPost, s.url+"/v1/predictions", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
		if a := s.do(r); a.status != 400 || a.problem(t) != "malformed-request" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	// What people have: long names, a few fields, all in the bounds.
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for range 3 {
		part, err := w.CreateFormFile("image", strings.Repeat("é", 1000)+".png")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(testmodel.PNG(64, 64, 1))
	}
	_ = w.Close()
	r := request(t, http.MethodPost, s.url+"/v1/predictions", &body)
	r.Header.Set("Content-Type", w.FormDataContentType())
	if a := s.do(r); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

// moves is an upload that brought something so long ago.
func moves(ago time.Duration) *inflow {
	w := httptestWriter{}
	return &inflow{control: http.NewResponseController(w), moving: time.Now().Add(-ago)}
}

type httptestWriter struct{ http.ResponseWriter }

func (httptestWriter) SetReadDeadline(time.Time) error { return nil }

func TestWhenMemoryIsShortTheStalledMakeRoom(t *testing.T) {
	a, b := callerOf(&http.Request{RemoteAddr: "192.0.2.1:1"}), callerOf(&http.Request{RemoteAddr: "192.0.2.2:1"})
	uploads := newBudget(100)
	stalledUpload, moving, arrived := uploads.lease(a, moves(time.Minute)), uploads.lease(a, moves(0)), uploads.lease(a, moves(time.Minute))
	for _, l := range []*lease{stalledUpload, moving, arrived} {
		if err := l.take(30); err != nil {
			t.Fatal(err)
		}
	}
	arrived.received()
	newcomer := uploads.lease(a, moves(0))
	if err := newcomer.take(20); err != nil {
		t.Errorf("the stalled upload does not make room: %v", err)
	}
	if stalledUpload.flow.finish() == nil || moving.flow.finish() != nil || arrived.flow.finish() != nil {
		t.Error("another than the stalled one was stopped")
	}
	// One caller's uploads that move do not push each other out.
	if err := newcomer.take(50); err == nil {
		t.Error("an upload that moves was pushed out by its own caller's")
	}
	// But a caller that holds more makes room for one that holds less.
	other := uploads.lease(b, moves(0))
	if err := other.take(30); err != nil {
		t.Errorf("the larger caller does not make room: %v", err)
	}
	if err := other.take(60); err == nil {
		t.Error("what has arrived whole was pushed out")
	}
	for _, l := range []*lease{stalledUpload, moving, arrived, newcomer, other} {
		l.give(0)
		l.release()
	}
	if uploads.held.Load() != 0 || len(uploads.callers) != 0 || len(uploads.receiving) != 0 {
		t.Errorf("left: %d bytes, %v, %v", uploads.held.Load(), uploads.callers, uploads.receiving)
	}
}

// Who sends half a picture and falls silent is told soon, though there is time left; who goes on is served.
func TestUploadsMustKeepAPace(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.MinUploadRate = 100 << 10 })
	connection := dial(t, s)
	begin := time.Now()
	fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n%s", make([]byte, 900_000))
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 408 || a.problem(t) != "upload-timeout" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if took := time.Since(begin); took > 3*uploadWindow {
		t.Errorf("told after %v", took)
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

// A body that has arrived may wait for its answer longer than its pace would bear.
func TestThePaceEndsWithTheBody(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *Config) { c.Queue = NewQueue(1, 8) })
	release := s.occupy()
	connections := map[string]net.Conn{}
	for _, encoding := range []string{"", "chunked", "form"} {
		connection := dial(t, s)
		connections[encoding] = connection
		picture := string(testmodel.PNG(64, 64, 1))
		switch encoding {
		case "chunked":
			fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s0\r\n\r\n", chunk(picture))
		case "form":
			body, contentType := form(t, "image", []byte(picture))
			fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), body)
		default:
			fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(picture), picture)
		}
	}
	time.Sleep(uploadWindow + uploadWindow/10)
	release()
	for encoding, connection := range connections {
		if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 200 {
			t.Errorf("%s: %d %s", encoding, a.status, a.body)
		}
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	s := start(t, func(c *Config) { c.TrustedOrigins = []string{"https://good.example"} })
	for _, c := range []struct {
		site, origin string
		status       int
	}{
		{"", "", 200},
		{"same-origin", s.url, 200},
		{"none", "", 200},
		{"cross-site", "https://good.example", 200},
		{"cross-site", "https://evil.example", 403},
		{"same-site", "https://other.good.example", 403},
		{"cross-site", "null", 403},
		{"", "https://evil.example", 403},
		{"", "null", 403},
	} {
		r := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(testmodel.PNG(64, 64, 1)))
		for name, value := range map[string]string{"Sec-Fetch-Site": c.site, "Origin": c.origin} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if a := s.do(r); a.status != c.status || c.status == 403 && a.problem(t) != "cross-site" {
			t.Errorf("%+v: %d %s", c, a.status, a.body)
		}
	}
	if _, err := trust([]string{"good.example"}); err == nil {
		t.Error("an origin without a scheme is taken")
	}
	if p, err := trust([]string{"https://a.example", "*"}); p != nil || err != nil {
		t.Errorf("any origin: %v, %v", p, err)
	}
}

func TestFloodsAreCountedAndSampled(t *testing.T) {
	s := start(t, nil)
	const flood = 300
	for range flood {
		s.get("/none")
	}
	for range flood {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(connection, "GET / HTTP/1.1\r\nHost x\r\n\r\n")
		_, _ = io.ReadAll(connection)
		connection.Close()
	}
	metric(t, s, fmt.Sprintf(`spikeray_http_requests_total{code="404",method="GET",route="unmatched"} %d`, flood))
	metric(t, s, fmt.Sprintf(`spikeray_http_requests_total{code="400",method="other",route="unreadable"} %d`, flood))
	for _, status := range []string{`"status":404`, `"status":400`} {
		if n := strings.Count(s.logs.String(), status); n < sampledBurst || n >= flood {
			t.Errorf("%d lines with %s", n, status)
		}
	}
	// What was answered for a picture is always told.
	for range 2 * sampledBurst {
		s.post("", testmodel.PNG(64, 64, 1))
	}
	if n := strings.Count(s.logs.String(), `"pictures":1`); n != 2*sampledBurst {
		t.Errorf("%d lines of %d predictions", n, 2*sampledBurst)
	}
}

func TestAFullHouseMakesRoomOrSaysSo(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxConnections = 10 })
	for range 30 { // idle
		dial(t, s)
	}
	if a := s.get("/healthz"); a.status != 200 {
		t.Errorf("beside idle connections: %d", a.status)
	}
	s.client.CloseIdleConnections()
	release := s.occupy()
	defer release()
	picture := testmodel.PNG(64, 64, 1)
	for range 10 { // each with a picture that waits for its answer
		fmt.Fprintf(dial(t, s), "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(picture), picture)
	}
	for s.server.config.Queue.Depth() < 10 {
		time.Sleep(time.Millisecond)
	}
	// The answer may come before the request was sent, which Go's own client does not expect.
	connection := dial(t, s)
	fmt.Fprint(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 503 || a.problem(t) != "overloaded" || a.header.Get("Retry-After") == "" {
		t.Errorf("beside busy connections: %d %s", a.status, a.body)
	}
}

// A picture that still arrives when half of the shutdown's time is over is answered, and the server ends well.
func TestAnUploadDoesNotHoldUpTheShutdown(t *testing.T) {
	s := start(t, func(c *Config) { c.ShutdownTimeout = 2 * time.Second })
	connection, half := dial(t, s), dial(t, s)
	fmt.Fprint(half, "GET / HTTP/1.1\r\nHost: x\r\n")
	fmt.Fprint(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
	for s.server.uploads.held.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	s.stop()
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 503 || a.problem(t) != "draining" || a.header.Get("Connection") != "close" {
		t.Errorf("%d %s %s", a.status, a.header, a.body)
	}
	if err := <-s.stopped; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

// While the server drains, every answer tells its caller to go elsewhere.
func TestKeepAliveCallersAreToldOfTheDrain(t *testing.T) {
	s := start(t, func(c *Config) { c.DrainDelay = 500 * time.Millisecond })
	connection := dial(t, s)
	for range 2 {
		fmt.Fprint(connection, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		a := readAnswer(t, connection, http.MethodGet, "/healthz")
		if want := map[bool]string{true: "close"}[s.server.draining.Load()]; a.status != 200 || a.header.Get("Connection") != want {
			t.Errorf("Connection is %q, want %q", a.header.Get("Connection"), want)
		}
		s.stop()
		for !s.server.draining.Load() {
			time.Sleep(time.Millisecond)
		}
	}
}
