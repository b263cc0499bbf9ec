package trace_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/spikeray/spikeray/internal/trace"
)

// collector stands for the transport and the collector behind it. It answers as it is told, then 200.
type collector struct {
	mu       sync.Mutex
	answers  []answer
	requests []*v1.ExportTraceServiceRequest
	headers  []http.Header
	times    []time.Time
	failed   []error
}

type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	request := &v1.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, request)
	}
	if err != nil {
		c.failed = append(c.failed, err)
	}
	c.requests, c.headers, c.times = append(c.requests, request), append(c.headers, r.Header), append(c.times, time.Now())
	a := answer{status: http.StatusOK}
	if len(c.answers) > 0 {
		a, c.answers = c.answers[0], c.answers[1:]
	}
	if a.err != nil {
		return nil, a.err
	}
	rec := httptest.NewRecorder()
	for name, values := range a.header {
		rec.Header()[name] = values
	}
	rec.WriteHeader(a.status)
	_, _ = rec.Write(a.body)
	return rec.Result(), nil
}

func (c *collector) spans() (all []*tracepb.Span) {
	for _, r := range c.requests {
		all = append(all, r.ResourceSpans[0].ScopeSpans[0].Spans...)
	}
	return all
}

// exporting runs f with an exporter to the collector, closes it, and tells what became of the spans.
func exporting(t *testing.T, c *collector, f func(*trace.Exporter)) map[trace.Outcome]int {
	t.Helper()
	counts := map[trace.Outcome]int{}
	var mu sync.Mutex
	synctest.Test(t, func(*testing.T) {
		e := trace.New(trace.Config{
			Endpoint: "http://collector:4318/v1/traces", Client: &http.Client{Transport: c}, Sample: 1,
			Header:   http.Header{"Authorization": {"Bearer x"}},
			Resource: []trace.Attribute{{Key: "service.name", Value: "spikeray"}}, Scope: "scope", Version: "1.2",
			Count: func(o trace.Outcome, n int) { mu.Lock(); defer mu.Unlock(); counts[o] += n },
		})
		f(e)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		e.Close(ctx)
	})
	for _, err := range c.failed {
		t.Error(err)
	}
	return counts
}

func one(e *trace.Exporter) {
	e.Begin(trace.Context{}, false).End("GET /", trace.Server, time.Now(), false)
}

// What is sent is read by the types that OpenTelemetry generates.
func TestSpansAreThoseOfOTLP(t *testing.T) {
	c := &collector{}
	began := time.Unix(1_700_000_000, 123456789)
	known, _ := trace.Parse([]string{parent})
	counts := exporting(t, c, func(e *trace.Exporter) {
		r := e.Begin(known, true)
		picture := r.Add(trace.SpanID{}, "picture", began, time.Second, true,
			trace.Attribute{Key: "text", Value: "a"}, trace.Attribute{Key: "count", Value: int64(-3)},
			trace.Attribute{Key: "share", Value: .25}, trace.Attribute{Key: "yes", Value: true})
		r.Add(picture, "infer", began.Add(time.Millisecond), time.Microsecond, false)
		r.End("POST /v1/predictions", trace.Server, began, false, trace.Attribute{Key: "http.response.status_code", Value: int64(200)})
	})
	if want := map[trace.Outcome]int{trace.Exported: 3, trace.Refused: 0}; !cmp.Equal(counts, want) || len(c.requests) != 1 {
		t.Fatalf("%d requests, %v", len(c.requests), counts)
	}
	if h := c.headers[0]; h.Get("Content-Type") != "application/x-protobuf" || h.Get("Authorization") != "Bearer x" {
		t.Errorf("headers %v", h)
	}
	resource := c.requests[0].ResourceSpans[0]
	scope := resource.ScopeSpans[0].Scope
	if a := resource.Resource.Attributes; len(a) != 1 || a[0].Key != "service.name" || a[0].Value.GetStringValue() != "spikeray" ||
		scope.Name != "scope" || scope.Version != "1.2" {
		t.Errorf("resource %v, scope %v", a, scope)
	}
	spans := c.spans()
	picture, infer, root := spans[0], spans[1], spans[2]
	for _, s := range spans {
		if string(s.TraceId) != string(known.Trace[:]) || len(s.SpanId) != 8 || s.Flags != 1 {
			t.Errorf("%s: trace %x, span %x, flags %d", s.Name, s.TraceId, s.SpanId, s.Flags)
		}
	}
	if string(root.ParentSpanId) != string(known.Span[:]) || string(picture.ParentSpanId) != string(root.SpanId) || string(infer.ParentSpanId) != string(picture.SpanId) {
		t.Error("the spans do not lie in one another")
	}
	if root.Name != "POST /v1/predictions" || root.Kind != tracepb.Span_SPAN_KIND_SERVER || picture.Kind != tracepb.Span_SPAN_KIND_INTERNAL {
		t.Errorf("root %q of kind %v, picture of kind %v", root.Name, root.Kind, picture.Kind)
	}
	if picture.StartTimeUnixNano != uint64(began.UnixNano()) || picture.EndTimeUnixNano != uint64(began.UnixNano())+1e9 {
		t.Errorf("from %d to %d", picture.StartTimeUnixNano, picture.EndTimeUnixNano)
	}
	if root.Status.GetCode() != tracepb.Status_STATUS_CODE_UNSET || picture.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("status %v and %v", root.Status, picture.Status)
	}
	values := map[string]*commonpb.AnyValue{}
	for _, a := range picture.Attributes {
		values[a.Key] = a.Value
	}
	if len(values) != 4 || values["text"].GetStringValue() != "a" || values["count"].GetIntValue() != -3 ||
		values["share"].GetDoubleValue() != .25 || !values["yes"].GetBoolValue() {
		t.Errorf("attributes %v", values)
	}
}

