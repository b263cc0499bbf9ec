package dimse

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

func TestEveryWaitHasAnEnd(t *testing.T) {
	brief := 150 * time.Millisecond
	for name, c := range map[string]struct {
		limits Limits
		act    func(t *testing.T, addr string) raw
		abort  bool
	}{
		"nothing is asked": {Limits{Request: brief}, func(t *testing.T, addr string) raw { return connected(t, addr) }, false},
		"half a request": {Limits{Request: brief}, func(t *testing.T, addr string) raw {
			r := connected(t, addr)
			r.send(asked().append(nil, pduAssociateRQ)[:200])
			return r
		}, false},
		"an idle association": {Limits{Idle: brief}, func(t *testing.T, addr string) raw { return associated(t, addr) }, true},
		"half a PDU": {Limits{Message: brief}, func(t *testing.T, addr string) raw {
			r := associated(t, addr)
			r.send(header(pduData, 1000)[:3])
			return r
		}, true},
		"half a message": {Limits{Message: brief}, func(t *testing.T, addr string) raw {
			r := associated(t, addr)
			r.send(data(part(3, isCommand|isLast, encoded(t, storeRequest(1))), part(3, 0, make([]byte, 1000))))
			return r
		}, true},
		"a message without a byte": {Limits{Message: brief}, func(t *testing.T, addr string) raw {
			r := associated(t, addr)
			r.send(data(part(3, isCommand|isLast, encoded(t, storeRequest(1)))))
			for range 10 { // empty fragments earn no time
				time.Sleep(brief / 10)
				r.Write(data(part(3, 0, nil)))
			}
			return r
		}, true},
	} {
		var ends outcomes
		t.Run(name, func(t *testing.T) {
			peer := started(t, &Server{Limits: c.limits, Hooks: ends.hooks()})
			begin := time.Now()
			r := c.act(t, peer.Addr)
			if kind, _ := r.pdu(); c.abort != (kind == pduAbort) || !c.abort && kind != 0 {
				t.Errorf("PDU of type %d", kind)
			}
			if took := time.Since(begin); took < brief/2 || took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			until(t, "no end was told", func() bool { return ends.of(Late) == 1 })
		})
	}
}

func TestBytesEarnTime(t *testing.T) {
	var got taken
	peer := started(t, &Server{Store: got.store, Limits: Limits{Message: 1500 * time.Millisecond, Rate: 10_000}})
	r := associated(t, peer.Addr)
	r.send(data(part(3, isCommand|isLast, encoded(t, storeRequest(1)))))
	for range 25 { // 2.5 s, twice as fast as the rate
		time.Sleep(100 * time.Millisecond)
		r.send(data(part(3, 0, make([]byte, 2000))))
	}
	r.send(data(part(3, isLast, nil)))
	if c := r.response(); c.status != Success {
		t.Errorf("%+v", c)
	}
}

func TestFastBytesDoNotBuyALongPause(t *testing.T) {
	var ends outcomes
	peer := started(t, &Server{Limits: Limits{Message: 300 * time.Millisecond, Rate: 1000}, Hooks: ends.hooks()})
	r := associated(t, peer.Addr)
	r.send(data(part(3, isCommand|isLast, encoded(t, storeRequest(1)))))
	for range 10 { // enough for ten minutes at the rate
		r.send(data(part(3, 0, make([]byte, 60_000))))
	}
	if kind, _ := r.pdu(); kind != pduAbort {
		t.Errorf("PDU of type %d", kind)
	}
	until(t, "no end was told", func() bool { return ends.of(Late) == 1 })
}

// pipes is a listener of connections without buffers.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestAPeerThatDoesNotReadIsLeft(t *testing.T) {
	var ends outcomes
	s := &Server{Limits: Limits{Write: 100 * time.Millisecond}, Hooks: ends.hooks()}
	l := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	ours, theirs := net.Pipe()
	defer ours.Close()
	l.conns <- theirs
	if _, err := ours.Write(asked().append(nil, pduAssociateRQ)); err != nil {
		t.Fatal(err)
	}
	until(t, "the server still writes", func() bool { return ends.of(Late) == 1 })
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
