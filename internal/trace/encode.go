package trace

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of fields in OTLP's messages (opentelemetry-proto, collector/trace/v1, trace/v1, common/v1).
const (
	requestResourceSpans = 1

	resourceSpansResource = 1
	resourceSpansScope    = 2
	resourceAttributes    = 1
	scopeSpansScope       = 1
	scopeSpansSpans       = 2
	scopeName             = 1
	scopeVersion          = 2

	spanTrace      = 1
	spanID         = 2
	spanParent     = 4
	spanName       = 5
	spanKind       = 6
	spanBegin      = 7
	spanEnd        = 8
	spanAttributes = 9
	spanStatus     = 15
	spanFlags      = 16
	statusCode     = 3

	keyValueKey   = 1
	keyValueValue = 2
	valueString   = 1
	valueBool     = 2
	valueInt      = 3
	valueDouble   = 4

	responsePartial = 1
	partialRejected = 1
)

const (
	statusError = 2
	flagSampled = 1
)

// encode is an ExportTraceServiceRequest with the spans of one resource and one scope.
func encode(resource []Attribute, scope, version string, spans []Span) []byte {
	var scoped []byte
	scoped = message(scoped, scopeSpansScope, text(text(nil, scopeName, scope), scopeVersion, version))
	for i := range spans {
		scoped = message(scoped, scopeSpansSpans, encodeSpan(&spans[i]))
	}
	var all []byte
	all = message(all, resourceSpansResource, encodeAttributes(nil, resourceAttributes, resource))
	all = message(all, resourceSpansScope, scoped)
	return message(nil, requestResourceSpans, all)
}

func encodeSpan(s *Span) []byte {
	b := message(nil, spanTrace, s.Trace[:])
	b = message(b, spanID, s.Span[:])
	if s.Parent != (SpanID{}) {
		b = message(b, spanParent, s.Parent[:])
	}
	b = text(b, spanName, s.Name)
	b = number(b, spanKind, uint64(s.Kind))
	b = fixed(b, spanBegin, uint64(s.Begin.UnixNano()))
	b = fixed(b, spanEnd, uint64(s.End.UnixNano()))
	b = encodeAttributes(b, spanAttributes, s.Attributes)
	if s.Failed {
		b = message(b, spanStatus, number(nil, statusCode, statusError))
	}
	b = protowire.AppendTag(b, spanFlags, protowire.Fixed32Type)
	return protowire.AppendFixed32(b, flagSampled)
}

func encodeAttributes(b []byte, field protowire.Number, attributes []Attribute) []byte {
	for _, a := range attributes {
		var value []byte
		switch v := a.Value.(type) {
		case string:
			value = text(nil, valueString, v)
		case bool:
			value = number(nil, valueBool, protowire.EncodeBool(v))
		case int64:
			value = number(nil, valueInt, uint64(v))
		case float64:
			value = fixed(nil, valueDouble, math.Float64bits(v))
		default:
			panic("trace: an attribute that is neither string, bool, int64 nor float64")
		}
		b = message(b, field, message(text(nil, keyValueKey, a.Key), keyValueValue, value))
	}
	return b
}

func message(b []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func number(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func fixed(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), v)
}

// rejected is how many spans an ExportTraceServiceResponse says that the collector did not take, never more than sent. What
// cannot be read says nothing.
func rejected(response []byte, sent int) int {
	partial, ok := field(response, responsePartial, protowire.BytesType)
	if !ok {
		return 0
	}
	content, n := protowire.ConsumeBytes(partial)
	if n < 0 {
		return 0
	}
	value, ok := field(content, partialRejected, protowire.VarintType)
	if !ok {
		return 0
	}
	count, n := protowire.ConsumeVarint(value)
	if n < 0 {
		return 0
	}
	return int(min(count, uint64(sent)))
}

// field is what follows the tag of the first field with a number and a type.
func field(b []byte, want protowire.Number, of protowire.Type) ([]byte, bool) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		if num == want && typ == of {
			return b, true
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return nil, false
		}
		b = b[n:]
	}
	return nil, false
}
