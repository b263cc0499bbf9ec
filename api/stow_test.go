package api

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicomweb"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// kept is a delivery that keeps what it gets.
type kept struct {
	mu       sync.Mutex
	results  []node.Result // whose films are gone: their bytes are used again
	uids     []string
	fail     func(node.Result) error
	pictures bool
	maps     bool
}

func (o *kept) Deliver(_ context.Context, r node.Result) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		if err := o.fail(r); err != nil {
			return err
		}
	}
	o.uids = append(o.uids, r.Film.SOPInstance())
	r.Film = nil
	o.results = append(o.results, r)
	return nil
}

func (o *kept) Pictures() bool { return o.pictures }
func (o *kept) Maps() bool     { return o.maps }

const testStudy = "1.2.826.0.1.3680043.8.498.77"

// chestFilm is a film of the study.
func chestFilm(t testing.TB, number int, change func(*dicom.Dataset)) []byte {
	t.Helper()
	d := testfilm.Dataset(number, 64, 48)
	d.SetStrings(dicom.StudyInstanceUID, testStudy)
	if change != nil {
		change(d)
	}
	file, err := dicom.EncodeFile(d, dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func relatedBody(parts ...[]byte) []byte {
	var out bytes.Buffer
	out.WriteString("a preamble that is skipped")
	for i, p := range parts {
		fmt.Fprintf(&out, "\r\n--b\r\nContent-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n")
		if i%2 == 0 {
			fmt.Fprintf(&out, "Content-Length: %d\r\n", len(p))
		}
		out.WriteString("\r\n")
		out.Write(p)
	}
	out.WriteString("\r\n--b--\r\n")
	return out.Bytes()
}

const relatedType = `multipart/related; type="application/dicom"; boundary=b`

// store sends films by STOW-RS.
func (s *service) store(path string, parts ...[]byte) answer {
	s.t.Helper()
	r := request(s.t, http.MethodPost, s.url+"/dicom-web/studies"+path, bytes.NewReader(relatedBody(parts...)))
	r.Header.Set("Content-Type", relatedType)
	return s.do(r)
}

// told is a Store Instances Response, taken apart.
type told struct {
	stored, warned []string // SOP instance UIDs
	failed         map[string]int
	other          []int
}

func readTold(t testing.TB, a answer) (out told) {
	t.Helper()
	if a.header.Get("Content-Type") != dicomweb.JSON {
		t.Fatalf("%d, type %q: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	var sets map[string]struct {
		Value []map[string]struct{ Value []any }
	}
	a.decode(t, &sets)
	out.failed = map[string]int{}
	for _, item := range sets["00081199"].Value {
		uid := item["00081155"].Value[0].(string)
		if w := item["00081196"].Value; len(w) > 0 && w[0] == float64(dicomweb.MismatchAccepted) {
			out.warned = append(out.warned, uid)
			continue
		}
		out.stored = append(out.stored, uid)
	}
	for _, item := range sets["00081198"].Value {
		out.failed[item["00081155"].Value[0].(string)] = int(item["00081197"].Value[0].(float64))
	}
	for _, item := range sets["0008119A"].Value {
		out.other = append(out.other, int(item["00081197"].Value[0].(float64)))
	}
	return out
}

func TestStoredFilmsAreAnsweredAndDelivered(t *testing.T) {
	box := &kept{pictures: true}
	s := start(t, func(c *Config) { c.Delivery = box; c.Queue = NewQueue(2, 16) })
	a := s.store("", chestFilm(t, 1, nil), chestFilm(t, 2, nil), chestFilm(t, 3, nil))
	if got := readTold(t, a); a.status != 200 || !slices.Equal(got.stored, []string{testfilm.UID(1), testfilm.UID(2), testfilm.UID(3)}) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if len(box.results) != 3 {
		t.Fatalf("%d results", len(box.results))
	}
	if n, err := testutil.GatherAndCount(s.server.config.Metrics.Registry(), "spikeray_predictions_total"); err != nil || n == 0 {
		t.Errorf("films are not counted: %v", err)
	}
	for i, r := range box.results {
		var alone decided
		s.post("", testmodel.PNG(64, 48, uint64(i+1))).decode(t, &alone)
		if box.uids[i] != testfilm.UID(i+1) || *r.Answer.Probability != alone.Probability || r.At.IsZero() {
			t.Errorf("%d: %s is %v, as PNG %v", i, box.uids[i], *r.Answer.Probability, alone.Probability)
		}
		if r.Picture == nil || !bytes.Equal(r.Picture.Pix, testmodel.Picture(64, 48, uint64(i+1)).Pix) {
			t.Errorf("%d: another picture", i)
		}
		if want := fmt.Sprintf("%s.%d", a.header.Get(requestIDHeader), i); r.ID != want {
			t.Errorf("id %q, want %q", r.ID, want)
		}
	}
	if a := s.store("/"+testStudy, chestFilm(t, 4, nil)); a.status != 200 || len(readTold(t, a).stored) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
	const zeros = "1.2.03.004" // numbers with leading zeros are no UIDs, and there are systems that make them
	a = s.store("/"+zeros, chestFilm(t, 5, func(d *dicom.Dataset) { d.SetStrings(dicom.StudyInstanceUID, zeros) }))
	if a.status != 200 || len(readTold(t, a).stored) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestEveryStoredFilmFailsForItself(t *testing.T) {
	box := &kept{fail: func(r node.Result) error {
		if r.Film.SOPInstance() == testfilm.UID(9) {
			return errors.New("disk full, PLANTED^NAME")
		}
		return nil
	}}
	s := start(t, func(c *Config) {
		c.Delivery, c.Queue, c.MaxImages, c.MaxImageBytes = box, NewQueue(2, 16), 14, 64<<10
	})
	set := func(tag dicom.Tag, value string) func(*dicom.Dataset) {
		return func(d *dicom.Dataset) { d.SetStrings(tag, value) }
	}
	mpeg := bytes.Replace(chestFilm(t, 8, func(d *dicom.Dataset) {
		d.Set(dicom.Element{Tag: dicom.PixelData, VR: dicom.OB, Fragments: [][]byte{{}, {1, 2}}})
	}), []byte("UI\x14\x001.2.840.10008.1.2.1\x00"), []byte("UI\x18\x001.2.840.10008.1.2.4.100\x00"), 1)
	whole := chestFilm(t, 10, nil)
	a := s.store("/"+testStudy,
		chestFilm(t, 1, nil),
		chestFilm(t, 2, set(dicom.StudyInstanceUID, "1.2.3")),
		chestFilm(t, 3, set(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2")),
		chestFilm(t, 4, set(dicom.Modality, "CT")),
		chestFilm(t, 5, func(d *dicom.Dataset) { d.SetInts(dicom.Rows, 49) }),
		chestFilm(t, 6, set(dicom.ViewPosition, "LL")),
		chestFilm(t, 7, func(d *dicom.Dataset) { d.SetBytes(dicom.PixelData, dicom.OB, make([]byte, 64*48)) }),
		mpeg,
		chestFilm(t, 9, nil),
		whole[:len(whole)-100],
		testmodel.PNG(64, 48, 1),
		make([]byte, 65<<10),
		nil,
		chestFilm(t, 13, set(dicom.SOPInstanceUID, "x\"<PLANTED")),
	)
	got := readTold(t, a)
	want := map[string]int{testfilm.UID(2): dicomweb.Mismatch, testfilm.UID(3): dicomweb.SOPClassNotSupported, testfilm.UID(4): dicomweb.Mismatch, testfilm.UID(5): dicomweb.CannotUnderstand,
		testfilm.UID(7): dicomweb.Mismatch, testfilm.UID(8): dicomweb.TransferSyntaxUnsupported, testfilm.UID(9): dicomweb.OutOfResources, testfilm.UID(10): dicomweb.CannotUnderstand}
	if a.status != 202 || !slices.Equal(got.stored, []string{testfilm.UID(1)}) || !slices.Equal(got.warned, []string{testfilm.UID(6)}) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for uid, reason := range want {
		if got.failed[uid] != reason {
			t.Errorf("%s: %04X, want %04X", uid, got.failed[uid], reason)
		}
	}
	if len(got.failed) != len(want) || !slices.Equal(got.other, []int{dicomweb.CannotUnderstand, dicomweb.CannotUnderstand, dicomweb.CannotUnderstand, dicomweb.CannotUnderstand}) {
		t.Errorf("failed %v, others %v", got.failed, got.other)
	}
	if a := s.store("", chestFilm(t, 3, set(dicom.Modality, "CT")), []byte("no film")); a.status != 409 || len(readTold(t, a).failed) != 1 {
		t.Errorf("none stored: %d %s", a.status, a.body)
	}
	// All of it may be later.
	if a := s.store("", chestFilm(t, 9, nil)); a.status != 503 || a.problem(t) != "overloaded" {
		t.Errorf("none delivered: %d %s", a.status, a.body)
	}
	for _, secret := range append(testfilm.Planted, testStudy) {
		if strings.Contains(s.logs.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
		if strings.Contains(string(s.get("/metrics").body), secret) {
			t.Errorf("%s is in the metrics", secret)
		}
		// The answer names objects by their UIDs, and has nothing else of them.
		if strings.Contains(string(a.body), secret) && secret != "2.25.1122334455" {
			t.Errorf("%s is in the answer", secret)
		}
	}
}

// TestObjectsAreNamedWithoutInflatingThem has an object that is a thousand times as long once it is inflated.
func TestObjectsAreNamedWithoutInflatingThem(t *testing.T) {
	d := testfilm.Dataset(1, 64, 48)
	d.SetStrings(dicom.Modality, "CT")
	d.SetBytes(dicom.PixelData, dicom.OB, make([]byte, 32<<20))
	set, err := d.Encode(dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	var meta dicom.Dataset
	meta.SetStrings(dicom.TransferSyntaxUID, dicom.DeflatedLittleEndian)
	head, err := meta.Encode(dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	file := bytes.NewBuffer(append(append(make([]byte, 128), "DICM"...), head...))
	w, err := flate.NewWriter(file, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(set)
	}
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	data := file.Bytes()
	var o object
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o.name(data)
	runtime.ReadMemStats(&after)
	if o.class != dicom.DXImageForPresentation && o.class != dicom.CRImage || o.instance != testfilm.UID(1) || o.syntax != dicom.DeflatedLittleEndian {
		t.Errorf("%+v", o)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d bytes are allocated to name an object of %d", took, len(data))
	}
}

func TestStoreRefusesWhatIsNoStoreRequest(t *testing.T) {
	s := start(t, func(c *Config) { c.Delivery = &kept{}; c.MaxImages, c.MaxRequestBytes = 2, 128<<10 })
	film := chestFilm(t, 1, nil)
	body := relatedBody(film)
	for name, c := range map[string]struct {
		path, contentType, accept string
		body                      []byte
		status                    int
		problem                   string
	}{
		"a form":                {"", "multipart/form-data; boundary=b", "", body, 415, "unsupported-format"},
		"a film alone":          {"", "application/dicom", "", film, 415, "unsupported-format"},
		"no type":               {"", "", "", body, 415, "unsupported-format"},
		"metadata and bulkdata": {"", `multipart/related; type="application/dicom+json"; boundary=b`, "", body, 415, "unsupported-format"},
		"no boundary":           {"", `multipart/related; type="application/dicom"`, "", body, 400, "malformed-request"},
		"another boundary":      {"", `multipart/related; boundary=c`, "", body, 400, "malformed-request"},
		"no end":                {"", relatedType, "", body[:len(body)-6], 400, "malformed-request"},
		"no parts":              {"", relatedType, "", []byte("--b--\r\n"), 400, "malformed-request"},
		"a part of JSON":        {"", relatedType, "", []byte("--b\r\nContent-Type: application/dicom+json\r\n\r\n[]\r\n--b--\r\n"), 415, "unsupported-format"},
		"a part in base64":      {"", relatedType, "", []byte("--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"), 415, "unsupported-format"},
		"a header without end":  {"", relatedType, "", []byte("--b\r\nX: " + strings.Repeat("x", 20<<10) + "\r\n\r\n\r\n--b--\r\n"), 400, "malformed-request"},
		"too many":              {"", relatedType, "", relatedBody(film, film, film), 413, "too-large"},
		"too long":              {"", relatedType, "", relatedBody(make([]byte, 129<<10)), 413, "too-large"},
		"XML wanted":            {"", relatedType, "application/dicom+xml", body, 406, "not-acceptable"},
		"no study":              {"/x", relatedType, "", body, 400, "invalid-parameter"},
		"a parameter":           {"?a=b", relatedType, "", body, 400, "invalid-parameter"},
	} {
		r := request(t, http.MethodPost, s.url+"/dicom-web/studies"+c.path, bytes.NewReader(c.body))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		if c.accept != "" {
			r.Header.Set("Accept", c.accept)
		}
		if a := s.do(r); a.status != c.status || a.problem(t) != c.problem {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := s.do(request(t, http.MethodGet, s.url+"/dicom-web/studies", nil)); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("%d, Allow %q", a.status, a.header.Get("Allow"))
	}
}

func TestStoreTakesChunksAndClientsThatDoNotQuote(t *testing.T) {
	box := &kept{}
	s := start(t, func(c *Config) { c.Delivery = box })
	for i, contentType := range []string{
		"multipart/related; type=application/dicom; boundary=b", `Multipart/Related;boundary="b";type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"`,
	} {
		for _, accept := range []string{"*/*", "application/dicom+json", "application/dicom+xml, */*;q=0.1"} {
			r := request(t, http.MethodPost, s.url+"/dicom-web/studies", io.MultiReader(bytes.NewReader(relatedBody(chestFilm(t, i, nil)))))
			r.ContentLength = -1
			r.Header.Set("Content-Type", contentType)
			r.Header.Set("Accept", accept)
			if a := s.do(r); a.status != 200 {
				t.Errorf("%s, %s: %d %s", contentType, accept, a.status, a.body)
			}
		}
	}
	if len(box.results) != 6 {
		t.Errorf("%d results", len(box.results))
	}
}

func TestStoreIsAllOrNothingWhereTheQueueIsFull(t *testing.T) {
	box := &kept{}
	s := start(t, func(c *Config) { c.Delivery, c.Queue = box, NewQueue(1, 2) })
	release := s.fillQueue()
	a := s.store("", chestFilm(t, 1, nil), chestFilm(t, 2, nil))
	if a.status != 503 || a.problem(t) != "overloaded" || len(box.results) != 0 {
		t.Errorf("%d %s, %d delivered", a.status, a.body, len(box.results))
	}
	release()
	if a := s.store("", chestFilm(t, 1, nil), chestFilm(t, 2, nil)); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestStoreIsThereOnlyWithADelivery(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{"", "/1.2.3"} {
		if a := s.store(path, chestFilm(t, 1, nil)); a.status != 404 || a.problem(t) != "not-found" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestStoreIsRefusedWhileDraining(t *testing.T) {
	s := start(t, func(c *Config) { c.Delivery = &kept{} })
	s.server.predictions.shut()
	if a := s.store("", chestFilm(t, 1, nil)); a.status != 503 || a.problem(t) != "draining" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// A film that the gate refuses is not stored.
func TestStoreGoesByTheGate(t *testing.T) {
	box := &kept{}
	s := start(t, func(c *Config) { c.Delivery, c.Gate = box, pipeline.GateRefuse })
	a := s.store("", chestFilm(t, 1, func(d *dicom.Dataset) { d.SetStrings(dicom.BodyPartExamined, "HAND") }))
	if got := readTold(t, a); a.status != 409 || got.failed[testfilm.UID(1)] != dicomweb.Mismatch || len(box.results) != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// This package's client and server understand each other.
func TestClientStoresAtThisServer(t *testing.T) {
	box := &kept{}
	s := start(t, func(c *Config) { c.Delivery = box })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	address, err := url.JoinPath(s.url, "dicom-web", "studies")
	if err != nil {
		t.Fatal(err)
	}
	if err := dicomweb.Store(ctx, s.client, address, nil, [][]byte{chestFilm(t, 1, nil), chestFilm(t, 2, nil)}); err != nil || len(box.results) != 2 {
		t.Errorf("%v, %d results", err, len(box.results))
	}
	var e *dicomweb.StoreError
	if err := dicomweb.Store(ctx, s.client, address, nil, [][]byte{[]byte("no film")}); !errors.As(err, &e) || e.Temporary || e.Status != 409 || e.Reason != dicomweb.CannotUnderstand {
		t.Errorf("%v", err)
	}
	s.server.predictions.shut()
	if err := dicomweb.Store(ctx, s.client, address, nil, [][]byte{chestFilm(t, 1, nil)}); !errors.As(err, &e) || !e.Temporary {
		t.Errorf("%v", err)
	}
}

// provokeStore brings about every answer that the document promises for storing.
func (s *service) provokeStore(see func(method, path string, a answer)) {
	s.t.Helper()
	film := chestFilm(s.t, 1, nil)
	lateral := chestFilm(s.t, 2, func(d *dicom.Dataset) { d.SetStrings(dicom.ViewPosition, "LL") })
	s.server.config.Delivery = &kept{}
	for path, end := range map[string]string{"/dicom-web/studies": "", "/dicom-web/studies/{study}": "/" + testStudy} {
		post := func(query, header, value string, parts ...[]byte) {
			s.t.Helper()
			r := request(s.t, http.MethodPost, s.url+"/dicom-web/studies"+end+query, bytes.NewReader(relatedBody(parts...)))
			r.Header.Set("Content-Type", relatedType)
			if header != "" {
				r.Header.Set(header, value)
			}
			see("POST", path, s.do(r))
		}
		post("", "", "", film)
		post("", "", "", lateral)
		post("?a=b", "", "", film)
		post("", "Origin", "https://other.example", film)
		post("", "Accept", "application/dicom+xml", film)
		post("", "Content-Type", "image/png", film)
		post("", "", "", []byte("no film"))
		post("", "", "", film, film, film)
		see("POST", path, s.slowUploadTo("/dicom-web/studies"+end, relatedType))
		see("POST", path, s.do(request(s.t, http.MethodGet, s.url+"/dicom-web/studies"+end, nil)))
		release := s.fillQueue()
		post("", "", "", film)
		release()
	}
	s.server.config.Delivery = nil
	see("POST", "/dicom-web/studies", s.store("", film))
	see("POST", "/dicom-web/studies/{study}", s.store("/1.2", film))
}

func TestStoredUIDsAreEscaped(t *testing.T) {
	body, err := json.Marshal(dicomweb.Response([]dicomweb.Instance{{SOPClass: "1.2", SOPInstance: `"}<script>`}}))
	if err != nil || !json.Valid(body) || bytes.Contains(body, []byte("<script>")) {
		t.Errorf("%s, %v", body, err)
	}
}

func TestDrawingsHaveSquarePixels(t *testing.T) {
	for aspect, want := range map[float64]image.Point{1: {200, 100}, 2: {200, 200}, 0.5: {400, 100}, 0.1: {1024, 51}} {
		p := &radiograph.Picture{Image: testmodel.Picture(200, 100, 1), PixelAspect: aspect}
		if got := drawn(p); got == nil || got.Rect.Size() != want {
			t.Errorf("aspect %v: %v, want %v", aspect, got.Rect.Size(), want)
		}
	}
}
