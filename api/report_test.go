package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/report"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// accepting sends a film with an Accept header.
func (s *service) accepting(query, accept string, picture []byte) answer {
	s.t.Helper()
	r := request(s.t, http.MethodPost, s.url+"/v1/predictions"+query, bytes.NewReader(picture))
	r.Header.Set("Content-Type", "application/octet-stream")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return s.do(r)
}

func TestReportsAreAnsweredOnDemand(t *testing.T) {
	s := start(t, func(c *Config) { c.Version = "1.2.3" })
	film := testfilm.File(1, 200, 220)
	for _, c := range []struct{ query, accept, media, class string }{
		{"", "", "application/json", ""},
		{"", "*/*", "application/json", ""},
		{"", "application/json, application/dicom", "application/json", ""},
		{"", "application/*", "application/json", ""},
		{"", "text/html, application/xhtml+xml, */*;q=0.8", "application/json", ""},
		{"", "application/dicom;q=0", "application/json", ""},
		{"", "application/dicom;q=0.5, */*;q=0.6", "application/json", ""},
		{"", "application/dicom;q=nonsense", "application/json", ""},
		{"", "application/dicom", report.MediaDICOM, dicom.Comprehensive3DSR},
		{"", "application/dicom, */*;q=0.1", report.MediaDICOM, dicom.Comprehensive3DSR},
		{"?report=sr", "", report.MediaDICOM, dicom.Comprehensive3DSR},
		{"?report=sc", "application/dicom", report.MediaDICOM, dicom.SecondaryCaptureImage},
		{"?report=sc", "", report.MediaDICOM, dicom.SecondaryCaptureImage},
		{"", "application/fhir+json", report.MediaFHIR, ""},
		{"?report=fhir", "*/*", report.MediaFHIR, ""},
		{"", "x-application/hl7-v2+er7", report.MediaHL7, ""},
		{"?report=hl7", "application/dicom", report.MediaHL7, ""},
	} {
		a := s.accepting(c.query, c.accept, film)
		name := fmt.Sprintf("%s, Accept: %s", c.query, c.accept)
		if a.status != 200 || a.header.Get("Content-Type") != c.media || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, a.status, a.header.Get("Content-Type"))
			continue
		}
		switch c.media {
		case report.MediaDICOM:
			f, err := dicom.Parse(a.body, dicom.Limits{})
			if err != nil || f.Dataset.String(dicom.SOPClassUID) != c.class || f.Dataset.String(dicom.StudyInstanceUID) != testfilm.Dataset(1, 8, 8).String(dicom.StudyInstanceUID) {
				t.Errorf("%s: %v, class %s", name, err, f.Dataset.String(dicom.SOPClassUID))
			}
			if rows, _ := f.Dataset.Ints(dicom.Rows); c.class == dicom.SecondaryCaptureImage && (len(rows) != 1 || rows[0] < 220) {
				t.Errorf("%s: %v rows", name, rows)
			}
		case report.MediaFHIR:
			var b struct{ ResourceType string }
			if err := json.Unmarshal(a.body, &b); err != nil || b.ResourceType != "Bundle" {
				t.Errorf("%s: %v %s", name, err, a.body)
			}
		case report.MediaHL7:
			if !bytes.HasPrefix(a.body, []byte("MSH|")) {
				t.Errorf("%s: %s", name, a.body)
			}
		}
	}
	if a, b := s.accepting("?report=sr", "", film), s.accepting("?report=sr", "", film); a.status != 200 || uid(t, a) != uid(t, b) {
		t.Error("the same film gives another report")
	}
	if a := s.accepting("?report=sr&threshold=0.1", "", film); uid(t, a) == uid(t, s.accepting("?report=sr", "", film)) {
		t.Error("another threshold gives the same report")
	}
}

