package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestPredictionIsThePipelines(t *testing.T) {
	s := start(t, nil)
	for _, entry := range s.server.config.Models.Catalogue().All()[:4] {
		// Large enough to be warned of nothing: an empty list is in the answer all the same.
		picture := testmodel.JPEG(600, 500, 5)
		want, err := pipeline.Predict(context.Background(), entry.Model, picture, radiograph.Limits{}, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a := s.post("?model="+entry.Name(), picture)
		var got decided
		a.decode(t, &got)
		if got.Probability != want.Probability || got.Label != want.Label || got.Threshold != 0.5 {
			t.Errorf("%s: got %v %s, want %v %s", entry.Name(), got.Probability, got.Label, want.Probability, want.Label)
		}
		if got.Model.Name != entry.Name() || got.Model.Digest != entry.Digest() || got.Backend.Name != entry.Backend() {
			t.Errorf("model %+v on %+v", got.Model, got.Backend)
		}
		if sum := got.Probabilities["NORMAL"] + got.Probabilities["PNEUMONIA"]; math.Abs(sum-1) > 1e-9 || len(got.Probabilities) != 2 {
			t.Errorf("probabilities %v", got.Probabilities)
		}
		if got.Input.Format != "jpeg" || got.Input.Width != 600 || got.Input.Height != 500 ||
			got.Input.Warnings == nil || len(got.Input.Warnings) != 0 {
			t.Errorf("input %+v", got.Input)
		}
		if (got.Spikes == nil) != (want.Spikes == nil) {
			t.Fatalf("spikes %+v, want %+v", got.Spikes, want.Spikes)
		}
		if got.Spikes != nil && (got.Spikes.Total != want.Spikes.Total || got.Spikes.Steps != want.Steps || got.Spikes.Total == 0) {
			t.Errorf("spikes %+v, want %+v", got.Spikes, want.Spikes)
		}
		timing := got.Timing
		if timing.Decode <= 0 || timing.Total < timing.Decode+timing.Prepare+timing.Infer {
			t.Errorf("timing %+v", timing)
		}
		if got.ID != a.header.Get(requestIDHeader)+".0" || got.Notice != pipeline.Notice+" "+testmodel.Population {
			t.Errorf("id %q, notice %q", got.ID, got.Notice)
		}
	}
}

func TestOnePictureOfAFormAnswersAnObject(t *testing.T) {
	s := start(t, nil)
	var raw, part decided
	s.post("", testmodel.PNG(64, 64, 1)).decode(t, &raw)
	s.postForm("", testmodel.PNG(64, 64, 1)).decode(t, &part)
	if part.Probability != raw.Probability || part.ID == "" {
		t.Errorf("raw %v, form %v", raw.Probability, part.Probability)
	}
	if a := s.postForm("", []byte("no picture")); a.status != 400 || a.problem(t) != "not-a-picture" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

type listed struct {
	decided
	Error *Problem
}

func TestSeveralPicturesAnswerInOrderEachForItself(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxImageBytes = 64 << 10; c.Queue = NewQueue(4, 16) })
	pictures := [][]byte{
		testmodel.PNG(64, 64, 1), []byte("no picture"), testmodel.PNG(64, 64, 2), testmodel.PNG(1, 1, 0),
		make([]byte, 65<<10), testmodel.PNG(64, 64, 3), testmodel.JPEG(64, 64, 1)[:500], {},
	}
	wantProblems := []string{"", "not-a-picture", "", "not-a-radiograph", "too-large", "", "not-a-picture", "not-a-picture"}

	a := s.postForm("", pictures...)
	var list struct{ Predictions []listed }
	a.decode(t, &list)
	if a.status != 200 || len(list.Predictions) != len(pictures) {
		t.Fatalf("%d with %d of %d", a.status, len(list.Predictions), len(pictures))
	}
	for i, got := range list.Predictions {
		if want := fmt.Sprintf("%s.%d", a.header.Get(requestIDHeader), i); got.ID != want {
			t.Errorf("%d: id %q, want %q", i, got.ID, want)
		}
		if wantProblems[i] != "" {
			if got.Error == nil || got.Error.Type != "urn:spikeray:problem:"+wantProblems[i] {
				t.Errorf("%d: %+v, want %s", i, got.Error, wantProblems[i])
			}
			continue
		}
		var alone decided
		s.post("", pictures[i]).decode(t, &alone)
		if got.Error != nil || got.Probability != alone.Probability {
			t.Errorf("%d: %v together and %v alone (%+v)", i, got.Probability, alone.Probability, got.Error)
		}
	}
}

