package target

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/testcert"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/tlsfile"
)

func TestTargetsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]string{
		"sr=dicom://PACS@pacs:4242":                     "dicom://PACS@pacs:4242:sr=dicom://PACS@pacs:4242",
		"sr,sc=dicom://PACS@pacs":                       "dicom://PACS@pacs:104:sr,sc=dicom://PACS@pacs:104",
		"main.pacs-1:sr=dicoms://PACS@[2001:db8::1]":    "main.pacs-1:sr=dicoms://PACS@[2001:db8::1]:2762",
		"sr=https://pacs/dicom-web":                     "https://pacs:443/dicom-web:sr=https://pacs:443/dicom-web",
		"sc=http://pacs:8042/dicom-web/":                "http://pacs:8042/dicom-web/:sc=http://pacs:8042/dicom-web/",
		"fhir=fhir+https://fhir.example/r4":             "fhir+https://fhir.example:443/r4:fhir=fhir+https://fhir.example:443/r4",
		"hl7=mllp://ris":                                "mllp://ris:2575:hl7=mllp://ris:2575",
		"sr,sc,fhir,hl7=file:///var/results":            "file:///var/results:sr,sc,fhir,hl7=file:///var/results",
		"archive:fhir=fhir+http://[::1]:8080/baseR4":    "archive:fhir=fhir+http://[::1]:8080/baseR4",
		"a:hl7=mllps://10.1.2.3:6661":                   "a:hl7=mllps://10.1.2.3:6661",
		"sr=http://pacs:8042/orthanc/dicom-web/studies": "http://pacs:8042/orthanc/dicom-web/studies:sr=http://pacs:8042/orthanc/dicom-web/studies",
	} {
		got, err := Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestTargetsThatMakeNoSense(t *testing.T) {
	for text, says := range map[string]string{
		"dicom://PACS@pacs":                      "no =",
		"":                                       "no =",
		"pdf=dicom://PACS@pacs":                  "no kind",
		"=dicom://PACS@pacs":                     "no kind",
		"sr,sr=dicom://PACS@pacs":                "twice",
		"sr=pacs:104":                            "no way to deliver",
		"sr=://":                                 "no URL",
		"hl7=dicom://PACS@pacs":                  "cannot be sent by dicom",
		"sr,fhir=https://pacs/dicom-web":         "fhir cannot be sent by https",
		"sr=fhir+https://pacs":                   "cannot be sent by fhir+https",
		"sr=mllp://pacs":                         "cannot be sent by mllp",
		"sr=dicom://pacs":                        "AE title",
		"sr=dicom://A_VERY_LONG_TITLE_@pacs":     "AE title",
		"sr=dicom://PACS@pacs/path":              "no path",
		"sr=dicom://PACS:secret@pacs":            "--send-credentials",
		"sr=https://user:secret@pacs/dicom-web":  "--send-credentials",
		"sr=https://user@pacs/dicom-web":         "--send-credentials",
		"sr=https://pacs/dicom-web?token=secret": "no ?",
		"sr=https:///dicom-web":                  "no host",
		"sr=file://results":                      "file:///",
		"a b:sr=file:///results":                 "no name",
		"user:secret@pacs":                       "no =",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, expected %q", text, err, says)
		}
	}
}

func TestCredentialsAreReadFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# PACS\n\npacs:8042 basic spikeray:a:b c\r\n  fhir.example:443   bearer  abc.def== \n")
	got, err := ReadCredentials(path)
	r := http.Request{Header: http.Header{"Authorization": {got["pacs:8042"]}}}
	if user, password, _ := r.BasicAuth(); err != nil || user != "spikeray" || password != "a:b c" || got["fhir.example:443"] != "Bearer abc.def==" || len(got) != 2 {
		t.Errorf("%v, %q", err, got)
	}
	for _, text := range []string{"pacs basic a:b", "pacs:80 basic secret", "pacs:80 digest secret", "pacs:80", "pacs:80 bearer secret more", "p:1 bearer a\np:1 bearer b"} {
		write(text)
		if _, err := ReadCredentials(path); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// parsed is the sender of a target.
func parsed(t *testing.T, text string, s Settings) outbox.Sender {
	t.Helper()
	target, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return target.Sender(s)
}

// reportItem is some DICOM object.
func reportItem() outbox.Item {
	return outbox.Item{Kind: "sr", MediaType: "application/dicom", Name: "0123", Data: testfilm.File(1, 8, 8)}
}

// what says what an error makes of an item: it was taken, is refused for good or for now, or the target could not be asked.
func what(err error) string {
	refused := (*outbox.Refusal)(nil)
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &refused) && refused.Permanent:
		return "refused"
	case errors.As(err, &refused):
		return "later"
	}
	return "away"
}

