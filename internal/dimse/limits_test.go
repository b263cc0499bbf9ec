package dimse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// outcomes counts how connections ended.
type outcomes struct {
	mu     sync.Mutex
	counts map[Outcome]int
}

func (o *outcomes) hooks() Hooks {
	o.counts = map[Outcome]int{}
	return Hooks{Ended: func(how Outcome) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.counts[how]++
	}}
}

func (o *outcomes) of(how Outcome) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts[how]
}

// until waits for what another goroutine does.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after ten seconds: %s", what)
		}
	}
}

func TestMemoryOfAllDataSetsIsBounded(t *testing.T) {
	hold, holding := make(chan struct{}), make(chan struct{})
	s := &Server{Limits: Limits{Memory: 6 << 20, Object: 2 << 20, Room: 200 * time.Millisecond}}
	s.Store = func(_ context.Context, o Object) (Status, string) {
		if o.SOPInstance == "2.25.1000" || o.SOPInstance == "2.25.1001" {
			holding <- struct{}{}
			<-hold
		}
		return Success, ""
	}
	peer := started(t, s)
	first := make(chan error, 2)
	for i := range 2 {
		go func() { first <- Store(context.Background(), peer, file(sample(i, 1800<<10))) }()
		<-holding
	}
	if held := s.Held(); held < 3600<<10 || held > 3700<<10 {
		t.Errorf("%d bytes are held for two objects of 1800 KiB", held)
	}
	a := dial(t, peer, StorageContext(dicom.SecondaryCaptureImage))
	status, err := a.Store(context.Background(), sample(2, 1900<<10), dicom.SecondaryCaptureImage, "2.25.1002")
	if status != OutOfResources || !Temporary(err) {
		t.Errorf("without room: %v, %v", status, err)
	}
	if _, err := a.Store(context.Background(), sample(3, 500<<10), dicom.SecondaryCaptureImage, "2.25.1003"); err != nil {
		t.Errorf("with room for it: %v", err)
	}
	close(hold)
	for range 2 {
		if err := <-first; err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Store(context.Background(), sample(2, 1900<<10), dicom.SecondaryCaptureImage, "2.25.1002"); err != nil {
		t.Errorf("when there is room: %v", err)
	}
	if err := a.Release(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestADataSetWaitsForRoom(t *testing.T) {
	hold, holding := make(chan struct{}), make(chan struct{}, 3)
	s := &Server{Limits: Limits{Memory: 6 << 20, Object: 2 << 20, Room: 10 * time.Second, Message: 1500 * time.Millisecond}}
	s.Store = func(context.Context, Object) (Status, string) {
		holding <- struct{}{}
		<-hold
		return Success, ""
	}
	peer := started(t, s)
	errs := make(chan error, 3)
	for i := range 3 {
		go func() { errs <- Store(context.Background(), peer, file(sample(i, 1800<<10))) }()
		if i < 2 {
			<-holding
		}
	}
	time.Sleep(2 * time.Second) // longer than a message may take: the wait is not the peer's fault
	if len(holding) != 0 {
		t.Error("the third object has not waited")
	}
	close(hold)
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestAssociationsAreLimited(t *testing.T) {
	var ends outcomes
	peer := started(t, &Server{Limits: Limits{Associations: 3, PerAddress: 2}, Hooks: ends.hooks()})
	one, two := associated(t, peer.Addr), associated(t, peer.Addr)
	_, err := Dial(context.Background(), peer, VerificationContext())
	var rejected *RejectedError
	if !errors.As(err, &rejected) || !rejected.Transient() || !Temporary(err) {
		t.Errorf("beyond the limit of an address: %v", err)
	}
	one.Close()
	until(t, "an association that was lost still counts", func() bool { return ends.of(Lost) == 1 })
	if err := Echo(context.Background(), peer); err != nil {
		t.Errorf("with room again: %v", err)
	}
	two.stillThere()
	// Connections that ask for nothing are limited too.
	until(t, "ended associations keep their connections", func() bool { return ends.of(Released)+ends.of(Rejected) == 2 })
	for range 6 {
		connected(t, peer.Addr)
	}
	until(t, "connections beyond the limit are not refused", func() bool { return ends.of(Refused) >= 3 })
	two.stillThere()
}

func TestTwoThousandConnectionsLeaveNothing(t *testing.T) {
	var ends outcomes
	peer := started(t, &Server{Hooks: ends.hooks()})
	for i := range 2000 {
		conn, err := net.Dial("tcp", peer.Addr)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 4 {
		case 1:
			conn.Write([]byte("\x00\x01garbage"))
		case 2:
			conn.Write(asked().append(nil, pduAssociateRQ)[:100])
		case 3:
			conn.Write(asked().append(nil, pduAssociateRQ))
		}
		conn.Close()
	}
	until(t, "no echo", func() bool { return Echo(context.Background(), peer) == nil })
	var all int
	until(t, "connections are left", func() bool {
		all = 0
		for _, o := range Outcomes() {
			all += ends.of(o)
		}
		return all > 2000
	})
	t.Logf("%v", ends.counts)
}

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

func TestServersThatCannotServe(t *testing.T) {
	for name, s := range map[string]*Server{
		"no Store":      {StorageClasses: []string{dicom.CRImage}},
		"little memory": {Limits: Limits{Object: 64 << 20, Memory: 100 << 20}},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(context.Background(), l); err == nil {
			t.Errorf("%s: it serves", name)
		}
		if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
			t.Errorf("%s: the listener is open", name)
		}
	}
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

func TestShutdownLetsAMessageEnd(t *testing.T) {
	var ends outcomes
	storing, finish := make(chan struct{}), make(chan struct{})
	s := &Server{Hooks: ends.hooks()}
	s.Store = func(ctx context.Context, _ Object) (Status, string) {
		close(storing)
		<-finish
		if ctx.Err() != nil {
			return ProcessingFailure, ""
		}
		return Success, ""
	}
	peer := started(t, s)
	idle, half, silent := associated(t, peer.Addr), associated(t, peer.Addr), connected(t, peer.Addr)
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
	close(finish)
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

func TestAPanicFailsOneObject(t *testing.T) {
	var log bytes.Buffer
	s := &Server{Log: textLog(&log)}
	s.Store = func(_ context.Context, o Object) (Status, string) {
		if o.SOPInstance == "2.25.1" {
			panic("Planted^Name")
		}
		return Success, ""
	}
	peer := started(t, s)
	a := dial(t, peer, StorageContext(dicom.SecondaryCaptureImage))
	if status, err := a.Store(context.Background(), sample(1, 8), dicom.SecondaryCaptureImage, "2.25.1"); status != ProcessingFailure || !Temporary(err) {
		t.Errorf("%v, %v", status, err)
	}
	if _, err := a.Store(context.Background(), sample(1, 8), dicom.SecondaryCaptureImage, "2.25.2"); err != nil {
		t.Error(err)
	}
	a.Release(context.Background())
	if s := log.String(); !bytes.Contains([]byte(s), []byte("limits_test.go")) || bytes.Contains([]byte(s), []byte("Planted")) {
		t.Error(s)
	}
}

func TestWhoMayCall(t *testing.T) {
	local, other := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24")
	for _, c := range []struct {
		callers []Caller
		title   string
		may     bool
	}{
		{nil, "ANY", true},
		{[]Caller{{AETitle: "ROUTER"}}, "ROUTER", true},
		{[]Caller{{AETitle: "ROUTER"}}, "router", false},
		{[]Caller{{AETitle: "ROUTER"}, {AETitle: "CR1"}}, "CR1", true},
		{[]Caller{{AETitle: "ROUTER", From: []netip.Prefix{other, local}}}, "ROUTER", true},
		{[]Caller{{AETitle: "ROUTER", From: []netip.Prefix{other}}}, "ROUTER", false},
		{[]Caller{{From: []netip.Prefix{local}}}, "ANY", true},
		{[]Caller{{From: []netip.Prefix{other}}}, "ANY", false},
	} {
		peer := started(t, &Server{Callers: c.callers})
		peer.CallingAE = c.title
		err := Echo(context.Background(), peer)
		var rejected *RejectedError
		if c.may != (err == nil) || !c.may && (!errors.As(err, &rejected) || *rejected != RejectedError{rejectedPermanent, sourceUser, userCalling} || Temporary(err)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
