package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
)

// archive is a system that takes objects, by their UIDs.
type archive struct {
	mu    sync.Mutex
	class map[string]string // SOP class by instance
	times map[string]int    // that it came
	of    map[string]string // the film that it is of, by instance
}

func newArchive() *archive {
	return &archive{class: map[string]string{}, times: map[string]int{}, of: map[string]string{}}
}

func (a *archive) take(t *testing.T, file []byte) {
	f, err := dicom.Parse(file, dicom.Limits{})
	if err != nil {
		t.Error(err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	instance := f.Dataset.String(dicom.SOPInstanceUID)
	a.class[instance] = f.Dataset.String(dicom.SOPClassUID)
	a.times[instance]++
	a.of[instance] = f.Dataset.String(dicom.StudyInstanceUID)
	if f.Dataset.String(dicom.PatientID) != "4711-0815" {
		t.Errorf("the object is of patient %q", f.Dataset.String(dicom.PatientID))
	}
}

// counts are how many objects of a class there are, and how often one came again.
func (a *archive) counts(class string) (n, again int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for instance, c := range a.class {
		if c == class {
			n++
			again += a.times[instance] - 1
		}
	}
	return n, again
}

// pacs is an archive that takes objects by C-STORE.
func pacs(t *testing.T, addr string) (*archive, string) {
	t.Helper()
	a := newArchive()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &dimse.Server{AETitle: "PACS", StorageClasses: []string{dicom.Comprehensive3DSR, dicom.SecondaryCaptureImage},
		Store: func(_ context.Context, o dimse.Object) (dimse.Status, string) {
			file, err := o.File()
			if err != nil {
				t.Error(err)
			}
			a.take(t, file)
			return dimse.Success, ""
		}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return a, l.Addr().String()
}

// stow is an archive that takes objects by STOW-RS, from who has the password.
func stow(t *testing.T) (*archive, string) {
	t.Helper()
	a := newArchive()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "secret" || r.URL.Path != "/dicom-web/studies" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			t.Error(err)
		}
		for parts := multipart.NewReader(r.Body, parameters["boundary"]); ; {
			p, err := parts.NextPart()
			if err != nil {
				break
			}
			data, _ := io.ReadAll(p)
			a.take(t, data)
		}
		w.Header().Set("Content-Type", "application/dicom+json")
		fmt.Fprint(w, "{}")
	}))
	t.Cleanup(s.Close)
	return a, strings.TrimPrefix(s.URL, "http://")
}

// fhirServer counts the bundles that it gets.
func fhirServer(t *testing.T) (count func() int, addr string) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b struct{ ResourceType string }
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.ResourceType != "Bundle" || r.URL.Path != "/fhir" {
			t.Errorf("%v, %+v to %s", err, b, r.URL.Path)
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(s.Close)
	return func() int { mu.Lock(); defer mu.Unlock(); return n }, strings.TrimPrefix(s.URL, "http://")
}

// ris acknowledges HL7 messages and counts them.
func ris(t *testing.T) (count func() int, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			message, _ := bufio.NewReader(conn).ReadString(0x1c)
			fields := strings.Split(strings.TrimPrefix(strings.SplitN(message, "\r", 2)[0], "\x0b"), "|")
			fmt.Fprintf(conn, "\x0bMSH|^~\\&|RIS||SPIKERAY||20250101||ACK|1|P|2.5.1\rMSA|AA|%s\r\x1c\r", fields[9])
			conn.Close()
			mu.Lock()
			n++
			mu.Unlock()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return func() int { mu.Lock(); defer mu.Unlock(); return n }, l.Addr().String()
}