func TestWhatIsRecorded(t *testing.T) {
	kept, dropped := trace.Context{Trace: trace.TraceID{1}, Span: trace.SpanID{2}, Sampled: true}, trace.Context{Trace: trace.TraceID{1}, Span: trace.SpanID{2}}
	for sample, want := range map[float64][3]bool{0: {true, false, false}, 1: {true, false, true}} {
		e := trace.New(trace.Config{Sample: sample, Count: func(trace.Outcome, int) {}})
		if got := [3]bool{e.Begin(kept, true) != nil, e.Begin(dropped, true) != nil, e.Begin(trace.Context{}, false) != nil}; got != want {
			t.Errorf("sample %v: recorded %v, want %v", sample, got, want)
		}
		e.Close(t.Context())
	}
	var none *trace.Exporter
	r := none.Begin(kept, true)
	r.Add(trace.SpanID{}, "x", time.Now(), 0, false)
	r.End("x", trace.Server, time.Now(), false)
	none.Close(t.Context())
	if r != nil || r.Context() != (trace.Context{}) {
		t.Error("without an exporter something is recorded")
	}
}

func TestASpanIsSentAgainWhereThatMayHelp(t *testing.T) {
	later := http.Header{"Retry-After": {"7"}}
	c := &collector{answers: []answer{{status: 503, header: later}, {err: io.ErrUnexpectedEOF}, {status: 429}}}
	counts := exporting(t, c, func(e *trace.Exporter) {
		one(e)
		time.Sleep(time.Minute)
	})
	if len(c.requests) != 4 || counts[trace.Exported] != 1 || counts[trace.Failed] != 0 {
		t.Errorf("%d requests, %v", len(c.requests), counts)
	}
	if wait := c.times[1].Sub(c.times[0]); wait < 7*time.Second {
		t.Errorf("sent again after %v, which is before the collector said", wait)
	}
	if wait := c.times[2].Sub(c.times[1]); wait < time.Second || wait > 3*time.Second {
		t.Errorf("sent again after %v", wait)
	}
}

func TestWhatACollectorRefusesIsNotSentAgain(t *testing.T) {
	c := &collector{answers: []answer{{status: 400}}}
	if counts := exporting(t, c, one); len(c.requests) != 1 || counts[trace.Refused] != 1 || counts[trace.Exported] != 0 {
		t.Errorf("%d requests, %v", len(c.requests), counts)
	}
	partly, err := proto.Marshal(&v1.ExportTraceServiceResponse{PartialSuccess: &v1.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "full"}})
	if err != nil {
		t.Fatal(err)
	}
	c = &collector{answers: []answer{{status: 200, body: partly}}}
	counts := exporting(t, c, func(e *trace.Exporter) { one(e); one(e) })
	if len(c.requests) != 1 || counts[trace.Refused] != 1 || counts[trace.Exported] != 1 {
		t.Errorf("partly: %d requests, %v", len(c.requests), counts)
	}
	c = &collector{answers: []answer{{status: 200, body: []byte("\x0a\xff\xff\xff\xff\xff\xff")}}}
	if counts := exporting(t, c, one); counts[trace.Exported] != 1 {
		t.Errorf("an answer that cannot be read: %v", counts)
	}
}

// An exporter neither waits for its collector nor fills the memory for it.
func TestACollectorThatIsAwayCostsSpansAndNothingElse(t *testing.T) {
	c := &collector{}
	for range 1000 {
		c.answers = append(c.answers, answer{status: 503})
	}
	const spans = 20_000
	counts := exporting(t, c, func(e *trace.Exporter) {
		began := time.Now()
		for range spans {
			one(e)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("requests waited %v", took)
		}
	})
	// 8192 wait, and one batch may be on its way.
	if dropped := counts[trace.Dropped]; dropped < spans-8192-512 || dropped > spans-8192 {
		t.Errorf("%d were dropped", dropped)
	}
	if sum := counts[trace.Dropped] + counts[trace.Failed]; sum != spans {
		t.Errorf("of %d spans %d are accounted for: %v", spans, sum, counts)
	}
}

func TestSpansAreSentInBatches(t *testing.T) {
	c := &collector{}
	exporting(t, c, func(e *trace.Exporter) {
		for range 1300 {
			one(e)
		}
		synctest.Wait()
		if n := len(c.spans()); n < 512 {
			t.Errorf("%d are sent at once, of 1300", n)
		}
		one(e)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if n := len(c.spans()); n != 1301 {
			t.Errorf("%d are sent after a period", n)
		}
	})
	for _, r := range c.requests {
		if n := len(r.ResourceSpans[0].ScopeSpans[0].Spans); n > 512 {
			t.Errorf("a request has %d", n)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for given, want := range map[string]string{
		"http://c:4318":               "http://c:4318/v1/traces",
		"https://c/":                  "https://c/v1/traces",
		"https://c:1/otlp/v1/traces":  "https://c:1/otlp/v1/traces",
		"c:4318":                      "",
		"grpc://c:4317":               "",
		"http://":                     "",
		"http://u:p@c":                "",
		"http://c?x=1":                "",
		"http://c/v1/traces#fragment": "",
		"%":                           "",
	} {
		got, err := trace.Endpoint(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}