func TestAnswersOverHTTP(t *testing.T) {
	var status int
	var body string
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.WithoutCancel(r.Context()))
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Content-Type", "application/dicom+json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	settings := Settings{Credentials: map[string]string{host: "Bearer abc"}}
	stow, fhir := parsed(t, "sr=http://"+host+"/dicom-web/", settings), parsed(t, "fhir=fhir+http://"+host+"/r4", settings)
	for _, c := range []struct {
		status     int
		body       string
		stow, fhir string
	}{
		{200, "{}", "taken", "taken"},
		{202, "{}", "taken", "taken"},
		{200, `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[272]}}]}}`, "refused", "taken"},
		{409, `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[42752]}}]}}`, "later", "refused"},
		{301, "", "away", "away"},
		{307, "", "away", "away"},
		{400, "", "refused", "refused"},
		{401, "", "away", "away"},
		{403, "", "away", "away"},
		{404, "", "away", "away"},
		{413, "", "refused", "refused"},
		{422, "", "refused", "refused"},
		{429, "", "later", "later"},
		{500, "", "later", "later"},
		{503, "", "later", "later"},
	} {
		status, body = c.status, c.body
		if err := stow.Send(t.Context(), reportItem()); what(err) != c.stow || got.URL.Path != "/dicom-web/studies" {
			t.Errorf("STOW-RS at %s, answer %d: %v, expected %s", got.URL.Path, c.status, err, c.stow)
		}
		err := fhir.Send(t.Context(), outbox.Item{Kind: "fhir", MediaType: "application/fhir+json", Data: []byte("{}")})
		if what(err) != c.fhir || got.URL.Path != "/r4" || got.Header.Get("Content-Type") != "application/fhir+json" {
			t.Errorf("FHIR at %s, answer %d: %v, expected %s", got.URL.Path, c.status, err, c.fhir)
		}
		if got.Header.Get("Authorization") != "Bearer abc" {
			t.Error("it has no credentials")
		}
	}
	server.Close()
	if err := stow.Send(t.Context(), reportItem()); what(err) != "away" {
		t.Error(err)
	}
	if err := fhir.Send(t.Context(), reportItem()); what(err) != "away" {
		t.Error(err)
	}
}

// pacs is a provider of C-STORE that gives a status.
func pacs(t *testing.T, secure *tls.Config, status func() dimse.Status) (addr string, stored func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := make(chan int, 100)
	s := &dimse.Server{AETitle: "PACS", TLS: secure, StorageClasses: []string{dicom.CRImage},
		Store: func(context.Context, dimse.Object) (dimse.Status, string) { n <- 1; return status(), "" }}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(ctx, l)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String(), func() int { return len(n) }
}

func TestStatusesOfCSTORE(t *testing.T) {
	status := dimse.Success
	addr, stored := pacs(t, nil, func() dimse.Status { return status })
	s := parsed(t, "sr=dicom://PACS@"+addr, Settings{CallingAE: "SPIKERAY"})
	for code, want := range map[dimse.Status]string{
		dimse.Success: "taken", dimse.DuplicateInstance: "taken", dimse.Coerced: "taken", dimse.OutOfResources: "later", dimse.ProcessingFailure: "later",
		dimse.ClassNotSupported: "refused", dimse.NotMatching: "refused", dimse.CannotUnderstand: "refused",
	} {
		status = code
		if err := s.Send(t.Context(), reportItem()); what(err) != want {
			t.Errorf("%v: %v, expected %s", code, err, want)
		}
	}
	if stored() != 8 {
		t.Errorf("%d objects came", stored())
	}
	if err := parsed(t, "sr=dicom://OTHER@"+addr, Settings{CallingAE: "SPIKERAY"}).Send(t.Context(), reportItem()); what(err) != "away" {
		t.Errorf("the wrong title: %v", err) // whoever runs the PACS can put that right
	}
	if err := s.Send(t.Context(), outbox.Item{Data: []byte("no file")}); what(err) != "refused" {
		t.Errorf("no file: %v", err)
	}
	if err := parsed(t, "sr=dicom://PACS@127.0.0.1:9", Settings{CallingAE: "SPIKERAY"}).Send(t.Context(), reportItem()); what(err) != "away" {
		t.Errorf("nobody there: %v", err)
	}
}

