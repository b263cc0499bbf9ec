package trace

import "time"

// Kind is what a span stands for.
type Kind int32

// The kinds of spans that are made here, with OTLP's numbers.
const (
	Internal Kind = 1
	Server   Kind = 2
)

// Attribute is a key with a value, which is a string, an int64, a float64 or a bool.
type Attribute struct {
	Key   string
	Value any
}

// Span is a piece of work that has ended.
type Span struct {
	Context
	Parent     SpanID // zero for a trace's first
	Name       string
	Kind       Kind
	Begin, End time.Time
	Attributes []Attribute
	Failed     bool
}

// Recording collects the spans of one request. A nil one collects nothing. It belongs to one goroutine.
type Recording struct {
	exporter *Exporter
	root     Span
	spans    []Span
}

// Begin begins a request's recording, or is nil where nothing is to be recorded: without an exporter, where the caller has a
// trace that it does not keep, and by chance where it has none. known tells whether parent is the caller's.
func (e *Exporter) Begin(parent Context, known bool) *Recording {
	if e == nil || known && !parent.Sampled || !known && !e.chosen() {
		return nil
	}
	r := &Recording{exporter: e, root: Span{Context: Context{Trace: parent.Trace, Span: newSpanID(), Sampled: true}, Parent: parent.Span}}
	if !known {
		r.root.Trace, r.root.Parent = newTraceID(), SpanID{}
	}
	return r
}

// Context is the request's own span.
func (r *Recording) Context() Context {
	if r == nil {
		return Context{}
	}
	return r.root.Context
}

// Add records a piece of the request, below the span parent; below the request's own for the zero SpanID. It returns the new
// span's name.
func (r *Recording) Add(parent SpanID, name string, begin time.Time, took time.Duration, failed bool, attributes ...Attribute) SpanID {
	if r == nil {
		return SpanID{}
	}
	if parent == (SpanID{}) {
		parent = r.root.Span
	}
	s := Span{
		Context: Context{Trace: r.root.Trace, Span: newSpanID(), Sampled: true},
		Parent:  parent, Name: name, Kind: Internal, Begin: begin, End: begin.Add(took), Attributes: attributes, Failed: failed,
	}
	r.spans = append(r.spans, s)
	return s.Span
}

// End ends the request and has its spans sent. Call it once. Its end is the beginning and the time that has passed since, so that
// a clock that is set meanwhile makes it neither long nor negative, and its pieces lie within it.
func (r *Recording) End(name string, kind Kind, begin time.Time, failed bool, attributes ...Attribute) {
	if r == nil {
		return
	}
	r.root.Name, r.root.Kind, r.root.Begin, r.root.End = name, kind, begin, begin.Add(time.Since(begin))
	r.root.Failed, r.root.Attributes = failed, attributes
	r.exporter.take(append(r.spans, r.root))
}
