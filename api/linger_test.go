package api

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testmodel"
)

// A client that sends all it has before it listens is answered, and may go on with the connection.
func TestWhoListensOnlyAfterSendingIsAnswered(t *testing.T) {
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
			picture := testmodel.PNG(64, 64, 1)
			fmt.Fprintf(connection, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(picture), picture)
			if a := readAnswer(t, connection, http.MethodPost, "/v1/predictions"); a.status != 200 {
				t.Errorf("and then: %d %s", a.status, a.body)
			}
		})
	}
}

// Whoever announces much and sends nothing is answered at once, and not waited for long.
func TestTheRestOfABodyIsNotWaitedForLong(t *testing.T) {
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
func TestWhoAsksBeforeSendingIsNotWaitedFor(t *testing.T) {
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

func dial(t *testing.T, s *service) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	return connection
}
