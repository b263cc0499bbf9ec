package fuzz

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/spikeray/spikeray/api"
	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// FuzzInfer sends anything as a request: it is answered or refused, and nothing stays held.
func FuzzInfer(f *testing.F) {
	server, err := api.New(api.Config{
		Models:          pipeline.NewCatalogue(&pipeline.Entry{Model: testmodel.Gated(f)}),
		Metrics:         telemetry.NewMetrics(telemetry.Build{}),
		Log:             slog.New(slog.DiscardHandler),
		MaxRequestBytes: 1 << 20,
	})
	if err != nil {
		f.Fatal(err)
	}
	q := &oip.InferRequest{ID: "1", Parameters: oip.Parameters{"threshold": 0.5, "priority": "batch"},
		Inputs:  []oip.Tensor{{Name: "image", Datatype: oip.Bytes, Shape: []int{1, 1}, Elements: [][]byte{testmodel.PNG(20, 20, 1)}}},
		Outputs: []oip.RequestedOutput{{Name: "label"}, {Name: "probability", Parameters: oip.Parameters{"binary_data": true}}}}
	body, header, err := q.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, header, "")
	f.Add(testmodel.PNG(20, 20, 1), "0", "")
	f.Add([]byte(`{"inputs":[{"name":"pixels","shape":[1,2,2],"datatype":"FP32","data":[1,2,[3,null]]}],"parameters":{"deadline_ms":5}}`), "", "")
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"), "", "gzip")
	f.Add([]byte("\x78\x9c\xab\xae\x05\x00\x01\x75\x00\xf9"), "", "deflate")
	handler := server.Handler()
	f.Fuzz(func(t *testing.T, body []byte, header, encoding string) {
		r := httptest.NewRequest(http.MethodPost, "http://x/v2/models/tiny-gated/infer", bytes.NewReader(body))
		r.RemoteAddr = "192.0.2.1:1"
		for name, value := range map[string]string{oip.HeaderLength: header, "Content-Encoding": encoding} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := deadlined{httptest.NewRecorder()}
		handler.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError || w.Body.Len() == 0 {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		metrics := httptest.NewRecorder()
		handler.ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if !bytes.Contains(metrics.Body.Bytes(), []byte("\nspikeray_upload_buffer_bytes 0\n")) {
			t.Fatalf("bytes are still held, or %d for the metrics", metrics.Code)
		}
	})
}

// deadlined is a recorder that can be told deadlines.
type deadlined struct{ *httptest.ResponseRecorder }

func (deadlined) SetReadDeadline(time.Time) error  { return nil }
func (deadlined) SetWriteDeadline(time.Time) error { return nil }
