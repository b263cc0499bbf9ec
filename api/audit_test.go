package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/spikeray/spikeray/internal/dimse"
	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// audited is a server with a journal, and reads what is in it.
func audited(t *testing.T, change func(*Config)) (s *service, dir string, records func() []journal.Seen) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "audit")
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	s = start(t, func(c *Config) {
		c.Journal = j
		if change != nil {
			change(c)
		}
	})
	return s, dir, func() (all []journal.Seen) {
		t.Helper()
		v, err := journal.Verify(t.Context(), dir, func(r journal.Seen) error {
			if r.Asked != nil {
				all = append(all, r)
			}
			return nil
		})
		if err != nil || !v.Whole() {
			t.Fatalf("%v, %+v", err, v)
		}
		return all
	}
}

// TestRecordsNameWhoShowedAKey: an address says nothing of who asked where callers come through a proxy.
func TestRecordsNameWhoShowedAKey(t *testing.T) {
	guard, keys := guarded(t)
	s, _, records := audited(t, func(c *Config) { c.Guard = guard })
	for _, key := range []string{"predict", "usual"} {
		if a := s.with(keys[key], http.MethodPost, "/v1/predictions", testmodel.PNG(64, 48, 1)); a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if all := records(); len(all) != 2 || all[0].Asked.Caller != "key:predict" || all[1].Asked.Caller != "key:usual" {
		t.Errorf("%+v", all)
	}
}

func receiptsOf(list []journal.Seen) string {
	var texts []string
	for _, r := range list {
		texts = append(texts, r.Receipt().String())
	}
	return strings.Join(texts, ", ")
}

// TestEveryWayToAnAnswerIsRecorded sends pictures by each of them.
func TestEveryWayToAnAnswerIsRecorded(t *testing.T) {
	to := &kept{}
	s, dir, records := audited(t, func(c *Config) { c.Delivery = to })
	picture, film := testmodel.PNG(64, 48, 1), testfilm.File(1, 64, 64)
	var seen int
	for _, c := range []struct {
		via      string
		send     func() answer
		problems []string // "" is an answer
	}{
		{"/v1/predictions", func() answer { return s.post("", picture) }, []string{""}},
		{"/v1/predictions", func() answer { return s.post("", film) }, []string{""}},
		{"/v1/predictions", func() answer { return s.postForm("", picture, []byte("no picture"), film) }, []string{"", "not-a-picture", ""}},
		{"/v1/predictions", func() answer { return s.post("", []byte("GIF89a")) }, []string{"unsupported-format"}},
		{"/v1/predictions", func() answer { return s.post("?report=sr", picture) }, []string{"not-reportable"}},
		{"/v1/predictions", func() answer { return s.post("?model=tiny-broken", picture) }, []string{"internal"}},
		{"/v1/explanations", func() answer { return s.explain("?model=tiny-steps", picture) }, []string{""}},
		{"/dicom-web/studies", func() answer { return s.store("", film, picture) }, []string{"", "unsupported-format"}},
		{"/dicom-web/studies/{study}", func() answer { return s.store("/"+testStudy, chestFilm(t, 4, nil)) }, []string{""}},
		{"/v2/models/{model}/infer", func() answer {
			return s.infer("tiny-rows", &oip.InferRequest{Inputs: files(picture)})
		}, []string{""}},
		{"/v2/models/{model}/infer", func() answer {
			return s.infer("tiny-rows", &oip.InferRequest{Inputs: files(picture, []byte("no picture"))})
		}, []string{"", "not-a-picture"}},
		{"dimse", func() answer {
			if err := s.server.Take(t.Context(), "10.1.2.3:4", film); err != nil {
				t.Error(err)
			}
			return answer{}
		}, []string{""}},
		{"watch", func() answer {
			if err := s.server.TakeFile(t.Context(), bytes.NewReader(picture), int64(len(picture))); err == nil {
				t.Error("a PNG is taken for a film")
			}
			return answer{}
		}, []string{"unsupported-format"}},
	} {
		a := c.send()
		all := records()
		fresh := all[seen:]
		seen = len(all)
		var problems []string
		for i, r := range fresh {
			problem := ""
			if r.Problem != nil {
				problem = r.Problem.Name
			}
			problems = append(problems, problem)
			id, _, _ := strings.Cut(r.Asked.ID, ".")
			if r.Asked.Via != c.via || r.Asked.Input.Bytes == 0 || r.Asked.Model.Digest == "" || r.Asked.Kernel == "" ||
				a.header != nil && r.Asked.ID != pictureID(a.header.Get(requestIDHeader), i) || id == "" {
				t.Errorf("%s: %+v", c.via, r.Asked)
			}
		}
		if !slices.Equal(problems, c.problems) {
			t.Errorf("%s: problems %q, expected %q", c.via, problems, c.problems)
		}
		if a.header != nil && a.header.Get(auditHeader) != receiptsOf(fresh) {
			t.Errorf("%s: the receipts are %q, the records %q", c.via, a.header.Get(auditHeader), receiptsOf(fresh))
		}
	}
	all := records()
	if all[0].Asked.Caller != "127.0.0.1/32" || all[len(all)-2].Asked.Caller != "10.1.2.3/32" || all[len(all)-1].Asked.Caller != "" {
		t.Errorf("callers %q, %q, %q", all[0].Asked.Caller, all[len(all)-2].Asked.Caller, all[len(all)-1].Asked.Caller)
	}
	// A film that came by another way has the same data set, in another file.
	if one, two := all[1].Asked.Input, all[len(all)-2].Asked.Input; one.Dataset == nil || *one.Dataset != *two.Dataset || all[0].Asked.Input.Dataset != nil {
		t.Errorf("%+v, %+v", one, two)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, planted := range append(testfilm.Planted, "jane-doe", testStudy) {
			if bytes.Contains(text, []byte(planted)) {
				t.Errorf("%s has %q", f, planted)
			}
		}
	}
}

func TestARecordHasWhatWasAnsweredAndByWhat(t *testing.T) {
	s, _, records := audited(t, func(c *Config) { c.Standard.Threshold = new(0.375); c.Limits.TIFF = true; c.Gate = "off" })
	var p decided
	s.post("?model=tiny-early&steps=2&prevalence=0.125", testmodel.PNG(64, 48, 1)).decode(t, &p)
	s.post("?threshold=0.25", testmodel.PNG(64, 48, 1))
	all := records()
	r, a := all[0], all[0].Answer
	if *a.Probability != p.Probability || *a.RawProbability != p.RawProbability || a.Label != p.Label || *a.Threshold != p.Threshold || a.Steps != *p.Steps ||
		*a.Spikes != p.Spikes.Total || a.Width != 64 || *a.AtPrevalence != p.Prevalence.Probability || a.LogOdds == nil {
		t.Errorf("%+v is recorded of %+v", a, p)
	}
	o := r.Asked.Options
	if o.Steps != 2 || *o.Prevalence != 0.125 || *o.DefaultThreshold != 0.375 || !o.TIFF || o.Gate != "off" || o.Threshold != nil || o.FilmsOnly {
		t.Errorf("%+v", o)
	}
	if o := all[1].Asked.Options; *o.Threshold != 0.25 {
		t.Errorf("%+v", o)
	}
}

// TestPreparedPicturesAreRecordedAsSuch: nobody shall look for a file with the digest.
func TestPreparedPicturesAreRecordedAsSuch(t *testing.T) {
	s, _, records := audited(t, nil)
	p := entryOf(t, s, "tiny-rows").Description().Preparation
	pixels := make([]byte, p.Width*p.Height)
	for i := range pixels {
		pixels[i] = byte(i)
	}
	in := oip.Tensor{Name: "pixels", Datatype: oip.Uint8, Shape: []int{1, p.Height, p.Width}, Data: pixels}
	s.infer("tiny-rows", &oip.InferRequest{Inputs: []oip.Tensor{in}}).inferred(t)
	s.infer("tiny-rows", &oip.InferRequest{Inputs: files(testmodel.PNG(64, 48, 1))}).inferred(t)
	all := records()
	if in := all[0].Asked.Input; !in.Prepared || in.SHA256 != sha256.Sum256(pixels) || in.Bytes != int64(len(pixels)) || all[0].Answer.Format != "prepared" {
		t.Errorf("%+v, %+v", in, all[0].Answer)
	}
	if all[1].Asked.Input.Prepared {
		t.Error("a file is recorded as prepared pixels")
	}
}

// TestAnAnswerThatADeadlineShortenedComesOutAgain replays the record.
func TestAnAnswerThatADeadlineShortenedComesOutAgain(t *testing.T) {
	s, _, records := audited(t, nil)
	s.tookBefore("tiny-early", 100*time.Second)
	picture := testmodel.PNG(64, 48, 1)
	if a := s.post("?model=tiny-early&deadline_ms=99000&prevalence=0.25", picture); a.status != 200 {
		t.Fatalf("%s", a.body)
	}
	r := records()[0]
	if !r.Answer.Shortened || r.Answer.Steps != 2 || r.Asked.Options.Steps != 0 {
		t.Fatalf("%+v, %+v", r.Asked.Options, r.Answer)
	}
	m := entryOf(t, s, "tiny-early").Model
	again, err := pipeline.Predict(t.Context(), m, picture, r.Asked.Options.Limits(), r.Options())
	if err != nil {
		t.Fatal(err)
	}
	if differ := r.Differs(&again, "", false); len(differ) > 0 {
		t.Errorf("%q differ", differ)
	}
	whole, err := pipeline.Predict(t.Context(), m, picture, r.Asked.Options.Limits(), r.Asked.Options.Options())
	if err != nil {
		t.Fatal(err)
	}
	if differ := r.Differs(&whole, "", false); !slices.Contains(differ, "steps") {
		t.Errorf("only %q differ of the answer in all steps", differ)
	}
}

func TestWhatIsTurnedAwayIsNotRecorded(t *testing.T) {
	s, _, records := audited(t, func(c *Config) { c.Queue = NewQueue(1, 1) })
	release := s.fillQueue()
	full := s.post("", testmodel.PNG(64, 48, 1))
	release()
	for _, a := range []answer{full, s.post("?threshold=2", testmodel.PNG(64, 48, 1)), s.get("/v1/models")} {
		if a.header.Get(auditHeader) != "" {
			t.Errorf("%d has a receipt", a.status)
		}
	}
	if all := records(); len(all) > 0 {
		t.Errorf("%+v", all[0].Asked)
	}
}

// TestAWayThatSaysNothingOfItselfIsRecorded has a picture that came by no request.
func TestAWayThatSaysNothingOfItselfIsRecorded(t *testing.T) {
	s, _, records := audited(t, func(c *Config) { c.Delivery = &kept{} })
	if _, err := s.server.film(t.Context(), caller{}, "id", testfilm.File(1, 64, 64)); err != nil {
		t.Fatal(err)
	}
	if all := records(); len(all) != 1 || all[0].Answer == nil || all[0].Asked.Via != "" {
		t.Errorf("%+v", all)
	}
}

func TestWithoutAJournalThereIsNoReceipt(t *testing.T) {
	if a := start(t, nil).post("", testmodel.PNG(64, 48, 1)); a.status != 200 || a.header.Values(auditHeader) != nil {
		t.Errorf("%d %v", a.status, a.header)
	}
}

// fullJournal takes nothing; a late one notices when it is asked to.
type fullJournal struct{ late bool }

func (f fullJournal) Append(context.Context, ...journal.Entry) ([]journal.Receipt, error) {
	return nil, journal.ErrUnavailable
}
func (fullJournal) Err() error { return journal.ErrUnavailable }
func (f fullJournal) Refuse(int) error {
	if f.late {
		return nil
	}
	return journal.ErrUnavailable
}

func TestNothingIsAnsweredThatCannotBeRecorded(t *testing.T) {
	for _, late := range []bool{false, true} {
		to := &kept{}
		s := start(t, func(c *Config) { c.Journal, c.Delivery = fullJournal{late}, to })
		film := testfilm.File(1, 64, 64)
		for name, a := range map[string]answer{
			"a prediction": s.post("", testmodel.PNG(64, 48, 1)), "a form": s.postForm("", testmodel.PNG(64, 48, 1), film),
			"an explanation": s.explain("", testmodel.PNG(64, 48, 1)), "STOW-RS": s.store("", film), "readiness": s.get("/readyz"),
		} {
			if a.status != http.StatusServiceUnavailable || a.problem(t) != "not-recorded" || a.header.Get("Retry-After") == "" || a.header.Get(auditHeader) != "" {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
		err := s.server.Take(t.Context(), "10.1.2.3:4", film)
		if status, _ := StoreStatus(err); status != dimse.OutOfResources || !Temporary(err) {
			t.Errorf("C-STORE: %v", err)
		}
		if len(to.results) > 0 {
			t.Errorf("%d results were delivered", len(to.results))
		}
		registry := s.server.config.Metrics.Registry()
		if err := testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP spikeray_rejections_total Requests turned away with status 503, or for their deadline with 504, by reason.
# TYPE spikeray_rejections_total counter
spikeray_rejections_total{reason="audit"} 4
spikeray_rejections_total{reason="board"} 0
spikeray_rejections_total{reason="connections"} 0
spikeray_rejections_total{reason="deadline"} 0
spikeray_rejections_total{reason="delivery"} 0
spikeray_rejections_total{reason="draining"} 0
spikeray_rejections_total{reason="queue_full"} 0
spikeray_rejections_total{reason="queue_time"} 0
spikeray_rejections_total{reason="timeout"} 0
spikeray_rejections_total{reason="upload_memory"} 0
`), "spikeray_rejections_total"); err != nil {
			t.Error(err)
		}
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.Metric {
				if f.GetName() == "spikeray_predictions_total" && m.GetCounter().GetValue() > 0 {
					t.Errorf("an answer is counted that was not given: %v", m)
				}
			}
		}
		if a := s.get("/healthz"); a.status != 200 {
			t.Errorf("it is not alive: %d", a.status)
		}
	}
}

// slowJournal never has a record durable.
type slowJournal struct{ asked chan struct{} }

func (j slowJournal) Append(ctx context.Context, _ ...journal.Entry) ([]journal.Receipt, error) {
	j.asked <- struct{}{}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}
func (slowJournal) Err() error       { return nil }
func (slowJournal) Refuse(int) error { return nil }

func TestARecordThatTakesTooLongIsATimeout(t *testing.T) {
	j := slowJournal{make(chan struct{}, 9)}
	s := start(t, func(c *Config) { c.Journal, c.PredictTimeout = j, 300*time.Millisecond })
	if a := s.post("", testmodel.PNG(64, 48, 1)); a.status != 503 || a.problem(t) != "overloaded" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAClientThatLeavesBeforeTheRecordGetsNothing(t *testing.T) {
	j := slowJournal{make(chan struct{}, 9)}
	s := start(t, func(c *Config) { c.Journal = j })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-j.asked
		cancel()
	}()
	r := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(testmodel.PNG(64, 48, 1))).WithContext(ctx)
	if _, err := s.client.Do(r); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	for end := time.Now().Add(10 * time.Second); !strings.Contains(s.logs.String(), `"status":499`); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(s.logs.String())
		}
	}
}
