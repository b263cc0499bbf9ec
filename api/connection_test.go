package api

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// A client that sends all it has before it listens is answered.
func TestWhoListensOnlyAfterSendingIsAnswered(t *testing.T) { bothWays(t, whoListensOnlyAfterSending) }

func whoListensOnlyAfterSending(t *testing.T, start starter) {
	const length = 24 << 20 // far more than sockets hold
	for name, c := range map[string]struct {
		path, header string
		status       int
	}{
		"announced":        {"/v1/predictions", fmt.Sprintf("Content-Length: %d", length), 413},
		"not announced":    {"/v1/predictions", "Transfer-Encoding: chunked", 413},
		"of another kind":  {"/v1/predictions", fmt.Sprintf("Content-Type: text/plain\r\nContent-Length: %d", length), 415},
		"no such model":    {"/v1/predictions?model=none", fmt.Sprintf("Content-Length: %d", length), 404},
		"no such resource": {"/v1/none", fmt.Sprintf("Content-Length: %d", length), 404},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(c *Config) { c.MaxImageBytes = 64 << 10 })
			connection := dial(t, s)
			head, body, end := "", bytes.NewReader(make([]byte, length)), ""
			if strings.HasSuffix(c.header, "chunked") {
				head, end = fmt.Sprintf("%x\r\n", length), "\r\n0\r\n\r\n"
			}
			all := io.MultiReader(strings.NewReader("POST "+c.path+" HTTP/1.1\r\nHost: x\r\n"+c.header+"\r\n\r\n"+head), body, strings.NewReader(end))
			if _, err := io.Copy(connection, all); err != nil {
				t.Fatal(err)
			}
			if a := readAnswer(t, connection, http.MethodPost, strings.Split(c.path, "?")[0]); a.status != c.status {
				t.Errorf("%d %s", a.status, a.body)
			}
			if _, err := connection.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the connection is still open: %v", err)
			}
		})
	}
}

// Whoever announces much and sends nothing is answered at once, and not waited for long.
func TestTheRestOfABodyIsNotWaitedForLong(t *testing.T) { bothWays(t, theRestOfABody) }

func theRestOfABody(t *testing.T, start starter) {
	s := start(t, func(c *Config) { c.ReadTimeout = 300 * time.Millisecond })
	connection := dial(t, s)
	fmt.Fprint(connection, "POST /v1/predictions?model=none HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := connection.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection is still open: %v", err)
	}
}

// One that asks first is told no before it sends.
func TestWhoAsksBeforeSendingIsNotWaitedFor(t *testing.T) { bothWays(t, whoAsksBeforeSending) }

