package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// A Refusal says why a request cannot be read.
type Refusal struct {
	// Status is 400, 431, 501 or 505.
	Status int
	// Detail is for the client. It has nothing of what the client sent.
	Detail string
}

func (r *Refusal) Error() string { return fmt.Sprintf("status %d: %s", r.Status, r.Detail) }

func malformed(detail string) error { return &Refusal{400, detail} }

const (
	maxChunkLine = 256     // a chunk's length and its extensions
	maxTrailers  = 2 << 10 // net/http takes 4 KiB
	maxBlank     = 4       // line ends in front of a request, that old clients send
)

// phase is the part of a request that a frame reads.
type phase int

const (
	start phase = iota
	requestLine
	fields
	body // so many bytes
	chunkLine
	chunkData
	chunkEnd
	trailers
	done
)

// frame finds where a request ends (RFC 9112), and refuses one whose end a proxy might see elsewhere. The zero value,
// with maxHead set, is at a request's start.
type frame struct {
	maxHead int // bytes of the request line and the fields

	phase phase
	line  []byte // what came of the line so far
	head  int    // bytes of the head or of the trailers so far
	left  int64  // bytes to come of the body or the chunk
	err   error  // sticky

	http10  bool
	length  int64 // of Content-Length; -1 without
	chunked bool
}

// reset goes to the start of the next request.
func (f *frame) reset() {
	line := f.line[:0]
	if cap(line) > 1<<10 { // an idle connection keeps no long line
		line = nil
	}
	*f = frame{maxHead: f.maxHead, line: line}
}

// inHead tells whether the request's head has not been read to its end.
func (f *frame) inHead() bool { return f.phase <= fields }

// feed reads data and tells how much of it belongs to the request; what follows belongs to the next one. After an error
// only what came in front of it may be used.
func (f *frame) feed(data []byte) (used int, err error) {
	for used < len(data) && f.phase != done && f.err == nil {
		rest := data[used:]
		switch f.phase {
		case start:
			if rest[0] != '\r' && rest[0] != '\n' {
				f.phase, f.head, f.length = requestLine, 0, -1
				continue
			}
			if f.head++; f.head > maxBlank {
				f.err = malformed("there are empty lines where a request should be")
				break
			}
			used++
		case body, chunkData:
			n := min(int64(len(rest)), f.left)
			used += int(n)
			if f.left -= n; f.left == 0 {
				if f.phase == body {
					f.phase = done
				} else {
					f.phase = chunkEnd
				}
			}
		default:
			n := bytes.IndexByte(rest, '\n') + 1
			whole := n > 0
			if !whole {
				n = len(rest)
			}
			if f.err = f.take(rest[:n]); f.err == nil && whole {
				f.err = f.endLine()
			}
			if f.err == nil {
				used += n
			}
		}
	}
	return used, f.err
}

// take adds to the line, within the bound of its phase.
func (f *frame) take(part []byte) error {
	f.head += len(part)
	switch f.phase {
	case requestLine, fields:
		if f.head > f.maxHead {
			return &Refusal{431, fmt.Sprintf("the request line and the header fields are longer than %d bytes", f.maxHead)}
		}
	case trailers:
		if f.head > maxTrailers {
			return malformed(fmt.Sprintf("the trailers are longer than %d bytes", maxTrailers))
		}
	default:
		if len(f.line)+len(part) > maxChunkLine {
			return malformed(fmt.Sprintf("the line with a chunk's length is longer than %d bytes", maxChunkLine))
		}
	}
	f.line = append(f.line, part...)
	return nil
}

