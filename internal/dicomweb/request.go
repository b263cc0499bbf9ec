package dicomweb

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of a request that cannot be read.
var (
	// ErrMediaType is wrapped where the media type is none of those that are taken: 415.
	ErrMediaType = errors.New("unsupported media type")
	// ErrMalformed is wrapped where the header is malformed: 400.
	ErrMalformed = errors.New("malformed header")
)

// Boundary is the boundary of a request's parts, by its Content-Type, which must be multipart/related of application/dicom.
// Values with characters that ought to be quoted are taken as they are, because there are clients that send them so.
func Boundary(contentType string) (string, error) {
	media, parameters, err := parameters(contentType)
	if err != nil {
		return "", err
	}
	if media != related {
		return "", fmt.Errorf("%w: must be multipart/related; type=%q", ErrMediaType, MediaType)
	}
	if t, ok := parameters["type"]; ok && !IsMediaType(t) {
		return "", fmt.Errorf("%w: multipart/related must be of type %q", ErrMediaType, MediaType)
	}
	boundary := parameters["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return "", fmt.Errorf("%w: multipart/related must have a boundary of 1 to %d characters", ErrMalformed, maxBoundary)
	}
	return boundary, nil
}

// maxBoundary bounds a boundary. RFC 2046, 5.1.1 allows 70 characters; Orthanc sends 73.
const maxBoundary = 200

// IsMediaType tells whether a Content-Type, of a part or in a parameter, is that of DICOM files, in whatever transfer syntax.
func IsMediaType(contentType string) bool {
	media, _, err := parameters(contentType)
	return err == nil && media == MediaType
}

// parameters takes a header field such as Content-Type apart. Names are in lower case.
func parameters(field string) (media string, all map[string]string, err error) {
	first, rest, _ := strings.Cut(field, ";")
	media = strings.ToLower(strings.TrimSpace(first))
	all = map[string]string{}
	for rest = strings.TrimSpace(rest); rest != ""; rest = strings.TrimSpace(rest) {
		name, after, ok := strings.Cut(rest, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || strings.ContainsAny(name, `;" `) {
			return "", nil, fmt.Errorf("%w: a parameter of the media type must be name=value", ErrMalformed)
		}
		var value string
		if after = strings.TrimLeft(after, " \t"); strings.HasPrefix(after, `"`) {
			if value, rest, ok = unquote(after[1:]); !ok {
				return "", nil, fmt.Errorf("%w: a quoted parameter has no end", ErrMalformed)
			}
		} else {
			value, rest, _ = strings.Cut(after, ";")
			rest = ";" + rest
			value = strings.TrimSpace(value)
		}
		if rest = strings.TrimSpace(rest); rest != "" && rest[0] != ';' {
			return "", nil, fmt.Errorf("%w: parameters must be separated by semicolons", ErrMalformed)
		}
		rest = strings.TrimPrefix(rest, ";")
		if _, twice := all[name]; twice {
			return "", nil, fmt.Errorf("%w: a parameter of the media type is there twice", ErrMalformed)
		}
		all[name] = value
	}
	return media, all, nil
}

// unquote reads a quoted string (RFC 9110, 5.6.4) whose first quote has been read.
func unquote(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// TakesJSON tells whether an Accept lets the answer be DICOM JSON: anything may be, unless it names other types only.
func TakesJSON(accept []string) bool {
	named := false
	for _, list := range accept {
		for _, one := range strings.Split(list, ",") {
			media, all, err := parameters(one)
			if media == "" {
				continue
			}
			named = true
			if q := all["q"]; err != nil || q == "0" || strings.Trim(q, "0") == "." {
				continue
			}
			switch media {
			case "*/*", "application/*", JSON, "application/json":
				return true
			}
		}
	}
	return !named
}
