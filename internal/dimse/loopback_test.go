package dimse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/internal/dicom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// taken is what a server's Store was given.
type taken struct {
	mu      sync.Mutex
	objects []Object
	status  Status
	comment string
}

func (t *taken) store(_ context.Context, o Object) (Status, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.objects = append(t.objects, o)
	return t.status, t.comment
}

func (t *taken) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.objects = nil
}

func (t *taken) all() []Object {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.objects
}

// tookAll waits until a server has taken as many connections as were made. Those that it has not are reset when it ends.
func tookAll(t testing.TB, s *Server, n int) {
	t.Helper()
	until(t, fmt.Sprintf("%d connections are not taken", n), func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.connections) == n
	})
}

// started runs a server for a test, and gives the peer that reaches it.
func started(t testing.TB, s *Server) Peer {
	t.Helper()
	if s.Store == nil {
		s.Store = func(context.Context, Object) (Status, string) { return Success, "" }
	}
	if s.StorageClasses == nil {
		s.StorageClasses = []string{dicom.CRImage, dicom.DXImageForPresentation, dicom.SecondaryCaptureImage}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if held := s.Held(); held != 0 {
			t.Errorf("%d bytes are held in the end", held)
		}
	})
	return Peer{Addr: l.Addr().String(), CalledAE: "SPIKERAY", CallingAE: "TEST", Timeout: 10 * time.Second}
}

// sample is an object with so many bytes of pixels.
func sample(number, pixels int) *dicom.Dataset {
	d := new(dicom.Dataset)
	d.SetStrings(dicom.SOPClassUID, dicom.SecondaryCaptureImage)
	d.SetStrings(dicom.SOPInstanceUID, "2.25."+strconv.Itoa(1000+number))
	d.SetStrings(dicom.PatientName, "Planted^Name")
	d.SetInts(dicom.InstanceNumber, number)
	pixel := make([]byte, pixels)
	for i := range pixel {
		pixel[i] = byte(i * (number + 1))
	}
	d.SetBytes(dicom.PixelData, dicom.OW, pixel)
	return d
}

func file(d *dicom.Dataset) *dicom.File {
	return &dicom.File{Syntax: dicom.ExplicitLittleEndian, Dataset: d}
}

func dial(t testing.TB, p Peer, contexts ...Context) *Association {
	t.Helper()
	a, err := Dial(context.Background(), p, contexts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Abort)
	return a
}

func TestEcho(t *testing.T) {
	peer := started(t, &Server{AETitle: "SPIKERAY"})
	if err := Echo(context.Background(), peer); err != nil {
		t.Fatal(err)
	}
}

func TestStoredObjectsArriveAsTheyWere(t *testing.T) {
	var got taken
	s := &Server{AETitle: "SPIKERAY", Store: got.store}
	peer := started(t, s)
	for _, size := range []int{0, 1, 2, 5000, smallPart, largePart, 3*largePart + 1} {
		for _, most := range []uint32{4096, 0} {
			got.forget()
			peer.MaxPDU = most
			d := sample(size, size)
			if err := Store(context.Background(), peer, file(d)); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			objects := got.all()
			if len(objects) != 1 {
				t.Fatalf("%d bytes: %d objects", size, len(objects))
			}
			o := objects[0]
			want, err := d.Encode(o.Syntax)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(o.Data, want) || o.Syntax != dicom.ExplicitLittleEndian || o.SOPClass != dicom.SecondaryCaptureImage ||
				o.SOPInstance != d.String(dicom.SOPInstanceUID) || o.CallingAE != "TEST" || o.CalledAE != "SPIKERAY" {
				o.Data, o.file = nil, nil
				t.Errorf("%d bytes: %+v", size, o)
			}
			data, err := o.File()
			if err != nil {
				t.Fatal(err)
			}
			f, err := dicom.Parse(data, dicom.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if f.Syntax != o.Syntax || f.Meta.String(dicom.MediaStorageSOPInstanceUID) != o.SOPInstance ||
				f.Dataset.String(dicom.PatientName) != "Planted^Name" {
				t.Errorf("%d bytes: the file has %s, %v", size, f.Syntax, f.Meta.Elements())
			}
			o.file = nil
			if again, err := o.File(); err != nil || !bytes.Equal(again, data) {
				t.Errorf("%d bytes: a file made of an object's fields differs: %v", size, err)
			}
		}
	}
}

func TestStatusesReachTheSender(t *testing.T) {
	for _, c := range []struct {
		status            Status
		stored, temporary bool
	}{
		{Success, true, false}, {DuplicateInstance, true, false}, {Coerced, true, false}, {ElementsDiscarded, true, false},
		{OutOfResources, false, true}, {0xA701, false, true}, {ProcessingFailure, false, true},
		{NotMatching, false, false}, {CannotUnderstand, false, false},
		{NotAuthorized, false, false}, {ClassNotSupported, false, false},
	} {
		got := taken{status: c.status, comment: "why\nthis is\\so, at a length of more than 64 characters, which are all that fit"}
		peer := started(t, &Server{Store: got.store})
		a := dial(t, peer, StorageContext(dicom.SecondaryCaptureImage))
		d := sample(1, 10)
		status, err := a.Store(context.Background(), d, dicom.SecondaryCaptureImage, "2.25.1")
		if status != c.status || (err == nil) != c.stored || Temporary(err) != c.temporary {
			t.Errorf("%v: status %v, error %v, temporary %v", c.status, status, err, Temporary(err))
		}
		var s *StatusError
		if err != nil && (!errors.As(err, &s) || s.Status != c.status) {
			t.Errorf("%v: error %v", c.status, err)
		}
		// The association goes on after a failure.
		if _, err := a.Store(context.Background(), d, dicom.SecondaryCaptureImage, "2.25.2"); (err == nil) != c.stored {
			t.Errorf("%v: second time: %v", c.status, err)
		}
		if err := a.Release(context.Background()); err != nil {
			t.Errorf("%v: release: %v", c.status, err)
		}
		if _, err := a.Store(context.Background(), d, dicom.SecondaryCaptureImage, "2.25.3"); !errors.Is(err, ErrClosed) {
			t.Errorf("after the release: %v", err)
		}
	}
}
