package dimse

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// scripted is a peer that answers as a function does. The function's connection is closed behind it.
func scripted(t testing.TB, act func(r raw)) Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			act(raw{t, conn})
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return Peer{Addr: l.Addr().String(), CalledAE: "PACS", CallingAE: "TEST", Timeout: 300 * time.Millisecond}
}

// agrees accepts everything in implicit VR, with a maximum length.
func agrees(maxLength uint32) func(r raw) {
	return func(r raw) {
		p, err := readPDU(r)
		if err != nil {
			return
		}
		a, err := p.associate(r)
		if err != nil {
			return
		}
		a.maxLength = maxLength
		for i := range a.presentations {
			a.presentations[i].syntaxes = []string{dicom.ImplicitLittleEndian}
		}
		r.Write(a.append(nil, pduAssociateAC))
	}
}

// then reads a message and answers it with bytes.
func then(say func(request command) []byte) func(r raw) {
	return func(r raw) {
		agrees(0)(r)
		w := newWire(newTimed(r, time.Minute, pace{idle: time.Minute, message: time.Minute, write: time.Minute}), defaultPDU)
		_, c, err := w.message(func(byte) bool { return true }, func(byte, command) sink { return new(discard) })
		if err != nil {
			return
		}
		r.Write(say(c))
		io.Copy(io.Discard, r)
	}
}

func answered(context byte, c command) []byte {
	b, err := c.encode()
	if err != nil {
		panic(err)
	}
	return data(part(context, isCommand|isLast, b))
}