func TestThresholdDecidesTheLabel(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	var p decided
	s.post("", picture).decode(t, &p)
	for threshold, want := range map[float64]string{
		0: "PNEUMONIA", p.Probability: "PNEUMONIA", math.Nextafter(p.Probability, 1): "NORMAL", 1: "NORMAL",
	} {
		var got decided
		s.post(fmt.Sprintf("?threshold=%v", threshold), picture).decode(t, &got)
		if got.Label != want || got.Threshold != threshold {
			t.Errorf("threshold %v: %s at %v, want %s", threshold, got.Label, got.Threshold, want)
		}
	}
}

func TestStepsAreThoseAskedFor(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	for query, want := range map[string]int{"": 8, "&steps=8": 8, "&steps=1": 1, "&steps=3": 3} {
		var p predictionDocument
		s.post("?model=tiny-steps"+query, picture).decode(t, &p)
		if p.Spikes == nil || p.Spikes.Steps != want {
			t.Errorf("%q: %+v, want %d steps", query, p.Spikes, want)
		}
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	s := start(t, nil)
	for _, query := range []string{
		"threshold=", "threshold=x", "threshold=-0.1", "threshold=1.1", "threshold=NaN", "threshold=%2BInf", "threshold=1&threshold=1",
		"steps=1", "model=tiny-plain&steps=1", "model=tiny-steps&steps=0", "model=tiny-steps&steps=9",
		"model=tiny-steps&steps=-1", "model=tiny-steps&steps=1.5", "model=tiny-steps&steps=99999999999999999999",
		"prevalence=0.5", "model=tiny-gated&prevalence=0", "model=tiny-gated&prevalence=1", "model=tiny-gated&prevalence=", "model=tiny-gated&prevalence=NaN",
		"model=tiny-gated&prevalence=0.1&prevalence=0.1", "operating_point=balanced", "model=tiny-gated&operating_point=",
		"model=tiny-gated&operating_point=none", "model=tiny-gated&operating_point=balanced&threshold=0.5",
		"unknown=1", "Model=tiny-rows", "%zz", "a;b",
	} {
		a := s.post("?"+query, testmodel.PNG(64, 64, 1))
		if a.status != 400 || a.problem(t) != "invalid-parameter" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	for _, query := range []string{"model=", "model=none", "model=../tiny-rows", "model=%00"} {
		a := s.post("?"+query, testmodel.PNG(64, 64, 1))
		if a.status != 404 || a.problem(t) != "unknown-model" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestBodiesThatAreNotOnePicture(t *testing.T) {
	s := start(t, func(c *Config) {
		c.MaxImageBytes, c.MaxRequestBytes, c.MaxImages = 64<<10, 128<<10, 3
		c.Limits.MaxPixels = 100 * 100
	})
	picture := testmodel.PNG(64, 64, 1)
	goodForm, goodType := form(t, "image", picture, picture)
	otherField, otherType := form(t, "file", picture)
	noPart, noPartType := form(t, "image")
	many, manyType := form(t, "image", picture, picture, picture, picture)
	long, longType := form(t, "image", make([]byte, 60<<10), make([]byte, 60<<10), make([]byte, 60<<10))
	jpeg := testmodel.JPEG(90, 90, 1)

	for name, c := range map[string]struct {
		contentType, encoding string
		body                  []byte
		status                int
		problem               string
	}{
		"empty":                  {"", "", nil, 400, "not-a-picture"},
		"text":                   {"image/png", "", []byte("hello"), 400, "not-a-picture"},
		"truncated JPEG":         {"image/jpeg", "", jpeg[:len(jpeg)/2], 400, "not-a-picture"},
		"JPEG without its end":   {"image/jpeg", "", jpeg[:len(jpeg)-2], 400, "not-a-picture"},
		"too many bytes":         {"image/png", "", make([]byte, 65<<10), 413, "too-large"},
		"too many pixels":        {"image/png", "", testmodel.PNG(101, 100, 1), 413, "too-large"},
		"GIF":                    {"image/gif", "", []byte("GIF89a"), 415, "unsupported-format"},
		"TIFF while it is off":   {"image/tiff", "", []byte("II*\x00\x08\x00\x00\x00"), 415, "unsupported-format"},
		"DICOM without pixels":   {"image/dicom", "", []byte("\x08\x00\x05\x00CS\x0a\x00ISO_IR 100\x08\x00\x08\x00CS\x02\x00AB\x08\x00\x60\x00CS\x02\x00CR"), 400, "not-a-picture"},
		"DICOM of a CT":          {"application/dicom", "", []byte("\x08\x00\x05\x00CS\x0a\x00ISO_IR 100\x08\x00\x08\x00CS\x02\x00AB\x08\x00\x60\x00CS\x02\x00CT"), 422, "not-a-radiograph"},
		"declared DICOM":         {"application/dicom", "", []byte("anything"), 400, "not-a-picture"},
		"DICOM by web":           {`multipart/related; type="application/dicom"; boundary=x`, "", []byte("--x--"), 415, "unsupported-format"},
		"DICOM without its own":  {"application/dicom+json", "", []byte("[]"), 415, "unsupported-format"},
		"one pixel":              {"image/png", "", testmodel.PNG(1, 1, 1), 422, "not-a-radiograph"},
		"declared JSON":          {"application/json", "", []byte("{}"), 415, "unsupported-format"},
		"declared nonsense":      {"///", "", picture, 400, "malformed-request"},
		"gzip":                   {"image/png", "gzip", picture, 415, "unsupported-format"},
		"form without boundary":  {"multipart/form-data", "", goodForm, 400, "malformed-request"},
		"form of another kind":   {strings.Replace(goodType, "form-data", "mixed", 1), "", goodForm, 415, "unsupported-format"},
		"form cut off":           {goodType, "", goodForm[:len(goodForm)-20], 400, "malformed-request"},
		"form cut in a picture":  {goodType, "", goodForm[:len(goodForm)/4], 400, "malformed-request"},
		"form of another field":  {otherType, "", otherField, 400, "malformed-request"},
		"form of nothing":        {noPartType, "", noPart, 400, "malformed-request"},
		"form of many pictures":  {manyType, "", many, 413, "too-large"},
		"form longer than taken": {longType, "", long, 413, "too-large"},
	} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = bytes.NewReader(c.body)
			if chunked {
				body = io.MultiReader(body) // hides the length
			}
			r := request(t, http.MethodPost, s.url+"/v1/predictions", body)
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if c.encoding != "" {
				r.Header.Set("Content-Encoding", c.encoding)
			}
			a := s.do(r)
			if a.status != c.status || a.problem(t) != c.problem {
				t.Errorf("%s (chunked %v): %d %s, want %d %s", name, chunked, a.status, a.body, c.status, c.problem)
			}
		}
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

func TestAFullQueueAnswers503(t *testing.T) {
	s := start(t, func(c *Config) { c.Queue = NewQueue(1, 2) })
	release := s.fillQueue()
	a := s.post("", testmodel.PNG(64, 64, 1))
	if a.status != 503 || a.problem(t) != "overloaded" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	release()
	if a := s.post("", testmodel.PNG(64, 64, 1)); a.status != 200 {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
	metric(t, s, `spikeray_rejections_total{reason="queue_full"} 1`)
}

func TestAWaitThatIsTooLongAnswers503(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 2)
		c.PredictTimeout = 50 * time.Millisecond
	})
	busy := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.server.config.Queue.Do(context.Background(), block(busy))
	}()
	for s.server.config.Queue.Busy() == 0 {
		time.Sleep(time.Millisecond)
	}
	if a := s.post("", testmodel.PNG(64, 64, 1)); a.status != 503 || a.problem(t) != "overloaded" {
		t.Errorf("%d %s", a.status, a.body)
	}
	close(busy)
	<-ended
}

func TestUploadsShareTheirMemory(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxUploadMemory = 256 << 10 })
	// A client that keeps most of the memory while it dawdles.
	reader, writer := io.Pipe()
	r := request(t, http.MethodPost, s.url+"/v1/predictions", reader)
	slow := make(chan error, 1)
	go func() {
		response, err := s.client.Do(r)
		if err == nil {
			err = response.Body.Close()
		}
		slow <- err
	}()
	_, _ = writer.Write(make([]byte, 100<<10))
	for s.server.uploads.held.Load() < 128<<10 {
		time.Sleep(time.Millisecond)
	}
	if a := s.post("", make([]byte, 200<<10)); a.status != 503 || a.problem(t) != "overloaded" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.post("", testmodel.PNG(64, 64, 1)); a.status != 200 {
		t.Errorf("a small picture: %d %s", a.status, a.body)
	}
	_ = writer.CloseWithError(io.EOF)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	metric(t, s, `spikeray_rejections_total{reason="upload_memory"} 1`)
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

