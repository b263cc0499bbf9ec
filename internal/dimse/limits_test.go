package dimse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
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
	letGo := sync.OnceFunc(func() { close(hold) })
	defer letGo()
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
	letGo()
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
	letGo := sync.OnceFunc(func() { close(hold) })
	defer letGo()
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
	letGo()
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
	status, err := a.Store(context.Background(), sample(1, 8), dicom.SecondaryCaptureImage, "2.25.1")
	if status != ProcessingFailure || !Temporary(err) {
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
