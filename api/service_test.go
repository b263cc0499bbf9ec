package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/report"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// service is a server that listens, with what a test wants to look into.
type service struct {
	t       testing.TB
	url     string
	server  *Server
	client  *http.Client
	logs    *lines
	stop    context.CancelFunc
	stopped <-chan error
	key     string      // for metrics, where a server asks for one
	secure  *tls.Config // of the client, where the server is a secured one
}

// lines is a writer that may be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func entries(t testing.TB) *pipeline.Catalogue {
	return pipeline.NewCatalogue(
		&pipeline.Entry{Model: testmodel.Rows(t), Card: "# A card"},
		&pipeline.Entry{Model: testmodel.Steps(t, 8)},
		&pipeline.Entry{Model: testmodel.Plain(t)},
		&pipeline.Entry{Model: testmodel.Gated(t)},
		&pipeline.Entry{Model: testmodel.Early(t)},
		&pipeline.Entry{Model: testmodel.Broken(t)},
	)
}

// decided is a prediction that has a probability, as all have but those after fewer steps than a model is calibrated for.
type decided struct {
	predictionDocument
	Probability float64 `json:"probability"`
	Label       string  `json:"label"`
	Threshold   float64 `json:"threshold"`
}

func newServer(t testing.TB, change func(*Config)) (*Server, *lines) {
	t.Helper()
	logs := &lines{}
	config := Config{
		Models:  entries(t),
		Metrics: telemetry.NewMetrics(telemetry.Build{Version: "test"}),
		Log:     slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s, logs
}

// start serves until the test ends, or until stop is called; then stopped has
// what Serve returned.
func start(t testing.TB, change func(*Config)) *service {
	t.Helper()
	server, logs := newServer(t, change)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		stopped <- server.Serve(ctx, listener)
	}()
	transport := &http.Transport{}
	scheme := "http://"
	if server.config.TLS != nil {
		scheme = "https://"
	}
	s := &service{
		t: t, url: scheme + listener.Addr().String(), server: server, logs: logs,
		client: &http.Client{Transport: transport, Timeout: 30 * time.Second},
		stop:   cancel, stopped: stopped,
	}
	t.Cleanup(func() {
		cancel()
		<-done
		transport.CloseIdleConnections()
	})
	return s
}

// over has the client use secured connections.
func (s *service) over(secure *tls.Config) *service {
	s.secure = secure
	s.client.Transport.(*http.Transport).TLSClientConfig = secure.Clone()
	return s
}

// answer is a response that was read and found to be as the document says.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// problem is the name at the end of the problem document's type.
func (a answer) problem(t testing.TB) string {
	t.Helper()
	var p Problem
	a.decode(t, &p)
	if p.Status != a.status {
		t.Errorf("the document says %d, the answer %d", p.Status, a.status)
	}
	if a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a problem of type %q", a.header.Get("Content-Type"))
	}
	return strings.TrimPrefix(p.Type, "urn:spikeray:problem:")
}

func (s *service) do(r *http.Request) answer {
	s.t.Helper()
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	holdAgainstDocument(s.t, r, response)
	return answer{response.StatusCode, response.Header, body}
}

func (s *service) get(path string) answer {
	s.t.Helper()
	return s.do(request(s.t, http.MethodGet, s.url+path, nil))
}

// post sends a raw picture.
func (s *service) post(query string, picture []byte) answer {
	s.t.Helper()
	r := request(s.t, http.MethodPost, s.url+"/v1/predictions"+query, bytes.NewReader(picture))
	r.Header.Set("Content-Type", "application/octet-stream")
	return s.do(r)
}

// postForm sends pictures as parts of a form.
func (s *service) postForm(query string, pictures ...[]byte) answer {
	s.t.Helper()
	body, contentType := form(s.t, "image", pictures...)
	r := request(s.t, http.MethodPost, s.url+"/v1/predictions"+query, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return s.do(r)
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func form(t testing.TB, field string, pictures ...[]byte) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, picture := range pictures {
		part, err := w.CreateFormFile(field, "patient-jane-doe.png")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(picture)
	}
	_ = w.Close()
	return out.Bytes(), w.FormDataContentType()
}

// taking are the routes under /v1 that take pictures.
var taking = []string{"/v1/predictions", "/v1/explanations", "/v1/renderings"}

// ofChange matches the routes that change models.
var ofChange = regexp.MustCompile("^/v1/models/[^/]+/(load|unload|rollback)$")

// holdAgainstDocument fails the test if the answer is not one that openapi.yaml
// promises for the request.
func holdAgainstDocument(t testing.TB, r *http.Request, response *http.Response) {
	t.Helper()
	// What has no operation in the document answers as an operation beside it.
	as := &http.Request{Method: r.Method, URL: r.URL.JoinPath(), Header: r.Header}
	as.URL.RawPath = "" // the validator reads it before Path
	last := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case v2.Speaks(r.URL.Path) && slices.Contains([]string{"infer", "index", "load", "unload"}, last):
		as.Method = http.MethodPost
	case v2.Speaks(r.URL.Path) && response.StatusCode == http.StatusNotFound:
		as.Method = http.MethodGet
		as.URL.Path = "/v2/models/any"
	case response.StatusCode == http.StatusMethodNotAllowed && (slices.Contains(taking, r.URL.Path) || strings.HasPrefix(r.URL.Path, "/dicom-web/") || ofChange.MatchString(r.URL.Path)):
		as.Method = http.MethodPost
	case response.StatusCode == http.StatusMethodNotAllowed:
		as.Method = http.MethodGet
	case response.StatusCode == http.StatusNotFound && !slices.Contains(taking, r.URL.Path):
		as.Method = http.MethodGet
		as.URL.Path = "/v1/models/any"
	}
	answered := *response
	if response.Header.Get("Content-Type") == report.MediaHL7 && bytes.Contains(document, []byte(" "+report.MediaHL7+":\n")) {
		// The validator takes a key that begins with x- for an extension, also where it is a media type.
		answered.Header = response.Header.Clone()
		answered.Header.Set("Content-Type", report.MediaDICOM)
	}
	validate(t, r, as, &answered)
	if !usableID.MatchString(response.Header.Get(requestIDHeader)) {
		t.Errorf("the request's id is %q", response.Header.Get(requestIDHeader))
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if response.StatusCode == http.StatusMethodNotAllowed && response.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
}
