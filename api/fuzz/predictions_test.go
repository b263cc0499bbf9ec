// Package fuzz throws anything at the service's handler. It is apart from the
// package it tests because fuzzing instruments whatever a test imports, and
// api's other tests import a great deal.
package fuzz

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// Whatever is sent, the answer is JSON of one of the three shapes, is not the
// server's fault and leaves nothing held.
func FuzzPredictions(f *testing.F) {
	picture := testmodel.PNG(20, 20, 1)
	body, contentType := form(picture, []byte("x"), picture)
	requests := []struct {
		query, contentType string
		body               []byte
	}{
		{"", "image/png", picture},
		{"model=tiny-steps&steps=2&threshold=0.3", "", picture},
		{"threshold=NaN", contentType, body},
		{"", contentType, body},
		{"", contentType, body[:len(body)-30]},
		{"", "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=image\r\n\r\nGIF89a\r\n--b--")},
		{"", "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"image\"; filename*=utf-8''%41\r\n" +
			"Content-Transfer-Encoding: base64\r\n\r\n\r\n--b\r\n\r\n--b--\r\n")},
		{"a;b", "multipart/form-data", []byte("--")},
		{"", "image/jpeg", testmodel.JPEG(20, 20, 2)},
	}
	for i := range requests {
		f.Add(uint8(i), []byte{}, []byte{})
	}
	tokens := []string{
		"\r\n", "--b", "--", ";", "=", "&", "%00", "%", "\"", "boundary=", "Content-Disposition: form-data; name=image", "Content-Type: image/png", "multipart/form-data",
		"model=", "steps=", "threshold=", "operating_point=", "prevalence=", "bits=", "NaN", "-1", "1e999", "image/jpeg", "application/dicom", "\xff\xd8", "\x89PNG", "BM", "II*\x00", "RIFF",
	}

	queue := api.NewQueue(2, 8)
	server, err := api.New(api.Config{
		Models: pipeline.NewCatalogue(
			&pipeline.Entry{Model: testmodel.Rows(f)},
			&pipeline.Entry{Model: testmodel.Steps(f, 4)},
		),
		Metrics:       telemetry.NewMetrics(telemetry.Build{}),
		Log:           slog.New(slog.DiscardHandler),
		Queue:         queue,
		Limits:        radiograph.Limits{MaxPixels: 1 << 16, TIFF: true, WebP: true},
		MaxImageBytes: 64 << 10, MaxRequestBytes: 128 << 10, MaxUploadMemory: 2 << 20,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which uint8, head, spoils []byte) {
		if len(head) > testmodel.MaxEdits || len(spoils) > testmodel.MaxEdits {
			return
		}
		q := requests[int(which)%len(requests)]
		query, contentType, _ := strings.Cut(string(testmodel.Edited([]byte(q.query+"\n"+q.contentType), head, tokens)), "\n")
		body := testmodel.Edited(q.body, spoils, tokens)
		r := httptest.NewRequest(http.MethodPost, "/v1/predictions", bytes.NewReader(body))
		r.URL = &url.URL{Path: "/v1/predictions", RawQuery: query}
		r.Header["Content-Type"] = []string{contentType}
		w := httptest.NewRecorder()
		server.Handler().ServeHTTP(w, r)

		// One request at a time always has room, unless those before it kept some.
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var a struct {
			Raw         *float64 `json:"raw_probability"` // there, where a calibration for so few steps is not
			Probability *float64
			Predictions []json.RawMessage
			Type        string
			Status      int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatalf("%d: %v in %q", w.Code, err, w.Body)
		}
		switch problem := strings.HasPrefix(a.Type, "urn:spikeray:problem:") && a.Status == w.Code; {
		case w.Code != http.StatusOK && !problem:
			t.Fatalf("%d without a problem: %s", w.Code, w.Body)
		case w.Code == http.StatusOK && (a.Raw == nil) == (len(a.Predictions) < 2):
			t.Fatalf("neither a prediction nor a list of them: %s", w.Body)
		}
		for _, p := range []*float64{a.Probability, a.Raw} {
			if p != nil && !(*p >= 0 && *p <= 1) {
				t.Fatalf("probability %v", *p)
			}
		}
		if queue.Busy() != 0 || queue.Depth() != 0 {
			t.Fatalf("%d busy, %d waiting", queue.Busy(), queue.Depth())
		}
	})
}

func form(pictures ...[]byte) (body []byte, contentType string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, picture := range pictures {
		part, _ := w.CreateFormFile("image", "x.png")
		_, _ = part.Write(picture)
	}
	_ = w.Close()
	return out.Bytes(), w.FormDataContentType()
}