func TestPeersThatFail(t *testing.T) {
	reply := func(b ...byte) func(r raw) {
		return func(r raw) {
			p, err := readPDU(r)
			if err != nil {
				return
			}
			io.CopyN(io.Discard, r, int64(p.length))
			r.Write(b)
			io.Copy(io.Discard, r)
		}
	}
	for name, c := range map[string]struct {
		act       func(r raw)
		temporary bool
		text      string
	}{
		"closes at once": {func(raw) {}, true, ""},
		"says nothing":   {reply(), true, "timeout"},
		"speaks HTTP":    {reply([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")...), true, "unknown type 72"},
		"rejects the called title": {
			reply(pduAssociateRJ, 0, 0, 0, 0, 4, 0, 1, 1, 7), false, "permanently: called AE title not recognized",
		},
		"rejects for some reason": {reply(pduAssociateRJ, 0, 0, 0, 0, 4, 0, 1, 3, 99), false, "source 3, reason 99"},
		"is busy":                 {reply(pduAssociateRJ, 0, 0, 0, 0, 4, 0, 2, 3, 1), true, "for now: temporary congestion"},
		"aborts":                  {reply(pduAbort, 0, 0, 0, 0, 4, 0, 0, 0, 0), true, "aborts"},
		"aborts for a reason":     {reply(pduAbort, 0, 0, 0, 0, 4, 0, 0, 2, 6), true, "reason 6"},
		"answers a request":       {reply(asked().append(nil, pduAssociateRQ)...), true, "type 1 where none may be"},
		"cuts its answer short":   {reply(header(pduAssociateAC, 10)...), true, "timeout"},
		"has a long answer":       {reply(header(pduAssociateAC, 1<<31)...), true, "at most"},
		"wants tiny PDUs":         {agrees(30), true, "30 bytes"},
		"accepts nothing":         {reply((&associate{}).append(nil, pduAssociateAC)...), false, ErrNoContext.Error()},
		"closes after accepting":  {agrees(0), true, ""},
		"answers another request": {then(func(c command) []byte {
			c.id++
			return answered(1, c.reply(Success, ""))
		}), true, "another request"},
		"answers in another context": {
			then(func(c command) []byte { return answered(3, c.reply(Success, "")) }), true, "context 3",
		},
		"asks instead of answering": {
			then(func(c command) []byte { return answered(1, echoRequest(c.id)) }), true, "another request",
		},
		"answers with a data set": {
			then(func(c command) []byte { return data(part(1, isLast, []byte{0, 0})) }), true, "a data set where a command",
		},
		"answers garbage": {
			then(func(c command) []byte { return data(part(1, isCommand|isLast, []byte{0, 0})) }), true, "cannot be read",
		},
		"releases": {then(func(c command) []byte { return header(pduReleaseRQ, 4) }), true, "timeout"},
		"releases in full": {
			then(func(c command) []byte { return append(header(pduReleaseRQ, 4), 0, 0, 0, 0) }), true, "release",
		},
		"does not answer": {then(func(c command) []byte { return nil }), true, "timeout"},
		"aborts a message": {
			then(func(c command) []byte { return append(header(pduAbort, 4), 0, 0, 0, 0) }), true, "aborts",
		},
		"cannot understand": {then(func(c command) []byte { return answered(1, c.reply(0xC123, "Planted^Name")) }), false,
			"C123H (cannot understand)"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Store(context.Background(), scripted(t, c.act), file(sample(1, 50)))
			if err == nil || Temporary(err) != c.temporary || !strings.Contains(err.Error(), c.text) {
				t.Errorf("temporary %v: %v", Temporary(err), err)
			}
			if err != nil && (strings.Contains(err.Error(), "Planted") || strings.Contains(err.Error(), "2.25.")) {
				t.Error(err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	err = Echo(context.Background(), Peer{Addr: l.Addr().String(), CalledAE: "PACS", CallingAE: "TEST"})
	if err == nil || !Temporary(err) {
		t.Error(err)
	}
}

func TestAPeerThatDoesNotReadEndsAStore(t *testing.T) {
	over := make(chan struct{})
	peer := scripted(t, func(r raw) {
		agrees(0)(r)
		<-over
	})
	defer close(over)
	begin := time.Now()
	err := Store(context.Background(), peer, file(sample(1, 32<<20)))
	if err == nil || !Temporary(err) || time.Since(begin) > 30*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}
}

func TestTheContextEndsWhatIsDone(t *testing.T) {
	peer := scripted(t, func(r raw) { io.Copy(io.Discard, r) })
	peer.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := Dial(ctx, peer, VerificationContext())
	if !errors.Is(err, context.DeadlineExceeded) || !Temporary(err) || time.Since(begin) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(begin), err)
	}

	var got taken
	served := started(t, &Server{Store: got.store})
	a := dial(t, served, VerificationContext())
	done, stop := context.WithCancel(context.Background())
	stop()
	if err := a.Echo(done); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := a.Echo(context.Background()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestObjectsThatCannotBeSent(t *testing.T) {
	var got taken
	peer := started(t, &Server{Store: got.store})
	a := dial(t, peer, StorageContext(dicom.SecondaryCaptureImage), Context{dicom.CRImage, []string{dicom.JPEGLosslessSV1}})
	compressed := sample(1, 0)
	compressed.Set(dicom.Element{Tag: dicom.PixelData, VR: dicom.OB, Fragments: [][]byte{{}, {1, 2}}})
	cr := sample(2, 10)
	cr.SetStrings(dicom.SOPClassUID, dicom.CRImage)
	odd := sample(3, 0)
	odd.Set(dicom.Element{Tag: dicom.PixelData, VR: dicom.OB, Value: []byte{1}})
	unnamed := sample(4, 0)
	unnamed.Delete(dicom.SOPInstanceUID)
	for name, c := range map[string]struct {
		file *dicom.File
		want error
	}{
		"compressed pixels in a native syntax": {file(compressed), ErrData},
		"compressed pixels that were not proposed": {
			&dicom.File{Syntax: dicom.JPEGLSLossless, Dataset: compressed}, ErrNoContext,
		},
		"native pixels where only others were agreed": {file(cr), ErrNoContext},
		"an odd length": {file(odd), ErrData},
		"no UID":        {file(unnamed), ErrData},
		"nothing":       {file(new(dicom.Dataset)), ErrData},
	} {
		if _, err := a.StoreFile(context.Background(), c.file); !errors.Is(err, c.want) || Temporary(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.Store(context.Background(), sample(9, 10), dicom.SecondaryCaptureImage, "2.25.9"); err != nil {
		t.Errorf("after them: %v", err)
	}
	if err := a.Echo(context.Background()); !errors.Is(err, ErrNoContext) {
		t.Errorf("an echo that was not proposed: %v", err)
	}
	for _, p := range []Peer{
		{CallingAE: "A"}, {CalledAE: "A", CallingAE: "SEVENTEEN LETTERS"}, {CalledAE: "A\n", CallingAE: "A"},
	} {
		p.Addr = peer.Addr
		if err := Echo(context.Background(), p); !errors.Is(err, ErrRequest) || Temporary(err) {
			t.Errorf("titles %q and %q: %v", p.CalledAE, p.CallingAE, err)
		}
	}
}

func TestARefusedFileDoesNotKeepOthersBack(t *testing.T) {
	s := &Server{}
	var stored []string
	s.Store = func(_ context.Context, o Object) (Status, string) {
		switch o.SOPInstance {
		case "2.25.1001":
			return CannotUnderstand, ""
		case "2.25.1003":
			return OutOfResources, ""
		}
		stored = append(stored, o.SOPInstance)
		return Success, ""
	}
	peer := started(t, s)
	err := Store(context.Background(), peer, file(sample(0, 9)), file(sample(1, 9)), file(sample(2, 9)))
	if len(stored) != 2 || err == nil || Temporary(err) || !strings.Contains(err.Error(), "object 2 of 3") {
		t.Errorf("%v were stored: %v", stored, err)
	}
	if err := Store(context.Background(), peer, file(sample(1, 9)), file(sample(3, 9))); !Temporary(err) {
		t.Errorf("one of them for want of room: %v", err)
	}
	if err := Store(context.Background(), peer); err != nil {
		t.Errorf("no files: %v", err)
	}
}
