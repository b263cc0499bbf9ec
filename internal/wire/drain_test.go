//go:build unix

package wire

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"
)

// late accepts connections as on a machine that is busy.
type late struct{ *net.TCPListener }

func (l late) Accept() (net.Conn, error) {
	time.Sleep(3 * quietTime)
	return l.TCPListener.Accept()
}

// TestWhoIsConnectedIsAnsweredBeforeTheEnd: no connection that was made before the listener drains is reset, however long it takes
// until it is accepted.
func TestWhoIsConnectedIsAnsweredBeforeTheEnd(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := Listen(late{inner.(*net.TCPListener)}, Config{
		MaxHead: 1 << 10, MaxConnections: 20, Linger: time.Second,
		Refuse: func(int, string) []byte { return nil }, Evicted: func() {}, AcceptFailed: func(error) {},
	})
	server := &http.Server{
		ConnState: listener.ConnState, ConnContext: WithConn,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Of(r.Context()).Begin()
			w.Header().Set("Connection", "close")
		}),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	var waiting []net.Conn
	for range 6 {
		waiting = append(waiting, connect(t, inner.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	listener.Drain(ctx)
	for i, c := range waiting {
		if status, err := answered(c); status != http.StatusOK {
			t.Errorf("connection %d: %d %v", i, status, err)
		}
	}
	_ = server.Close()
	<-served
}
