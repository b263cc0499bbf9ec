package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

const inner = "GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"

var whole = []string{
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	"\r\nGET / HTTP/1.0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: x\r\ncontent-length:0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tCHUNKED \r\n\r\n5\r\nhello\r\n0A;a=\"b\"\r\n0123456789\r\n00\r\nA: b\r\nC: d\r\n\r\n",
}

// However its bytes come, a request ends where it ends.
func TestARequestEndsWhereItEnds(t *testing.T) {
	for _, request := range whole {
		for cut := range len(request) + 1 {
			f := frame{maxHead: 1 << 10}
			used, err := f.feed([]byte(request[:cut]))
			if err != nil || used != cut {
				t.Fatalf("%q: %d bytes used, %v", request[:cut], used, err)
			}
			if (f.phase == done) != (cut == len(request)) {
				t.Fatalf("%q: done is %t", request[:cut], f.phase == done)
			}
			used, err = f.feed([]byte(request[cut:] + inner))
			if err != nil || cut+used != len(request) || f.phase != done {
				t.Fatalf("%q then the rest: %d of %d bytes, %v", request[:cut], cut+used, len(request), err)
			}
		}
	}
}

// What a frame does not understand it gives no byte of that a parser could take for the end of a line.
func TestAfterAnErrorNothingIsUsed(t *testing.T) {
	for _, c := range []struct {
		request string
		status  int
	}{
		{"GET / HTTP/1.1\n", 400},
		{"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n A: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\x00\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/3\r\n\r\n", 505},
		{"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 2000), 431},
		{strings.Repeat("\r\n", 3), 400},
		{"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: 0x5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", 501},
		// Each of these ends elsewhere for a proxy that goes by the other.
		{"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx0\r\n\r\n", 400},
	} {
		f := frame{maxHead: 1 << 10}
		used, err := f.feed([]byte(c.request + inner))
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Status != c.status {
			t.Errorf("%q: %v", c.request, err)
		}
		if used >= len(c.request) {
			t.Errorf("%q: %d bytes used", c.request, used)
		}
		if n, again := f.feed([]byte(inner)); n != 0 || !errors.Is(again, err) {
			t.Errorf("%q: then %d bytes and %v", c.request, n, again)
		}
	}
}

// Where a frame finds a request's end, so does net/http, however the bytes come.
func FuzzFrameAgreesWithNetHTTP(f *testing.F) {
	for _, request := range whole {
		f.Add([]byte(request+inner), 7)
	}
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = max(0, min(cut, len(data)))
		fr := frame{maxHead: 16 << 10}
		used, err := fr.feed(data[:cut])
		if err == nil && used == cut {
			var more int
			more, err = fr.feed(data[cut:])
			used += more
		}
		if err != nil || fr.phase != done {
			return // refused, or not whole yet
		}
		rest := bytes.NewReader(data[:used])
		buffered := bufio.NewReaderSize(rest, 4096) // net/http's size, which bounds trailers
		for {                                       // as net/http's server does after a POST
			if next, _ := buffered.Peek(1); len(next) != 1 || next[0] != '\r' && next[0] != '\n' {
				break
			}
			_, _ = buffered.Discard(1)
		}
		request, err := http.ReadRequest(buffered)
		if err != nil {
			return // net/http refuses more
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			if !strings.Contains(err.Error(), "unexpected EOF") {
				return // net/http refuses more, of trailers
			}
			t.Fatalf("%q ends for us, and for net/http does not: %v", data[:used], err)
		}
		if left, _ := io.ReadAll(buffered); len(left) != 0 {
			t.Fatalf("%q ends for net/http %d bytes earlier", data[:used], len(left))
		}
	})
}
