package api

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testcontext"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// explain sends a raw picture to be explained.
func (s *service) explain(query string, picture []byte) answer {
	s.t.Helper()
	return s.explainAs(query, "", picture)
}

func (s *service) explainAs(query, accept string, picture []byte) answer {
	s.t.Helper()
	r := request(s.t, http.MethodPost, s.url+"/v1/explanations"+query, bytes.NewReader(picture))
	r.Header.Set("Content-Type", "application/octet-stream")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return s.do(r)
}

// explained is an explanation as a client reads it.
type explained struct {
	Prediction predictionDocument
	evidence.Evidence
	Timing explanationTiming `json:"timing_ms"`
}

func TestAnExplanationHasThePredictionsAnswer(t *testing.T) {
	shipped, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) {
		c.Models = pipeline.NewCatalogue(append([]*pipeline.Entry{shipped}, entries(t).All()...)...)
	})
	for name, picture := range map[string][]byte{"png": testmodel.PNG(300, 280, 2), "dicom": testfilm.File(1, 200, 220)} {
		for _, query := range []string{"?positions=16", "?positions=16&steps=1&operating_point=screening", "?model=tiny-rows", "?model=tiny-early&steps=3&fill=mean"} {
			a := s.explain(query, picture)
			if a.status != 200 || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s, %s: %d %s", name, query, a.status, a.body)
			}
			var got explained
			a.decode(t, &got)
			plain := strings.NewReplacer("positions=16", "bits=8", "&fill=mean", "").Replace(query)
			if name == "dicom" {
				plain = strings.ReplaceAll(plain, "bits=8&", "")
				plain = strings.ReplaceAll(plain, "?bits=8", "")
			}
			var want predictionDocument
			s.post(plain, picture).decode(t, &want)
			if got.Prediction.RawProbability != want.RawProbability || (got.Prediction.Probability == nil) != (want.Probability == nil) ||
				want.Probability != nil && *got.Prediction.Probability != *want.Probability || *got.Prediction.Steps != *want.Steps {
				t.Errorf("%s, %s: %+v, predicted %+v", name, query, got.Prediction.Answer, want.Answer)
			}
			if got.Notice != evidence.Notice || got.Occlusion == nil || got.Timing.Explain <= 0 {
				t.Errorf("%s, %s: notice %q, %v ms", name, query, got.Notice, got.Timing.Explain)
			}
			if n := len(got.Anytime); n > 0 && got.Anytime[n-1].RawProbability != want.RawProbability {
				t.Errorf("%s, %s: the last of the steps says %v, the answer %v", name, query, got.Anytime[n-1], want.RawProbability)
			}
		}
	}
}

func TestDrawingsAreInTheAnswer(t *testing.T) {
	a := start(t, nil).explain("?model=tiny-steps&positions=16&fill=blur", testmodel.PNG(64, 64, 1))
	var got struct{ Pictures []struct{ Name, PNG string } }
	a.decode(t, &got)
	if len(got.Pictures) != 3 {
		t.Fatalf("%d pictures", len(got.Pictures))
	}
	for _, p := range got.Pictures {
		file, err := base64.StdEncoding.DecodeString(p.PNG)
		if err != nil {
			t.Fatal(err)
		}
		if img, err := png.Decode(bytes.NewReader(file)); err != nil || img.Bounds().Dx() != 16 {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestOpacityCoversThePicture(t *testing.T) {
	s := start(t, nil)
	overlay := func(query string) []byte {
		var got explained
		s.explain("?model=tiny-steps&positions=16&fill=blur"+query, testmodel.PNG(64, 64, 1)).decode(t, &got)
		return got.Pictures[1].PNG
	}
	if standard := overlay(""); !bytes.Equal(standard, overlay("&opacity=0.6")) || bytes.Equal(standard, overlay("&opacity=1")) {
		t.Error("the opacity that is asked for is not drawn")
	}
}

func TestRastersAreAnsweredOnDemand(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	for _, c := range []struct{ query, accept, media string }{
		{"", "", mediaJSON},
		{"", "*/*", mediaJSON},
		{"?format=json", "text/csv", mediaJSON},
		{"?format=npz", "text/csv", evidence.MediaNPZ},
		{"", "application/zip, */*;q=0.1", evidence.MediaNPZ},
		{"?format=csv", "", evidence.MediaCSV},
		{"", "text/csv", evidence.MediaCSV},
		{"", "application/dicom", mediaJSON},
	} {
		a := s.explainAs(c.query, c.accept, picture)
		if a.status != 200 || a.header.Get("Content-Type") != c.media || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%+v: %d %s", c, a.status, a.header.Get("Content-Type"))
		}
		switch c.media {
		case evidence.MediaNPZ:
			if z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body))); err != nil || z.File[0].Name != "spike1.npy" {
				t.Errorf("%+v: %v", c, err)
			}
		case evidence.MediaCSV:
			if !bytes.HasPrefix(a.body, []byte("layer,step,row,column,channel,spikes\nspike1,1,0,")) {
				t.Errorf("%+v: %.80s", c, a.body)
			}
		}
	}
	if a := s.explain("?model=tiny-plain&format=npz", picture); a.status != 422 || a.problem(t) != "not-explainable" {
		t.Errorf("a model without spikes: %d %s", a.status, a.body)
	}
	if held := s.server.uploads.held.Load(); held != 0 {
		t.Errorf("%d bytes are still held", held)
	}
}

