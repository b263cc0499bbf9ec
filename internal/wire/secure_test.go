package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testcert"
)

// TestAHandshakeIsPartOfTheTimeForAHead: whoever does not come to an end with it is closed, however it keeps the connection busy.
func TestAHandshakeIsPartOfTheTimeForAHead(t *testing.T) {
	made := testcert.New(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 10)
	var answered atomic.Int64
	l := Listen(inner, Config{
		MaxHead: 1 << 10, MaxConnections: 10, Linger: time.Second,
		Refuse:          func(int, string) []byte { return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") },
		Evicted:         func() {},
		AcceptFailed:    func(error) {},
		TLS:             &tls.Config{Certificates: []tls.Certificate{made.TLS}},
		HandshakeFailed: func(err error) { failed <- err },
	})
	server := &http.Server{
		ReadHeaderTimeout: 300 * time.Millisecond, ConnState: l.ConnState, ConnContext: WithConn,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Of(r.Context()).Begin()
			answered.Add(1)
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	defer func() {
		_ = server.Close()
		<-served
	}()

	for name, send := range map[string]func(net.Conn){
		"nothing": func(net.Conn) {},
		"a byte now and then": func(c net.Conn) {
			for _, b := range []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0} {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		},
	} {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go send(c)
		_ = c.SetReadDeadline(began.Add(10 * time.Second))
		_, err = io.ReadAll(c)
		if errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) > 5*time.Second {
			t.Errorf("%s: open after %v", name, time.Since(began))
		}
		c.Close()
		var network net.Error
		if err := <-failed; !errors.As(err, &network) || !network.Timeout() {
			t.Errorf("%s: failed with %v", name, err)
		}
	}
	// One that takes its time for the handshake has as much for its request; after it, what is written has no deadline left over.
	c, err := tls.Dial("tcp", inner.Addr().String(), &tls.Config{RootCAs: made.Pool})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<10)
		if n, err := c.Read(buf); err != nil || n == 0 {
			t.Fatal(err)
		}
	}
	if answered.Load() != 3 {
		t.Errorf("%d requests were answered", answered.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	l.Drain(ctx)
	if ctx.Err() != nil {
		t.Error("an idle connection keeps the listener from draining")
	}
}
