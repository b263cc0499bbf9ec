package api

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/internal/trace"
)

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// traced starts a service whose spans are collected. What is returned ends the sending, and has them by name.
func traced(t *testing.T) (*service, func() map[string][]*tracepb.Span) {
	var mu sync.Mutex
	all := map[string][]*tracepb.Span{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var got v1.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, s := range got.ResourceSpans[0].ScopeSpans[0].Spans {
			all[s.Name] = append(all[s.Name], s)
		}
	}))
	t.Cleanup(collector.Close)
	e := trace.New(trace.Config{Endpoint: collector.URL, Client: collector.Client(), Sample: 0, Count: func(trace.Outcome, int) {}})
	s := start(t, func(c *Config) { c.Traces = e })
	return s, func() map[string][]*tracepb.Span {
		s.stop()
		<-s.stopped
		e.Close(t.Context())
		return all
	}
}

func attributes(s *tracepb.Span) map[string]any {
	out := map[string]any{}
	for _, a := range s.Attributes {
		out[a.Key] = a.Value.GetStringValue()
		if n := a.Value.GetIntValue(); n != 0 {
			out[a.Key] = n
		}
	}
	return out
}

func TestARequestIsSeenInItsCallersTrace(t *testing.T) {
	s, spans := traced(t)
	picture := testmodel.PNG(64, 64, 1)
	body, contentType := form(t, "image", picture, append(bytes.Clone(picture[:60]), "Jane Doe"...))
	r := request(t, http.MethodPost, s.url+"/v1/predictions?model=tiny-steps", bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Traceparent", traceparent)
	r.Header.Set("X-Request-Id", "one")
	began := time.Now()
	if a := s.do(r); a.status != http.StatusOK {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	took := time.Since(began)
	s.post("", picture) // has no trace, and none is begun: the share is 0
	other := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(picture))
	other.Header.Set("Traceparent", strings.TrimSuffix(traceparent, "1")+"0") // its caller does not keep it
	s.do(other)
	all := spans()

	root := all["POST /v1/predictions"]
	if len(root) != 1 || len(all["picture"]) != 2 || len(all["receive"]) != 1 || len(all["infer"]) != 1 {
		t.Fatalf("%v", all)
	}
	if a := attributes(root[0]); a["http.route"] != "/v1/predictions" || a["http.request.method"] != "POST" ||
		a["http.response.status_code"] != int64(200) || a["spikeray.request_id"] != "one" {
		t.Errorf("the request has %v", a)
	}
	parents := map[string]string{}
	for name, list := range all {
		for _, x := range list {
			parents[string(x.SpanId)] = name
			if got := (trace.TraceID)(x.TraceId).String(); got != traceparent[3:35] {
				t.Errorf("%s is in the trace %s", name, got)
			}
			if x.StartTimeUnixNano < uint64(began.UnixNano()) || x.EndTimeUnixNano > uint64(began.Add(took+time.Second).UnixNano()) || x.EndTimeUnixNano < x.StartTimeUnixNano {
				t.Errorf("%s runs from %d to %d", name, x.StartTimeUnixNano, x.EndTimeUnixNano)
			}
		}
	}
	for name, list := range all {
		want := map[string]string{"POST /v1/predictions": "", "receive": "POST /v1/predictions", "picture": "POST /v1/predictions"}
		parent, outer := want[name]
		if !outer {
			parent = "picture"
		}
		for _, x := range list {
			if got := parents[string(x.ParentSpanId)]; got != parent {
				t.Errorf("%s lies in %q, expected %q", name, got, parent)
			}
		}
	}
	if got := (trace.SpanID)(root[0].ParentSpanId).String(); got != traceparent[36:52] {
		t.Errorf("the request lies in %s", got)
	}
	good, bad := attributes(all["picture"][0]), attributes(all["picture"][1])
	if bad["error.type"] == nil {
		good, bad = bad, good
	}
	if good["spikeray.model.name"] != "tiny-steps" || good["spikeray.steps"] != int64(8) || good["spikeray.spikes"] == nil || bad["error.type"] != "not-a-picture" {
		t.Errorf("the pictures have %v and %v", good, bad)
	}
	if _, told := good["probability"]; told {
		t.Error("a span tells the answer")
	}
	logs := s.logs.String()
	if n := strings.Count(logs, `"trace_id":"`+traceparent[3:35]+`"`); n != 2 {
		t.Errorf("%d lines of the log name the trace, expected 2:\n%s", n, logs)
	}
	if !strings.Contains(logs, `"span_id":"`+(trace.SpanID)(root[0].SpanId).String()+`"`) {
		t.Errorf("no line of the log names the span:\n%s", logs)
	}
}

func TestATracesCallerIsLoggedWithoutACollector(t *testing.T) {
	s := start(t, nil)
	r := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(testmodel.PNG(64, 64, 1)))
	r.Header.Set("Traceparent", traceparent)
	s.do(r)
	s.stop()
	<-s.stopped
	if want := `"trace_id":"` + traceparent[3:35] + `","span_id":"` + traceparent[36:52] + `"`; !strings.Contains(s.logs.String(), want) {
		t.Errorf("the log does not have %s:\n%s", want, s.logs)
	}
}