// TestEvidenceIsTakenFromTheMemoryOfUploads, since a slow reader keeps it for as long.
func TestEvidenceIsTakenFromTheMemoryOfUploads(t *testing.T) {
	picture := testmodel.PNG(20, 20, 1)
	s := start(t, func(c *Config) { c.MaxUploadMemory = 44 << 10 }) // above the smallest buffer, but not with the raster
	if a := s.explain("?format=npz&model=tiny-steps", picture); a.status != 503 {
		t.Errorf("%d %.80s", a.status, a.body)
	}
	if a := s.explain("?model=tiny-steps&positions=16", picture); a.status != 200 {
		t.Errorf("without: %d %.80s", a.status, a.body)
	}
	tight := start(t, func(c *Config) { c.MaxUploadMemory = 33 << 10 }) // not even with the drawings
	if a := tight.explain("?model=tiny-steps&positions=16", picture); a.status != 503 {
		t.Errorf("drawings: %d %.80s", a.status, a.body)
	}
}

func TestAnExplanationsParametersAreChecked(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	for _, query := range []string{
		"positions=63", "positions=", "positions=x", "positions=-16", "positions=16&positions=64", "fill=", "fill=black", "opacity=0", "opacity=1.01", "opacity=NaN",
		"opacity=x", "format=", "format=png", "report=sr", "echo=false", "other=1", "steps=2", "threshold=2", "%zz",
	} {
		if a := s.explain("?"+query, picture); a.status != 400 || a.problem(t) != "invalid-parameter" {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	for _, query := range []string{"positions=64", "opacity=1"} { // a prediction knows none of them
		if a := s.post("?"+query, picture); a.status != 400 {
			t.Errorf("%s: a prediction answers %d", query, a.status)
		}
	}
}

func TestAnExplanationIsOfOnePicture(t *testing.T) {
	s := start(t, nil)
	send := func(pictures ...[]byte) answer {
		body, contentType := form(t, "image", pictures...)
		r := request(t, http.MethodPost, s.url+"/v1/explanations", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return s.do(r)
	}
	picture := testmodel.PNG(64, 64, 1)
	var got explained
	if a := send(picture); a.status != 200 {
		t.Errorf("one: %d %s", a.status, a.body)
	} else if a.decode(t, &got); got.Prediction.Part == nil || *got.Prediction.Part.Filename != "patient-jane-doe.png" {
		t.Errorf("part %+v", got.Prediction.Part)
	}
	if a := send(picture, picture); a.status != 400 || a.problem(t) != "malformed-request" {
		t.Errorf("two: %d %s", a.status, a.body)
	}
}

// TestAnExplanationIsNoPrediction to the metrics of answers and to the comparison with the reference. What fails is counted.
func TestAnExplanationIsNoPrediction(t *testing.T) {
	s := start(t, nil)
	picture := testmodel.PNG(64, 64, 1)
	for range 3 {
		s.explain("?model=tiny-gated&positions=16", picture)
	}
	s.explain("?model=tiny-broken", picture)
	if n := s.drift("tiny-gated").Window.Pictures; n != 0 {
		t.Errorf("%d pictures are compared with the reference", n)
	}
	for _, l := range strings.Split(string(s.get("/metrics").body), "\n") {
		if strings.HasPrefix(l, "spikeray_predictions_total") && strings.Contains(l, "tiny-gated") && !strings.HasSuffix(l, " 0") {
			t.Error(l)
		}
	}
	s.post("?model=tiny-gated", picture)
	if n := s.drift("tiny-gated").Window.Pictures; n != 1 {
		t.Errorf("a prediction is compared %d times", n)
	}
}

// TestTheQueueKnowsWhatAnExplanationTakes: as many inferences as there are positions and fills, and the memory of its files.
func TestTheQueueKnowsWhatAnExplanationTakes(t *testing.T) {
	e := &pipeline.Entry{Model: testmodel.Steps(t, 2)}
	for opt, runs := range map[evidence.Options]int{{}: 129, {Positions: 16, Fill: evidence.FillMean}: 17, {SpikesOnly: true}: 1} {
		task := Task{Work: 5, Size: 3, Memory: 7}
		question{model: e, explain: &opt}.explaining(&task, time.Millisecond)
		if more := time.Duration(runs) * time.Millisecond; task.Work != 5+more || task.Size != 3+more || task.Memory != 7+evidence.Memory(e.Model) {
			t.Errorf("%+v: work %v, size %v, %d bytes", opt, task.Work, task.Size, task.Memory)
		}
	}
}

// TestAnExplanationEndsWithItsRequest wherever that is.
func TestAnExplanationEndsWithItsRequest(t *testing.T) {
	s, _ := newServer(t, nil)
	q, err := s.readExplanation(request(t, http.MethodPost, "/v1/explanations?model=tiny-plain&positions=16", nil))
	if err != nil {
		t.Fatal(err)
	}
	picture := testmodel.Picture(16, 16, 1).Pix
	for _, looks := range []int{0, 1, 5, 20} {
		var o outcome
		if err := o.explain(testcontext.EndsAfter(looks), q, picture); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d looks: %v", looks, err)
		}
	}
	// On one processor a timer can be ten milliseconds late. These inferences take some hundreds.
	long, err := pipeline.OpenModel(t.Context(), "snnxray", model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	late := start(t, func(c *Config) { c.Models, c.PredictTimeout = pipeline.NewCatalogue(long), time.Millisecond })
	if a := late.explain("?positions=225", testmodel.PNG(600, 600, 1)); a.status != 503 {
		t.Errorf("%s", fmt.Sprintf("%d %.80s", a.status, a.body))
	}
}

// TestRatesStandBesideThoseOfOtherPictures: the shipped model's on a drawn film are of the size of those on films.
func TestRatesStandBesideThoseOfOtherPictures(t *testing.T) {
	shipped, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) {
		c.Models = pipeline.NewCatalogue(append([]*pipeline.Entry{shipped}, entries(t).All()...)...)
	})
	film, err := os.ReadFile(filepath.Join("..", "examples", "synthetic-pneumonia.png"))
	if err != nil {
		t.Fatal(err)
	}
	spikes := func(query string) *evidence.Spikes {
		t.Helper()
		var got explained
		s.explain(query, film).decode(t, &got)
		if got.Spikes == nil || len(got.Spikes.Layers) == 0 {
			t.Fatalf("%s: no spikes", query)
		}
		return got.Spikes
	}
	for _, query := range []string{"?positions=16&fill=mean", "?positions=16&fill=mean&steps=2"} {
		got := spikes(query)
		if got.Reference == nil || got.Reference.Pictures != shipped.Rates.Pictures || got.Reference.Source != shipped.Rates.Source {
			t.Errorf("%s: %+v", query, got.Reference)
		}
		for _, l := range got.Layers {
			r := l.Reference
			if r == nil || *r != *shipped.Rates.Of(l.Name) {
				t.Errorf("%s: %s: %+v", query, l.Name, r)
			} else if math.Abs(l.Rate-r.Mean) > 6*r.StandardDeviation {
				t.Errorf("%s: %s fires %v, other pictures %+v", query, l.Name, l.Rate, *r)
			}
		}
	}
	for _, query := range []string{"?positions=16&fill=mean&steps=1", "?positions=16&fill=mean&model=tiny-steps"} {
		got := spikes(query)
		if got.Reference != nil || got.Layers[0].Reference != nil {
			t.Errorf("%s: %+v", query, got.Reference)
		}
	}
}