func TestAClientThatLeavesFreesItsPlace(t *testing.T) {
	s := start(t, func(c *Config) { c.Queue = NewQueue(1, 1) })
	queue := s.server.config.Queue
	busy, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = queue.Do(context.Background(), block(busy))
	}()
	for queue.Busy() == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, leave := context.WithCancel(context.Background())
	r := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(testmodel.PNG(64, 64, 1))).WithContext(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.client.Do(r); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	for queue.Depth() == 0 {
		time.Sleep(time.Millisecond)
	}
	leave()
	wg.Wait()
	for queue.Depth() != 0 {
		time.Sleep(time.Millisecond)
	}
	close(busy)
	<-ended
	metric(t, s, `spikeray_http_requests_total{code="499",method="POST",route="/v1/predictions"} 1`)
}

// metric waits for a line of the scrape: some are counted after the answer.
func metric(t *testing.T, s *service, line string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	var scrape string
	for time.Now().Before(deadline) {
		scrape = string(s.with(s.key, http.MethodGet, "/metrics", nil).body)
		for _, got := range strings.Split(scrape, "\n") {
			if got == line {
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("no line %s in\n%s", line, scrape)
}

func TestMetricsTellWhatWasAnswered(t *testing.T) {
	s := start(t, nil)
	s.postForm("", testmodel.PNG(64, 64, 1), testmodel.PNG(64, 64, 2), []byte("no picture"))
	s.get("/nothing/here")
	for _, line := range []string{
		`spikeray_http_requests_total{code="200",method="POST",route="/v1/predictions"} 1`,
		`spikeray_http_requests_total{code="404",method="GET",route="unmatched"} 1`,
		`spikeray_prediction_failures_total{model="tiny-rows",problem="not-a-picture"} 1`,
		`spikeray_prediction_probability_ratio_count{model="tiny-rows"} 2`,
		`spikeray_stage_duration_seconds_count{stage="queue"} 2`,
		`spikeray_stage_duration_seconds_count{stage="decode"} 2`,
		`spikeray_stage_duration_seconds_count{stage="prepare"} 2`,
		`spikeray_stage_duration_seconds_count{stage="infer"} 2`,
		`spikeray_stage_duration_seconds_count{stage="total"} 2`,
		`spikeray_queue_depth 0`,
		`spikeray_workers_busy 0`,
	} {
		metric(t, s, line)
	}
	problems, err := testutil.GatherAndLint(s.server.config.Metrics.Registry())
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestClientThatHalfClosesGetsNoEmptyAnswer(t *testing.T) {
	s := start(t, nil)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	picture := testmodel.JPEG(1500, 1500, 1)
	fmt.Fprintf(conn, "POST /v1/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", len(picture))
	if _, err := conn.Write(picture); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	// If the server noticed only after it had answered, the answer is a whole one.
	if len(answer) > 0 && !bytes.Contains(answer, []byte(`"probability"`)) {
		t.Errorf("%s", answer)
	}
}