// endLine reads the line that has come whole.
func (f *frame) endLine() error {
	line, found := bytes.CutSuffix(f.line, []byte("\r\n"))
	if !found {
		return malformed("a line does not end with CR LF")
	}
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return malformed("a line contains a CR or a NUL")
	}
	f.line = f.line[:0]
	switch f.phase {
	case requestLine:
		return f.readRequestLine(line)
	case fields:
		if len(line) == 0 {
			return f.endHead()
		}
		return f.readField(line)
	case chunkLine:
		return f.readChunkLine(line)
	case chunkEnd:
		if len(line) != 0 {
			return malformed("a chunk is longer than its stated length")
		}
		f.phase = chunkLine
	case trailers:
		if len(line) == 0 {
			f.phase = done
			return nil
		}
		_, _, err := splitField(line)
		return err
	}
	return nil
}

func (f *frame) readRequestLine(line []byte) error {
	words := strings.Split(string(line), " ")
	if len(words) != 3 || words[0] == "" || words[1] == "" {
		return malformed("the request line is not a method, a target and a version")
	}
	switch version := words[2]; {
	case version == "HTTP/1.1":
	case version == "HTTP/1.0":
		f.http10 = true
	case strings.HasPrefix(version, "HTTP/"):
		return &Refusal{505, "only HTTP/1.1 and HTTP/1.0 are supported"}
	default:
		return malformed("the request line has no HTTP version")
	}
	f.phase = fields
	return nil
}

// splitField is a field's name and its value.
func splitField(line []byte) (name, value string, err error) {
	if line[0] == ' ' || line[0] == '\t' {
		return "", "", malformed("a header field continues on a second line")
	}
	before, after, found := bytes.Cut(line, []byte(":"))
	if !found || len(before) == 0 {
		return "", "", malformed("a header field has no name or no colon")
	}
	if bytes.ContainsAny(before, " \t") {
		return "", "", malformed("a header field has a space in its name")
	}
	return string(before), string(bytes.Trim(after, " \t")), nil
}

func (f *frame) readField(line []byte) error {
	name, value, err := splitField(line)
	if err != nil {
		return err
	}
	switch {
	case strings.EqualFold(name, "Content-Length"):
		if f.length >= 0 {
			return malformed("Content-Length is given more than once")
		}
		var ok bool
		if f.length, ok = parseNumber(value, 10, 18); !ok {
			return malformed("Content-Length is not a number of bytes")
		}
	case strings.EqualFold(name, "Transfer-Encoding"):
		if f.chunked {
			return malformed("Transfer-Encoding is given more than once")
		}
		if !strings.EqualFold(value, "chunked") {
			return &Refusal{501, "the only supported Transfer-Encoding is chunked"}
		}
		f.chunked = true
	}
	return nil
}

// endHead tells how the body is delimited.
func (f *frame) endHead() error {
	switch {
	case f.chunked && f.length >= 0:
		return malformed("Content-Length and Transfer-Encoding are given together")
	case f.chunked && f.http10:
		return malformed("HTTP/1.0 does not allow Transfer-Encoding")
	case f.chunked:
		f.phase = chunkLine
	case f.length > 0:
		f.phase, f.left = body, f.length
	default:
		f.phase = done
	}
	return nil
}

func (f *frame) readChunkLine(line []byte) error {
	digits, _, _ := bytes.Cut(line, []byte(";"))
	length, ok := parseNumber(string(bytes.TrimRight(digits, " \t")), 16, 15)
	switch {
	case !ok:
		return malformed("a chunk's length is not a hexadecimal number")
	case length == 0:
		f.phase, f.head = trailers, 0
	default:
		f.phase, f.left = chunkData, length
	}
	return nil
}

// parseNumber reads 1 to most digits and nothing else.
func parseNumber(s string, base int64, most int) (n int64, ok bool) {
	if s == "" || len(s) > most {
		return 0, false
	}
	for _, c := range []byte(s) {
		digit := int64(99)
		switch {
		case c >= '0' && c <= '9':
			digit = int64(c - '0')
		case c >= 'a' && c <= 'f':
			digit = int64(c-'a') + 10
		case c >= 'A' && c <= 'F':
			digit = int64(c-'A') + 10
		}
		if digit >= base {
			return 0, false
		}
		n = n*base + digit
	}
	return n, true
}
