package api

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/trace"
)

// trace takes a request into the trace that its caller is in, if it is in one.
func (s *Server) trace(x *exchange, traceparent []string) {
	var known bool
	x.parent, known = trace.Parse(traceparent)
	x.spans = s.config.Traces.Begin(x.parent, known)
}

// traceAttrs are what finds the request's trace from its line in the log: also where the trace is kept elsewhere only.
func (x *exchange) traceAttrs() []slog.Attr {
	at := x.parent
	if x.spans != nil {
		at = x.spans.Context()
	}
	if at.Trace == (trace.TraceID{}) {
		return nil
	}
	return []slog.Attr{slog.String("trace_id", at.Trace.String()), slog.String("span_id", at.Span.String())}
}

// received records how long the request took to arrive.
func (x *exchange) received(read time.Time) {
	if x.spans != nil {
		x.spans.Add(trace.SpanID{}, "receive", x.began, read.Sub(x.began), false)
	}
}

// answered records what was done for pictures.
func (x *exchange) answered(read time.Time, m *pipeline.Entry, outcomes []outcome) {
	if x.spans == nil {
		return
	}
	for i := range outcomes {
		x.answeredOne(read, m, &outcomes[i])
	}
}

// answeredOne records what was done for a picture, one stage after the other. A span says nothing of what the picture shows.
func (x *exchange) answeredOne(read time.Time, m *pipeline.Entry, o *outcome) {
	p := o.prediction
	attributes := []trace.Attribute{
		{Key: "spikeray.model.name", Value: m.Name()},
		{Key: "spikeray.model.version", Value: m.Description().Version},
		{Key: "spikeray.backend", Value: m.Backend()},
	}
	if p.Spikes != nil {
		attributes = append(attributes,
			trace.Attribute{Key: "spikeray.steps", Value: int64(p.Steps)},
			trace.Attribute{Key: "spikeray.spikes", Value: int64(p.Spikes.Total)},
			trace.Attribute{Key: "spikeray.synaptic_operations", Value: int64(p.Spikes.SynapticOperations)})
	}
	if p.Degraded != "" {
		attributes = append(attributes, trace.Attribute{Key: "spikeray.degraded", Value: p.Degraded})
	}
	if o.err != nil {
		k, _ := problemOf(o.err)
		attributes = append(attributes, trace.Attribute{Key: "error.type", Value: k.name})
	}
	picture := x.spans.Add(trace.SpanID{}, "picture", read, o.total, o.err != nil, attributes...)
	at := read
	for _, stage := range []struct {
		name string
		took time.Duration
	}{
		{"queue", o.waited}, {"decode", p.Timing.Decode}, {"prepare", p.Timing.Prepare}, {"infer", p.Timing.Infer}, {"explain", o.explained},
	} {
		if stage.took > 0 {
			x.spans.Add(picture, stage.name, at, stage.took, false)
			at = at.Add(stage.took)
		}
	}
}

// traced ends the spans of a request over HTTP (OpenTelemetry semantic conventions, HTTP server spans).
func (x *exchange) traced(route, method string, status int) {
	if x.spans == nil {
		return
	}
	attributes := []trace.Attribute{
		{Key: "http.request.method", Value: method},
		{Key: "http.response.status_code", Value: int64(status)},
		{Key: "spikeray.request_id", Value: x.id},
	}
	name := method
	if route != routeUnmatched {
		name += " " + route
		attributes = append(attributes, trace.Attribute{Key: "http.route", Value: route})
	}
	failed := status >= http.StatusInternalServerError
	if failed && x.problem != "" {
		attributes = append(attributes, trace.Attribute{Key: "error.type", Value: x.problem})
	}
	x.spans.End(name, trace.Server, x.began, failed, attributes...)
}

// filmExchange is the exchange of a film that did not come over HTTP. The returned function ends it.
func (s *Server) filmExchange(remote string) (x *exchange, end func(error)) {
	x = &exchange{id: rand.Text(), via: viaDIMSE, began: time.Now(), spans: s.config.Traces.Begin(trace.Context{}, false)}
	if remote == "" {
		x.via = viaWatch
	}
	return x, func(err error) {
		if x.spans == nil {
			return
		}
		attributes := []trace.Attribute{{Key: "spikeray.request_id", Value: x.id}}
		if err != nil {
			k, _ := problemOf(err)
			attributes = append(attributes, trace.Attribute{Key: "error.type", Value: k.name})
		}
		x.spans.End(x.via, trace.Server, x.began, err != nil, attributes...)
	}
}
