package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// ask has a server answer a picture without a network, and gives the status.
func ask(t *testing.T, s *Server, query string) int {
	t.Helper()
	r := request(t, http.MethodPost, "http://x/v1/predictions"+query, bytes.NewReader(testmodel.PNG(64, 48, 1)))
	r.RemoteAddr = "192.0.2.1:1"
	w := &deadlined{header: http.Header{}}
	s.Handler().ServeHTTP(w, r)
	return w.status
}

// TestAnEstimateThatIsWrongDoesNotLast: what is refused for it teaches nothing, so that now and then one is let through.
func TestAnEstimateThatIsWrongDoesNotLast(t *testing.T) {
	for _, name := range []string{"tiny-rows", "tiny-early"} {
		synctest.Test(t, func(t *testing.T) {
			server, _ := newServer(t, nil)
			m, err := server.config.Models.Catalogue().Get(name)
			if err != nil {
				t.Fatal(err)
			}
			m.Took(0).Learn(100 * time.Second) // a machine that stood still
			query := "?deadline_ms=40000&model=" + name
			for range 3 {
				if status := ask(t, server, query); status != 504 {
					t.Errorf("%s: %d, by an estimate of now", name, status)
				}
			}
			time.Sleep(time.Minute)
			for i := range 3 {
				if status := ask(t, server, query); status != 200 {
					t.Errorf("%s: %d for question %d after a minute", name, status, i)
				}
			}
		})
	}
}

// TestShortenedAnswersTellHowLongAllStepsTake, at most: otherwise all answers would be shortened for ever.
func TestShortenedAnswersTellHowLongAllStepsTake(t *testing.T) {
	s := start(t, nil)
	s.tookBefore("tiny-early", 100*time.Second)
	for range 200 {
		var got decided
		s.post("?model=tiny-early&deadline_ms=82000", testmodel.PNG(64, 48, 1)).decode(t, &got)
		if *got.Steps == 4 {
			return
		}
	}
	t.Errorf("after 200 answers all steps are still thought to take %v", entryOf(t, s, "tiny-early").Took(0).Value())
}

// TestTheFirstAnswerDoesNotMislead: before a model has answered, the work of a task is that of reading its picture, beside which the time
// that it takes is any multiple.
func TestTheFirstAnswerDoesNotMislead(t *testing.T) {
	s := start(t, nil)
	q := s.server.config.Queue
	scale := func() float64 {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.estimate.scale
	}
	s.post("", testmodel.PNG(64, 48, 1))
	if got := scale(); got != 0 {
		t.Errorf("after the first answer, work is taken for %v of what it is", got)
	}
	s.post("", testmodel.PNG(64, 48, 1))
	if scale() == 0 {
		t.Error("nothing was learned of the second answer")
	}
}

// TestOldTasksDoNotMislead: after a while without a task, one says how long they take.
func TestOldTasksDoNotMislead(t *testing.T) {
	var e estimate
	now := time.Now()
	for range 20 {
		e.learn(time.Millisecond, time.Second, now)
	}
	e.learn(time.Millisecond, time.Millisecond, now.Add(time.Second))
	if got := e.of(time.Millisecond); got < 900*time.Millisecond {
		t.Errorf("one of many tasks makes %v of a second", got)
	}
	e.learn(time.Millisecond, time.Millisecond, now.Add(time.Minute))
	if got := e.of(time.Millisecond); got != time.Millisecond {
		t.Errorf("after a minute, a task of a millisecond is thought to take %v", got)
	}
}

// late is a back end that lets time pass before it runs a network, or after it.
type late struct {
	spike.Backend
	before, after time.Duration
}

type lateRunner struct {
	spike.Runner
	late
}

func (s late) Compile(ctx context.Context, n *spike.Network) (spike.Runner, error) {
	r, err := s.Backend.Compile(ctx, n)
	return lateRunner{r, s}, err
}

func (s lateRunner) Run(ctx context.Context, in, out spike.Train, o spike.RunOptions) (spike.Stats, error) {
	time.Sleep(s.before)
	stats, err := s.Runner.Run(ctx, in, out, o)
	time.Sleep(s.after)
	return stats, err
}

// TestALateAnswerIsNone, and says how long the next may take, whether it was given up or only came too late.
func TestALateAnswerIsNone(t *testing.T) {
	const within, takes = 500 * time.Millisecond, 700 * time.Millisecond
	for name, backend := range map[string]late{"given up": {spike.Simulator{}, takes, 0}, "too late": {spike.Simulator{}, 0, takes}} {
		m, err := model.Decode(t.Context(), testmodel.EarlyFile("tiny-early"), model.DecodeOptions{Backend: backend})
		if err != nil {
			t.Fatal(err)
		}
		e := &pipeline.Entry{Model: m}
		s := start(t, func(c *Config) { c.Models = pipeline.NewCatalogue(e) })
		a := s.post("?deadline_ms=500", testmodel.PNG(64, 48, 1))
		if a.status != 504 || a.problem(t) != "deadline-exceeded" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if took := e.Took(0).Value(); took < takes {
			t.Errorf("%s: %v is learned of what took more than %v", name, took, takes)
		}
		began := time.Now()
		if a := s.post("?deadline_ms=500", testmodel.PNG(64, 48, 1)); a.status != 504 || time.Since(began) > within {
			t.Errorf("%s: the next is answered %d after %v", name, a.status, time.Since(began))
		}
		if metrics := string(s.get("/metrics").body); !strings.Contains(metrics, `spikeray_rejections_total{reason="deadline"} 2`) {
			t.Errorf("%s: the metrics do not tell of two", name)
		}
	}
}

// patientJournal records nothing, and takes its time for that.
type patientJournal time.Duration

func (patientJournal) Err() error       { return nil }
func (patientJournal) Refuse(int) error { return nil }
func (j patientJournal) Append(ctx context.Context, entries ...journal.Entry) ([]journal.Receipt, error) {
	select {
	case <-time.After(time.Duration(j)):
		return make([]journal.Receipt, len(entries)), nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// TestRecordingIsPartOfADeadline: no answer is computed that cannot be recorded in time.
func TestRecordingIsPartOfADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := newServer(t, func(c *Config) { c.Journal = patientJournal(time.Second) })
		m, err := server.config.Models.Catalogue().Get("tiny-early")
		if err != nil {
			t.Fatal(err)
		}
		took := func(query string, want int) time.Duration {
			began := time.Now()
			if status := ask(t, server, "?model=tiny-early&"+query); status != want {
				t.Errorf("%s: %d, want %d", query, status, want)
			}
			return time.Since(began)
		}
		if d := took("deadline_ms=500", 504); d != 500*time.Millisecond { // of which nothing is known yet
			t.Errorf("the first is refused after %v", d)
		}
		took("priority=batch", 200)
		if d := took("deadline_ms=500", 504); d != 0 {
			t.Errorf("what is known to be too late is refused after %v", d)
		}
		took("deadline_ms=1500", 200)
		// Of a second and a half, half a second is left to compute.
		m.Took(0).Learn(100 * time.Second)
		took("deadline_ms=1500", 504)
		time.Sleep(time.Minute)
		took("deadline_ms=1500", 200)
	})
}