func uid(t *testing.T, a answer) string {
	t.Helper()
	f, err := dicom.Parse(a.body, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f.Dataset.String(dicom.SOPInstanceUID)
}

func TestReportsOfWhatTheyCannotBeOf(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 48, 1)
	for _, kind := range []string{"sr", "sc", "hl7"} {
		if a := s.post("?report="+kind, picture); a.status != 422 || a.problem(t) != "not-reportable" {
			t.Errorf("%s of a PNG: %d %s", kind, a.status, a.body)
		}
	}
	if a := s.accepting("", "application/dicom", picture); a.status != 422 || a.problem(t) != "not-reportable" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.post("?report=fhir", picture); a.status != 200 || a.header.Get("Content-Type") != report.MediaFHIR {
		t.Errorf("FHIR of a PNG: %d %s", a.status, a.body)
	}
	for query, problem := range map[string]string{"?report=pdf": "invalid-parameter", "?report=": "invalid-parameter", "?report=sr&report=sc": "invalid-parameter"} {
		if a := s.post(query, picture); a.status != 400 || a.problem(t) != problem {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := s.postForm("?report=fhir", picture, picture); a.status != 400 || a.problem(t) != "malformed-request" {
		t.Errorf("two pictures: %d %s", a.status, a.body)
	}
	if a := s.postForm("?report=sr", testfilm.File(1, 64, 64)); a.status != 200 || a.header.Get("Content-Type") != report.MediaDICOM {
		t.Errorf("a form with one film: %d %s", a.status, a.body)
	}
	nameless := testfilm.Dataset(1, 64, 64)
	nameless.Delete(dicom.StudyInstanceUID)
	file, err := dicom.EncodeFile(nameless, dicom.ExplicitLittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	if a := s.post("?report=sr", file); a.status != 422 || a.problem(t) != "not-reportable" {
		t.Errorf("a film without a study: %d %s", a.status, a.body)
	}
	if a := s.post("", file); a.status != 200 {
		t.Errorf("its answer in JSON: %d %s", a.status, a.body)
	}
}

func TestFilmsAreTakenAndTheirResultsDelivered(t *testing.T) {
	to := &kept{pictures: true}
	s := start(t, func(c *Config) { c.Delivery = to })
	film := testfilm.File(1, 200, 220)
	if err := s.server.Take(t.Context(), "10.1.2.3:4", film); err != nil {
		t.Fatal(err)
	}
	if err := s.server.TakeFile(t.Context(), bytes.NewReader(film), int64(len(film))); err != nil {
		t.Fatal(err)
	}
	if len(to.results) != 2 {
		t.Fatalf("%d results", len(to.results))
	}
	for i, r := range to.results {
		if to.uids[i] != testfilm.UID(1) || r.Answer.Probability == nil || r.Positive != "PNEUMONIA" || r.ID == "" || r.At.IsZero() ||
			r.Picture.Bounds().Dx() != 200 || r.Picture.Bounds().Dy() != 220 {
			t.Errorf("%+v", r)
		}
	}
	if to.results[0].ID == to.results[1].ID || s.server.uploads.held.Load() != 0 {
		t.Errorf("%d bytes are held", s.server.uploads.held.Load())
	}
}

func TestWhyAFilmIsNotTaken(t *testing.T) {
	to := &kept{}
	s := start(t, func(c *Config) { c.Delivery, c.MaxImageBytes, c.MaxUploadMemory = to, 1<<20, 2<<20 })
	good := testfilm.File(1, 64, 64)
	spoiled := func(spoil func(*dicom.Dataset)) []byte {
		d := testfilm.Dataset(2, 64, 64)
		spoil(d)
		file, err := dicom.EncodeFile(d, dicom.ExplicitLittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	for name, c := range map[string]struct {
		film      []byte
		delivery  error
		status    dimse.Status
		http      int
		temporary bool
	}{
		"good":                {good, nil, dimse.Success, 0, false},
		"a picture":           {testmodel.PNG(64, 64, 1), nil, dimse.NotMatching, 415, false},
		"mammography":         {spoiled(func(d *dicom.Dataset) { d.SetStrings(dicom.Modality, "MG") }), nil, dimse.NotMatching, 422, false},
		"without pixels":      {spoiled(func(d *dicom.Dataset) { d.Delete(dicom.PixelData) }), nil, dimse.CannotUnderstand, 400, false},
		"cut":                 {good[:len(good)-100], nil, dimse.CannotUnderstand, 400, false},
		"the outbox is full":  {good, fmt.Errorf("put: %w", outbox.ErrFull), dimse.OutOfResources, 503, true},
		"the disk is broken":  {good, errors.New("input/output error"), dimse.OutOfResources, 503, true},
		"it has no study":     {good, fmt.Errorf("sr: %w", report.ErrFilm), dimse.NotMatching, 422, false},
		"two frames":          {spoiled(func(d *dicom.Dataset) { d.SetInts(dicom.NumberOfFrames, 2) }), nil, dimse.NotMatching, 422, false},
		"more than it may be": {make([]byte, 1<<20+1), nil, dimse.CannotUnderstand, 413, false},
	} {
		to.fail = func(node.Result) error { return c.delivery }
		err := s.server.TakeFile(t.Context(), bytes.NewReader(c.film), int64(len(c.film)))
		status, comment := StoreStatus(err)
		if status != c.status || len(comment) > 64 || strings.Contains(comment, "PLANTED") {
			t.Errorf("%s: %v (%s) for %v, want %v", name, status, comment, err, c.status)
		}
		if got, _ := Status(err); err != nil && got != c.http || Temporary(err) != c.temporary {
			t.Errorf("%s: %d for %v, want %d", name, got, err, c.http)
		}
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are held", held)
	}
	for err, want := range map[error]dimse.Status{
		ErrQueueFull: dimse.OutOfResources, errDraining: dimse.OutOfResources, errPredictTimeout: dimse.OutOfResources, context.Canceled: dimse.OutOfResources,
		&pipeline.RefusedError{}: dimse.NotMatching, radiograph.ErrDepth: dimse.CannotUnderstand, errors.New("unknown"): dimse.ProcessingFailure,
	} {
		if got, _ := StoreStatus(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
	s.server.predictions.shut()
	if err := s.server.Take(t.Context(), "", good); !Temporary(err) {
		t.Errorf("while it drains: %v", err)
	}
}

func BenchmarkAcceptedForOrdinaryRequests(b *testing.B) {
	header := []string{"*/*"}
	b.ReportAllocs()
	for b.Loop() {
		if accepted(header) != "" {
			b.Fatal("not JSON")
		}
	}
}

func TestACaptureShowsAMapOnDemand(t *testing.T) {
	s := start(t, nil)
	film := testfilm.File(1, 200, 220)
	capture := func(query string) *dicom.Dataset {
		t.Helper()
		a := s.post(query, film)
		f, err := dicom.Parse(a.body, dicom.Limits{})
		if a.status != 200 || err != nil {
			t.Fatalf("%s: %d %.200s, %v", query, a.status, a.body, err)
		}
		return f.Dataset
	}
	plain, mapped := capture("?report=sc"), capture("?report=sc&map=occlusion")
	if plain.String(dicom.PhotometricInterpretation) != "MONOCHROME2" || mapped.String(dicom.PhotometricInterpretation) != "RGB" {
		t.Errorf("%s, %s", plain.String(dicom.PhotometricInterpretation), mapped.String(dicom.PhotometricInterpretation))
	}
	if plain.String(dicom.SOPInstanceUID) == mapped.String(dicom.SOPInstanceUID) {
		t.Error("both have one UID")
	}
	if capture("?map=occlusion&report=sc").String(dicom.SOPInstanceUID) != mapped.String(dicom.SOPInstanceUID) {
		t.Error("the same film gives another capture")
	}
	capture("?report=sc&map=occlusion&model=tiny-steps&steps=8")
	for _, query := range []string{"?map=occlusion", "?report=sr&map=occlusion", "?report=fhir&map=occlusion", "?report=sc&map=", "?report=sc&map=activation", "?report=sc&map=occlusion&map=occlusion"} {
		if a := s.post(query, film); a.status != 400 || a.problem(t) != "invalid-parameter" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if a := s.explain("?map=occlusion", film); a.status != 400 {
		t.Errorf("an explanation takes it: %d", a.status)
	}
	if a := s.post("?report=sc&map=occlusion", testmodel.PNG(64, 64, 1)); a.status != 422 || a.problem(t) != "not-reportable" {
		t.Errorf("a picture without a patient: %d %s", a.status, a.body)
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
	board, _ := onBoard(t, "")
	if a := board.post("?report=sc&map=occlusion", film); a.status != 422 || a.problem(t) != "not-explainable" {
		t.Errorf("on a board: %d %s", a.status, a.body)
	}
}

// TestACaptureInColourIsTakenFromTheMemory of uploads while it is sent, and is made as a task of the queue.
func TestACaptureInColourIsTakenFromTheMemory(t *testing.T) {
	film := testfilm.File(1, 200, 220)
	tight := start(t, func(c *Config) { c.MaxUploadMemory = 400 << 10 })
	if a := tight.post("?report=sc", film); a.status != 200 {
		t.Errorf("grey: %d %.200s", a.status, a.body)
	}
	if a := tight.post("?report=sc&map=occlusion", film); a.status != 503 || a.problem(t) != "overloaded" {
		t.Errorf("colour: %d %.200s", a.status, a.body)
	}
	s := start(t, nil)
	if err := s.server.config.Queue.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	picture := testmodel.Picture(200, 220, 1)
	_, err := s.server.report(t.Context(), caller{}, question{report: report.KindSC}, node.Result{Picture: picture, Evidence: &evidence.Evidence{}})
	if !errors.Is(err, ErrQueueClosed) {
		t.Errorf("with a closed queue: %v", err)
	}
}

// TestACaptureOfABatchIsBatchWork, as its answer is.
func TestACaptureOfABatchIsBatchWork(t *testing.T) {
	s := start(t, func(c *Config) { c.Queue = NewQueue(1, 8) })
	release := s.busyWorker()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.server.report(ctx, caller{}, question{report: report.KindSC, batch: true},
			node.Result{Picture: testmodel.Picture(200, 220, 1), Evidence: &evidence.Evidence{}})
	}()
	q := s.server.config.Queue
	for q.Depth() == 0 {
		time.Sleep(time.Millisecond)
	}
	q.mu.Lock()
	if interactive, batch := q.waits(); interactive || !batch {
		t.Error("it is interactive")
	}
	q.mu.Unlock()
	cancel()
	<-done
	release()
}

func TestFilmsOfSystemsAreExplainedWhereTheirCapturesShowMaps(t *testing.T) {
	for _, maps := range []bool{false, true} {
		d := &kept{pictures: true, maps: maps}
		s := start(t, func(c *Config) { c.Delivery = d })
		if a := s.store("", chestFilm(t, 1, nil)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if err := s.server.Take(t.Context(), "192.0.2.1:1", chestFilm(t, 2, nil)); err != nil {
			t.Fatal(err)
		}
		for i, r := range d.results {
			if (r.Evidence != nil) != maps || maps && (r.Evidence.Occlusion == nil || r.Evidence.Occlusion.Positions != 64 || len(r.Evidence.Pictures) != 0) {
				t.Errorf("maps %v: result %d has %+v", maps, i, r.Evidence)
			}
		}
		if len(d.results) != 2 {
			t.Errorf("%d results", len(d.results))
		}
	}
}
