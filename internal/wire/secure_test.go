package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/testcert"
)

// secureServer is a server of secured connections.
type secureServer struct {
	listener *Listener
	addr     string
	failed   chan error // of handshakes
	answered atomic.Int64
}

func serveSecure(t *testing.T, config *tls.Config, headTime time.Duration) *secureServer {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &secureServer{addr: inner.Addr().String(), failed: make(chan error, 10)}
	s.listener = Listen(inner, Config{
		MaxHead: 1 << 10, MaxConnections: 10, Linger: time.Second,
		Refuse:          func(int, string) []byte { return []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") },
		Evicted:         func() {},
		AcceptFailed:    func(error) {},
		TLS:             config,
		HandshakeFailed: func(err error) { s.failed <- err },
	})
	server := &http.Server{
		ReadHeaderTimeout: headTime, ConnState: s.listener.ConnState, ConnContext: WithConn,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Of(r.Context()).Begin()
			_, _ = io.Copy(io.Discard, r.Body)
			s.answered.Add(1)
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(s.listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return s
}

// TestAHandshakeIsPartOfTheTimeForAHead: whoever does not come to an end with it is closed, however it keeps the connection busy.
func TestAHandshakeIsPartOfTheTimeForAHead(t *testing.T) {
	made := testcert.New(t)
	server := serveSecure(t, &tls.Config{Certificates: []tls.Certificate{made.TLS}}, 300*time.Millisecond)

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
		c, err := net.Dial("tcp", server.addr)
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
		if err := <-server.failed; !errors.As(err, &network) || !network.Timeout() {
			t.Errorf("%s: failed with %v", name, err)
		}
	}
	// One that takes its time for the handshake has as much for its request; after it, what is written has no deadline left over.
	c, err := tls.Dial("tcp", server.addr, &tls.Config{RootCAs: made.Pool})
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
	if n := server.answered.Load(); n != 3 {
		t.Errorf("%d requests were answered", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	server.listener.Drain(ctx)
	if ctx.Err() != nil {
		t.Error("an idle connection keeps the listener from draining")
	}
}

// TestAHandshakeTakesBoundedMemory: crypto/tls keeps a message until it has come whole, also of a client that will not be let in.
func TestAHandshakeTakesBoundedMemory(t *testing.T) {
	own, authority := testcert.New(t), testcert.New(t)
	server := serveSecure(t, &tls.Config{Certificates: []tls.Certificate{own.TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool}, 20*time.Second)

	c, err := net.Dial("tcp", server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const record, hello = 16 << 10, 1<<16 - 1
	body := append([]byte{1, 0, hello >> 8, hello & 255}, make([]byte, 3*record-4)...) // the rest never comes
	for i := range 3 {
		_, _ = c.Write(append([]byte{22, 3, 1, record >> 8, record & 255}, body[i*record:(i+1)*record]...))
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("a hello that does not end is waited for")
	}
	if err := <-server.failed; !errors.Is(err, errRecords) {
		t.Errorf("a hello that does not end: %v", err)
	}

	leaf := authority.Issue(t, testcert.Options{Usage: x509.ExtKeyUsageClientAuth}).TLS
	for _, also := range []int{20, 300} { // certificates of half a kilobyte
		shown := leaf
		for range also {
			shown.Certificate = append(shown.Certificate[:len(shown.Certificate):len(shown.Certificate)], authority.TLS.Certificate[0])
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			before := server.answered.Load()
			client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
				RootCAs: own.Pool, MaxVersion: version,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil },
			}}}
			response, err := client.Post("https://"+server.addr, "text/plain", strings.NewReader(strings.Repeat("x", 10*maxRecords)))
			if err == nil {
				response.Body.Close()
			}
			if let := server.answered.Load() > before; let != (also < 100) || let != (err == nil) {
				t.Errorf("%d certificates by %s: %v", also, tls.VersionName(version), err)
			}
			if also > 100 {
				if err := <-server.failed; !errors.Is(err, errRecords) {
					t.Errorf("%d certificates by %s: %v", also, tls.VersionName(version), err)
				}
			}
		}
	}
}
