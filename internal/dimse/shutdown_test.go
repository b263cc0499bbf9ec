package dimse

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestShutdownLetsAMessageEnd(t *testing.T) {
	var ends outcomes
	storing, stored := make(chan struct{}), make(chan struct{})
	finish := sync.OnceFunc(func() { close(stored) })
	defer finish()
	s := &Server{Hooks: ends.hooks()}
	s.Store = func(ctx context.Context, _ Object) (Status, string) {
		close(storing)
		<-stored
		if ctx.Err() != nil {
			return ProcessingFailure, ""
		}
		return Success, ""
	}
	peer := started(t, s)
	idle, half, silent := associated(t, peer.Addr), associated(t, peer.Addr), connected(t, peer.Addr)
	tookAll(t, s, 3)
	half.send(data(part(3, isCommand|isLast, encoded(t, storeRequest(1)))))
	half.send(data(part(3, 0, make([]byte, 100))))
	half.send(data(part(3, isLast, nil)))
	<-storing
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(context.Background()) }()
	if kind, _ := idle.pdu(); kind != pduAbort {
		t.Errorf("an idle association gets a PDU of type %d", kind)
	}
	if kind, _ := silent.pdu(); kind != pduAbort {
		t.Errorf("a connection without an association gets a PDU of type %d", kind)
	}
	select {
	case err := <-down:
		t.Fatalf("the shutdown has not waited: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := net.Dial("tcp", peer.Addr); err == nil {
		t.Error("connections are still accepted")
	}
	finish()
	if c := half.response(); c.status != Success {
		t.Errorf("the message in progress is answered by %+v", c)
	}
	if kind, _ := half.pdu(); kind != pduAbort {
		t.Errorf("then comes a PDU of type %d", kind)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if ends.of(Stopped) != 3 {
		t.Errorf("%v", ends.counts)
	}
}

func TestShutdownEndsWithItsContext(t *testing.T) {
	s := &Server{}
	storing := make(chan struct{})
	var ended atomic.Bool
	s.Store = func(ctx context.Context, _ Object) (Status, string) {
		close(storing)
		<-ctx.Done()
		ended.Store(true)
		return ProcessingFailure, ""
	}
	peer := started(t, s)
	r := associated(t, peer.Addr)
	r.send(data(part(3, isCommand|isLast, encoded(t, storeRequest(1))), part(3, isLast, make([]byte, 8))))
	<-storing
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	until(t, "Store has not ended", ended.Load)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(context.Background(), l); !errors.Is(err, ErrServerClosed) {
		t.Errorf("serve after the shutdown: %v", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&Server{}).Serve(ctx, l) }()
	r := associated(t, l.Addr().String())
	r.send(data(part(1, isCommand, []byte{0}))) // half a message
	cancel()
	if kind, _ := r.pdu(); kind != pduAbort {
		t.Errorf("PDU of type %d", kind)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