func whoAsksBeforeSending(t *testing.T, start starter) {
	s := start(t, nil)
	connection := dial(t, s)
	fmt.Fprint(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000000\r\n\r\n")
	begin := time.Now()
	if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 413 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := connection.Read(make([]byte, 1)); err != io.EOF || time.Since(begin) > lingerTime/2 {
		t.Errorf("the connection is open %v after: %v", time.Since(begin), err)
	}
}

var anAnswer = regexp.MustCompile(`HTTP/1\.1 [2-9]`)

const inner = "GET /healthz HTTP/1.1\r\nHost: inner\r\nX-Request-Id: INNER\r\n\r\n"

// Where a request is refused, broken or not read to its end there is one answer, and nothing else on the connection is
// taken for a request.
func TestNothingOfARefusedBodyIsARequest(t *testing.T) { bothWays(t, nothingOfARefusedBodyIsARequest) }

func nothingOfARefusedBodyIsARequest(t *testing.T, start starter) {
	s := start(t, func(c *Config) { c.ReadTimeout = 500 * time.Millisecond })
	picture := string(testmodel.PNG(64, 64, 1))
	const post = "POST /v1/predictions HTTP/1.1\r\nHost: x\r\n"
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n", n) }
	for name, c := range map[string]struct {
		first  string
		pause  time.Duration
		rest   string
		status int
	}{
		"chunk length that is none":          {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 0, inner, 400},
		"the same, not read":                 {"POST /none HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, inner, 404},
		"the same, asked first":              {post + "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, inner, 400},
		"the same, in a form":                {post + "Content-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, inner, 400},
		"chunk length with a sign":           {post + "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n", 0, inner, 400},
		"chunk length with 0x":               {post + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n", 0, inner, 400},
		"chunk length of 17 digits":          {post + "Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n", 0, inner, 400},
		"chunk length ended by LF":           {post + "Transfer-Encoding: chunked\r\n\r\n0\n\r\n", 0, inner, 400},
		"chunk extension with LF":            {post + "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n50\r\n0\r\n\r\n", 0, inner, 400},
		"chunk extension of 10 kB":           {post + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 10_000) + "\r\n", 0, inner, 400},
		"chunk longer than it says":          {post + "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n", 0, inner, 400},
		"trailers without end":               {post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + strings.Repeat("x", 5000) + "\r\n", 0, inner, 400},
		"trailer that is no field":           {post + "Transfer-Encoding: chunked\r\n\r\n0\r\nA\r\n\r\n", 0, inner, 400},
		"length and chunks":                  {post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, inner, 400},
		"chunks and length":                  {post + "Transfer-Encoding: chunked\r\nContent-Length: 200\r\n\r\n0\r\n\r\n", 0, inner, 400},
		"chunks and length, GET":             {"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 0, inner, 400},
		"two lengths":                        {post + "Content-Length: 1\r\n" + length(70), 0, inner, 400},
		"two lengths, the same":              {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 0, inner, 400},
		"lengths in a list":                  {post + "Content-Length: 1, 1\r\n\r\nx", 0, inner, 400},
		"length with a sign":                 {post + "Content-Length: +1\r\n\r\nx", 0, inner, 400},
		"length of nothing":                  {post + "Content-Length:\r\n\r\n", 0, inner, 400},
		"chunks and another coding":          {post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, inner, 501},
		"chunks, twice":                      {post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, inner, 400},
		"chunks after a vertical tab":        {post + "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 0, inner, 501},
		"chunks of HTTP/1.0":                 {"POST /v1/predictions HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, inner, 400},
		"chunks in a folded line":            {post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 0, inner, 501},
		"a folded line":                      {"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", 0, inner, 400},
		"a field ended by LF":                {"POST /healthz HTTP/1.1\r\nHost: x\nContent-Length: 5\r\n\r\nhello", 0, inner, 400},
		"a head ended by LF":                 {"GET /healthz HTTP/1.1\nHost: x\n\n", 0, inner, 400},
		"a CR inside a field":                {"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\rContent-Length: 5\r\n\r\n", 0, inner, 400},
		"a space behind a name":              {post + "Content-Length : 5\r\n\r\nhello", 0, inner, 400},
		"no host":                            {"GET /healthz HTTP/1.1\r\n\r\n", 0, inner, 400},
		"two hosts":                          {"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 0, inner, 400},
		"a target that is no URL":            {"GET /% HTTP/1.1\r\nHost: x\r\n\r\n", 0, inner, 400},
		"no resource at all":                 {"OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n", 0, inner, 404},
		"no version":                         {"GET /healthz\r\n\r\n", 0, inner, 400},
		"HTTP/2":                             {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, inner, 505},
		"another expectation":                {post + "Expect: much\r\n" + length(5) + "hello", 0, inner, 417},
		"a long head":                        {"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 0, inner, 431},
		"a long target":                      {"GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 0, inner, 431},
		"a refused type, the rest late":      {post + "Content-Type: text/plain\r\n" + length(64+len(inner)) + strings.Repeat("x", 64), time.Second, inner, 415},
		"a refused method, the rest late":    {"POST /healthz HTTP/1.1\r\nHost: x\r\n" + length(64+len(inner)) + strings.Repeat("x", 64), time.Second, inner, 405},
		"a refused method, the rest at once": {"POST /healthz HTTP/1.1\r\nHost: x\r\n" + length(len(inner)), 0, inner, 405},
		"GET with a body":                    {"GET /healthz HTTP/1.1\r\nHost: x\r\n" + length(len(inner)), 0, inner, 200},
		"a picture too late":                 {post + length(64+len(inner)) + strings.Repeat("x", 64), time.Second, inner, 408},
		"a parameter that is none":           {"POST /v1/predictions?a=b HTTP/1.1\r\nHost: x\r\n" + length(len(inner)), 0, inner, 400},
		"another field of a form": {post + "Content-Type: multipart/form-data; boundary=B\r\n" +
			length(60+len(inner)) + "--B\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n", 0, inner, 400},
		"broken behind a form's end": {post + "Content-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n\r\n" +
			chunk("--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n"+picture+"\r\n--B--\r\n") + "zz\r\n", 0, inner, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection := dial(t, s)
			_, _ = io.WriteString(connection, c.first)
			time.Sleep(c.pause)
			_, _ = io.WriteString(connection, c.rest)
			all, err := io.ReadAll(connection)
			if err != nil {
				t.Fatalf("%v after %q", err, all)
			}
			answers := len(anAnswer.FindAll(all, -1))
			if answers != 1 || !strings.Contains(string(all), fmt.Sprintf("HTTP/1.1 %d ", c.status)) || strings.Contains(string(all), "INNER") {
				t.Errorf("want one answer, %d; got\n%s", c.status, all)
			}
			if c.status != 200 && !strings.Contains(string(all), "application/problem+json") {
				t.Errorf("not a problem document: %s", all)
			}
			if !strings.Contains(string(all), "Connection: close") {
				t.Errorf("the client is not told: %s", all)
			}
		})
	}
}

func chunk(data string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(data), data) }

// Requests that come in one go are answered one after the other, whatever delimits them.
func TestRequestsInOneGoAreAnsweredInOrder(t *testing.T) { bothWays(t, requestsInOneGo) }

func requestsInOneGo(t *testing.T, start starter) {
	s := start(t, nil)
	picture := string(testmodel.PNG(64, 64, 1))
	const post = "POST /v1/predictions HTTP/1.1\r\nHost: x\r\n"
	requests := []string{
		inner,
		fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", post, len(picture), picture),
		post + "Transfer-Encoding: chunked\r\n\r\n" + chunk(picture[:10]) + "8;name=\"value\"\r\n" + picture[10:18] + "\r\n" +
			chunk(picture[18:]) + "0\r\nA: trailer\r\n\r\n",
		"\r\n" + post + "Transfer-Encoding: Chunked\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n" +
			chunk("--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n"+picture+"\r\n--B--\r\n") + "0\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		inner,
	}
	connection := dial(t, s)
	if _, err := io.WriteString(connection, strings.Join(requests, "")); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(connection)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) { // the last request is not read
		t.Fatal(err)
	}
	if n := strings.Count(string(all), "HTTP/1.1 200 OK"); n != 5 || strings.Count(string(all), "HTTP/1.1") != 5 {
		t.Errorf("%d answers:\n%s", n, all)
	}
}

func dial(t *testing.T, s *service) net.Conn {
	t.Helper()
	_, addr, _ := strings.Cut(s.url, "://")
	var connection net.Conn
	var err error
	if s.secure != nil {
		connection, err = tls.Dial("tcp", addr, s.secure)
	} else {
		connection, err = net.Dial("tcp", addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	return connection
}
