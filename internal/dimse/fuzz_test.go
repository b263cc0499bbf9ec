package dimse

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/internal/dicom"
)

// recorded is a connection whose peer sends bytes, and what it is sent.
type recorded struct {
	net.Conn
	in  *bytes.Reader
	out bytes.Buffer
}

func (r *recorded) Read(b []byte) (int, error)       { return r.in.Read(b) }
func (r *recorded) Write(b []byte) (int, error)      { return r.out.Write(b) }
func (r *recorded) Close() error                     { return nil }
func (r *recorded) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }
func (r *recorded) SetDeadline(time.Time) error      { return nil }
func (r *recorded) SetReadDeadline(time.Time) error  { return nil }
func (r *recorded) SetWriteDeadline(time.Time) error { return nil }

func FuzzAssociate(f *testing.F) {
	f.Add(asked().append(nil, pduAssociateRQ)[pduHeader:], true)
	f.Add(asked().append(nil, pduAssociateAC)[pduHeader:], false)
	full := asked()
	full.operations = true
	full.roles = []role{{dicom.CRImage, 1, 0}}
	f.Add(full.append(nil, pduAssociateRQ)[pduHeader:], true)
	f.Add(make([]byte, associateFixed), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, body []byte, request bool) {
		kind := byte(pduAssociateAC)
		if request {
			kind = pduAssociateRQ
		}
		a, err := parseAssociate(body, kind)
		if err != nil {
			return
		}
		if len(a.presentations) > maxPresentations || len(a.roles) > maxRoles || max(len(a.called), len(a.calling)) > titleSize {
			t.Fatalf("%+v", a)
		}
		// What was read is written so that it is read again.
		a.version = protocolVersion
		for i := range a.presentations {
			if !request {
				a.presentations[i].abstract = ""
			}
		}
		again, err := parseAssociate(a.append(nil, kind)[pduHeader:], kind)
		if err != nil {
			if len(a.append(nil, kind)) > 1<<16 {
				return // items of more than 64 KB are only made of many empty ones
			}
			t.Fatal(err)
		}
		if !request || !slices.ContainsFunc(a.presentations, func(p presentation) bool { return p.abstract == "" }) {
			if diff := cmp.Diff(a, again, cmp.AllowUnexported(associate{}, presentation{}, role{})); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func FuzzCommand(f *testing.F) {
	reply := storeRequest(3).reply(OutOfResources, "why")
	for _, c := range []command{echoRequest(1), storeRequest(2), reply, {field: commandCancel}} {
		b, err := c.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommand(b)
		if err != nil {
			return
		}
		b, err = c.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseCommand(b)
		if err != nil {
			t.Fatal(err)
		}
		if c.field&response == 0 {
			c.status = 0
		}
		if again != c {
			t.Fatalf("%+v is read again as %+v", c, again)
		}
	})
}

// FuzzSession is all that a peer can send to a server.
func FuzzSession(f *testing.F) {
	request := asked().append(nil, pduAssociateRQ)
	echo, err := echoRequest(1).encode()
	if err != nil {
		f.Fatal(err)
	}
	store, err := storeRequest(2).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), false)
	f.Add(request, false)
	f.Add(data(part(1, isCommand|isLast, echo)), true)
	f.Add(data(part(3, isCommand|isLast, store), part(3, 0, make([]byte, 100)), part(3, isLast, []byte{1, 2})), true)
	f.Add(append(data(part(3, isCommand|isLast, store)), data(part(3, isLast, make([]byte, 1<<17)))...), true)
	f.Add(append(header(pduReleaseRQ, 4), 0, 0, 0, 0), true)
	f.Fuzz(func(t *testing.T, b []byte, associated bool) {
		if associated {
			b = append(bytes.Clone(request), b...)
		}
		limits := Limits{Object: 1 << 16, Memory: 1 << 18, Room: time.Microsecond}
		s := &Server{StorageClasses: []string{dicom.SecondaryCaptureImage}, Limits: limits}
		s.Store = func(_ context.Context, o Object) (Status, string) {
			if len(o.Data) == 0 || len(o.Data) > 1<<16 {
				t.Errorf("an object of %d bytes", len(o.Data))
			}
			if _, err := o.File(); err != nil {
				t.Error(err)
			}
			return Success, ""
		}
		s.init()
		conn := &recorded{in: bytes.NewReader(b)}
		s.take(conn)
		s.running.Wait()
		s.stop(nil)
		if held := s.Held(); held != 0 || s.Associations() != 0 || len(s.open) != 0 {
			t.Errorf("%d bytes and %d associations are left", held, s.Associations())
		}
		for { // what was answered are whole PDUs
			p, err := readPDU(&conn.out)
			if err == io.EOF {
				break
			}
			if err != nil || p.kind == 0 || p.kind > pduAbort || int(p.length) > conn.out.Len() {
				t.Fatalf("answered %+v: %v", p, err)
			}
			conn.out.Next(int(p.length))
		}
	})
}

// FuzzAnswers is all that a peer can answer to a client.
func FuzzAnswers(f *testing.F) {
	agreed := asked().append(nil, pduAssociateAC)
	f.Add(append(header(pduAssociateRJ, 4), 0, 1, 1, 7), false)
	f.Add(agreed, false)
	stored, err := storeRequest(1).reply(Success, "").encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(data(part(3, isCommand|isLast, stored)), append(header(pduReleaseRP, 4), 0, 0, 0, 0)...), true)
	object := sample(1, 40)
	f.Fuzz(func(t *testing.T, b []byte, accepted bool) {
		if accepted {
			b = append(bytes.Clone(agreed), b...)
		}
		conn := &recorded{in: bytes.NewReader(b)}
		timed := newTimed(conn, time.Minute, pace{idle: time.Minute, message: time.Minute, write: time.Minute})
		a := &Association{wire: newWire(timed, defaultPDU)}
		contexts := []Context{VerificationContext(), StorageContext(dicom.SecondaryCaptureImage)}
		peer := Peer{CalledAE: "A", CallingAE: "B", MaxPDU: defaultPDU}
		if a.do(context.Background(), func() error { return a.associate(peer, contexts) }) != nil {
			return
		}
		status, err := a.Store(context.Background(), object, dicom.SecondaryCaptureImage, "2.25.1")
		if err == nil && !status.Stored() {
			t.Errorf("%v", status)
		}
		a.Release(context.Background())
	})
}
