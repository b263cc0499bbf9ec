// Package trace makes OpenTelemetry spans of answered requests, and sends them to a collector by OTLP over HTTP.
package trace

import (
	"crypto/rand"
	"encoding/hex"
)

// TraceID names a trace. The zero value names none.
type TraceID [16]byte

// SpanID names a span of a trace. The zero value names none.
type SpanID [8]byte

func (id TraceID) String() string { return hex.EncodeToString(id[:]) }
func (id SpanID) String() string  { return hex.EncodeToString(id[:]) }

// Context says to which trace a span belongs, and whether somebody keeps it.
type Context struct {
	Trace   TraceID
	Span    SpanID
	Sampled bool
}

// The lengths of a traceparent header of version 00, and where its fields are (W3C Trace Context, 3.2.2).
const (
	parentLength = 55
	traceAt      = 3
	spanAt       = 36
	flagsAt      = 53
)

// Parse reads the values of the header traceparent (W3C Trace Context, 3.2). It is false, and the zero context, for none, for
// more than one, and for one that is not well formed: a new trace begins then.
func Parse(values []string) (Context, bool) {
	if len(values) != 1 {
		return Context{}, false
	}
	v := values[0]
	version, ok := lowerHex(v, 0, 1)
	switch {
	case !ok || version[0] == 0xff || len(v) < parentLength || v[2] != '-' || v[spanAt-1] != '-' || v[flagsAt-1] != '-':
		return Context{}, false
	case len(v) > parentLength && (version[0] == 0 || v[parentLength] != '-'):
		return Context{}, false // later versions may add fields, behind a dash
	}
	var c Context
	trace, ok1 := lowerHex(v, traceAt, len(c.Trace))
	span, ok2 := lowerHex(v, spanAt, len(c.Span))
	flags, ok3 := lowerHex(v, flagsAt, 1)
	if !ok1 || !ok2 || !ok3 {
		return Context{}, false
	}
	copy(c.Trace[:], trace)
	copy(c.Span[:], span)
	if c.Trace == (TraceID{}) || c.Span == (SpanID{}) {
		return Context{}, false
	}
	c.Sampled = flags[0]&1 != 0
	return c, true
}

// lowerHex are the n bytes that stand at a place in s in hexadecimal. Capitals are not allowed there.
func lowerHex(s string, at, n int) ([]byte, bool) {
	if len(s) < at+2*n {
		return nil, false
	}
	for _, c := range []byte(s[at : at+2*n]) {
		if 'A' <= c && c <= 'F' {
			return nil, false
		}
	}
	b, err := hex.DecodeString(s[at : at+2*n])
	return b, err == nil
}

func newTraceID() (id TraceID) {
	_, _ = rand.Read(id[:]) // never fails: crypto/rand
	return id
}

func newSpanID() (id SpanID) {
	_, _ = rand.Read(id[:])
	return id
}