func TestOneAssociationTakesSeveralResults(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan dimse.Outcome, 10)
	status := dimse.Success
	server := func() *dimse.Server {
		return &dimse.Server{StorageClasses: resultClasses, Hooks: dimse.Hooks{Ended: func(o dimse.Outcome) { ended <- o }},
			Store: func(context.Context, dimse.Object) (dimse.Status, string) { return status, "" }}
	}
	s := server()
	served := make(chan error, 2)
	go func() { served <- s.Serve(t.Context(), l) }()
	d := testfilm.Dataset(1, 8, 8)
	d.SetStrings(dicom.SOPClassUID, dicom.SecondaryCaptureImage)
	file, err := dicom.EncodeFile(d, dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	it := outbox.Item{Kind: "sc", Data: file}
	to := parsed(t, "sc=dicom://PACS@"+l.Addr().String(), Settings{CallingAE: "SPIKERAY"})
	for _, status = range []dimse.Status{dimse.Success, dimse.OutOfResources, dimse.Success} {
		want := "taken"
		if status != dimse.Success {
			want = "later"
		}
		if err := to.Send(t.Context(), it); what(err) != want || len(ended) != 0 {
			t.Errorf("%v: %v, %d associations have ended", status, err, len(ended))
		}
	}
	if got := <-ended; got != dimse.Released { // by itself
		t.Errorf("%s", got)
	}
	if err := to.Send(t.Context(), it); err != nil {
		t.Error(err)
	}
	if err := s.Shutdown(t.Context()); err != nil { // the peer is started anew while an association is open
		t.Fatal(err)
	}
	<-served
	<-ended
	if l, err = net.Listen("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	s = server()
	go func() { served <- s.Serve(context.Background(), l) }()
	if err := to.Send(t.Context(), it); err != nil {
		t.Error(err)
	}
	if err := to.(io.Closer).Close(); err != nil {
		t.Error(err)
	}
	if got := <-ended; got != dimse.Released {
		t.Errorf("%s", got)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
}

func TestConnectionsAreSecured(t *testing.T) {
	c := testcert.New(t)
	authority, certificate, key := c.Cert, c.Cert, c.Key
	server, err := tlsfile.NewServer(certificate, key, authority)
	if err == nil {
		err = server.Load()
	}
	if err != nil {
		t.Fatal(err)
	}
	secure := server.Config()
	addr, stored := pacs(t, secure, func() dimse.Status { return dimse.Success })
	both, err := tlsfile.Client(authority, certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	anonymous, err := tlsfile.Client(authority, "", "")
	if err != nil {
		t.Fatal(err)
	}
	address := "sr=dicoms://PACS@" + addr
	if err := parsed(t, address, Settings{CallingAE: "SPIKERAY", TLS: both}).Send(t.Context(), reportItem()); err != nil || stored() != 1 {
		t.Errorf("%v, %d objects", err, stored())
	}
	for name, s := range map[string]outbox.Sender{
		"without a certificate":        parsed(t, address, Settings{CallingAE: "SPIKERAY", TLS: anonymous}),
		"an authority that is unknown": parsed(t, address, Settings{CallingAE: "SPIKERAY"}),
		"without TLS":                  parsed(t, "sr=dicom://PACS@"+addr, Settings{CallingAE: "SPIKERAY"}),
	} {
		if err := s.Send(t.Context(), reportItem()); what(err) != "away" || stored() != 1 {
			t.Errorf("%s: %v, %d objects", name, err, stored())
		}
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.PeerCertificates) != 1 {
			t.Error("the client shows no certificate")
		}
		_, _ = io.WriteString(w, "{}")
	}))
	web.TLS = secure
	web.StartTLS()
	defer web.Close()
	if err := parsed(t, "sr="+web.URL+"/dicom-web", Settings{TLS: both}).Send(t.Context(), reportItem()); err != nil {
		t.Error(err)
	}
	web.Config.ErrorLog = nil
	if err := parsed(t, "sr="+web.URL+"/dicom-web", Settings{}).Send(t.Context(), reportItem()); what(err) != "away" {
		t.Errorf("an authority that is unknown: %v", err)
	}
}

func TestFoldersGetWholeFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with a space")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := parsed(t, "sr=file://"+(&url.URL{Path: dir}).EscapedPath(), Settings{})
	for range 2 {
		if err := s.Send(t.Context(), reportItem()); err != nil {
			t.Fatal(err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "0123.sr.dcm" {
		t.Fatalf("%v %v", err, files)
	}
	if data, err := os.ReadFile(filepath.Join(dir, "0123.sr.dcm")); err != nil || !bytes.Equal(data, reportItem().Data) {
		t.Error("another content: ", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(t.Context(), reportItem()); what(err) != "away" {
		t.Errorf("no folder: %v", err)
	}
}

// FuzzParse reads what a person may write.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"a:sr,sc=dicom://PACS@pacs:104", "fhir=fhir+https://h/p", "hl7=mllp://[::1]:1", "sr=file:///x", "sr=http://a:b@c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := Parse(text)
		if err != nil {
			return
		}
		if target.Name == "" || len(target.Kinds) == 0 || target.Sender(Settings{CallingAE: "A"}) == nil {
			t.Errorf("%q is %+v", text, target)
		}
	})
}

func TestNoProxyOfTheEnvironmentGetsResults(t *testing.T) {
	client := HTTPClient(&tls.Config{})
	if transport := client.Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("requests may go by a proxy")
	}
}
