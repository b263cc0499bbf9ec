package dicomweb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func answering(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", JSON)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// response is an answer in the words of this package's own server.
func response(t *testing.T, instances ...Instance) string {
	t.Helper()
	body, err := json.Marshal(Response(instances))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestStoreTellsWhatIsStoredWhatMayBeLaterAndWhatNever(t *testing.T) {
	stored := Instance{SOPClass: "1.2", SOPInstance: "1.2.3"}
	failed := func(reason uint16) Instance {
		return Instance{SOPClass: "1.2", SOPInstance: "1.2.4", Failure: reason}
	}
	for name, c := range map[string]struct {
		status    int
		body      string
		stored    bool
		temporary bool
		reason    uint16
	}{
		"all":                       {200, response(t, stored, stored), true, false, 0},
		"with warnings":             {202, response(t, stored, Instance{SOPClass: "1.2", SOPInstance: "1.2.4", Warning: Coerced}), true, false, 0},
		"there already":             {202, response(t, stored, failed(0x0111)), true, false, 0},
		"all there already":         {409, response(t, failed(0x0111), failed(0xB00E)), true, false, 0},
		"in a list":                 {202, "[" + response(t, stored, failed(SOPClassNotSupported)) + "]", false, false, SOPClassNotSupported},
		"one refused":               {202, response(t, stored, failed(SOPClassNotSupported)), false, false, SOPClassNotSupported},
		"one for lack of room":      {202, response(t, stored, failed(0xA7FF)), false, true, 0xA7FF},
		"one refused, one later":    {409, response(t, failed(SOPClassNotSupported), failed(OutOfResources)), false, true, SOPClassNotSupported},
		"one without its name":      {202, response(t, stored, Instance{Failure: CannotUnderstand}), false, false, CannotUnderstand},
		"reason as text":            {202, `{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":["42752"]}}]}}`, false, true, OutOfResources},
		"no reason":                 {202, `{"00081198":{"vr":"SQ","Value":[{}]}}`, false, false, 0},
		"conflict of one, no other": {409, response(t, failed(0x0111)), false, false, 0},
		"conflict without words":    {409, "", false, false, 0},
		"no DICOM JSON":             {200, "<html>welcome</html>", false, true, 0},
		"too long":                  {200, `{"00081190":{"vr":"UR","Value":["` + strings.Repeat("x", maxAnswer) + `"]}}`, false, true, 0},
		"overloaded":                {503, "", false, true, 0},
		"too many":                  {429, "", false, true, 0},
		"time-out":                  {408, "", false, true, 0},
		"server error":              {500, response(t, failed(SOPClassNotSupported)), false, true, 0},
		"not authorised":            {401, "", false, false, 0},
		"not found":                 {404, "", false, false, 0},
		"too large":                 {413, "", false, false, 0},
		"media type":                {415, "", false, false, 0},
		"nothing to say":            {204, "", false, false, 0},
	} {
		err := Store(t.Context(), http.DefaultClient, answering(t, c.status, c.body), nil, [][]byte{{1}, {2}})
		if c.stored {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var e *StoreError
		if !errors.As(err, &e) || e.Temporary != c.temporary || e.Status != c.status || e.Reason != c.reason {
			t.Errorf("%s: %+v", name, err)
		}
	}
}

func TestStoreSendsTheFilesAsTheyAre(t *testing.T) {
	files := [][]byte{[]byte("one\r\n--x"), {}, bytes.Repeat([]byte("two"), 100000)}
	var got [][]byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || media != "multipart/related" || parameters["type"] != MediaType || r.Header.Get("Accept") != JSON || r.ContentLength < 300000 {
			t.Errorf("%v, %+v, %d bytes", err, r.Header, r.ContentLength)
		}
		if r.Header.Get("Authorization") != "Bearer x" {
			t.Errorf("%+v", r.Header)
		}
		parts := multipart.NewReader(r.Body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				break
			}
			if part.Header.Get("Content-Type") != MediaType {
				t.Errorf("%+v", part.Header)
			}
			data, err := io.ReadAll(part)
			if err != nil {
				t.Error(err)
			}
			got = append(got, data)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	if err := Store(t.Context(), s.Client(), s.URL, http.Header{"Authorization": {"Bearer x"}}, files); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(files) {
		t.Fatalf("%d files, sent %d", len(got), len(files))
	}
	for i := range files {
		if !bytes.Equal(got[i], files[i]) {
			t.Errorf("file %d is another", i)
		}
	}
}

func TestStoreFollowsARedirectWithItsFilesOnly(t *testing.T) {
	var received int
	mux := http.NewServeMux()
	mux.HandleFunc("/kept", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusTemporaryRedirect) })
	mux.HandleFunc("/lost", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received = int(n)
		_, _ = io.WriteString(w, "{}")
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	if err := Store(t.Context(), s.Client(), s.URL+"/kept", nil, [][]byte{make([]byte, 1000)}); err != nil || received < 1000 {
		t.Errorf("%v, %d bytes", err, received)
	}
	var e *StoreError
	if err := Store(t.Context(), s.Client(), s.URL+"/lost", nil, [][]byte{make([]byte, 1000)}); !errors.As(err, &e) || e.Temporary {
		t.Errorf("without the files: %v", err)
	}
}

func TestStoreTriesLaterWhereNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://user:secret@" + l.Addr().String() + "/studies"
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	check := func(name string, err error) {
		t.Helper()
		var e *StoreError
		if !errors.As(err, &e) || !e.Temporary || e.Status != 0 || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "studies") {
			t.Errorf("%s: %v", name, err)
		}
	}
	check("silent", Store(short, http.DefaultClient, address, nil, [][]byte{{1}}))
	_ = l.Close()
	check("gone", Store(t.Context(), http.DefaultClient, address, nil, [][]byte{{1}}))
	var e *StoreError
	if err := Store(t.Context(), http.DefaultClient, "http://a b/", nil, nil); !errors.As(err, &e) || e.Temporary {
		t.Errorf("no address: %v", err)
	}
}
