package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// tookBefore has a model's answers have taken so long.
func (s *service) tookBefore(name string, took time.Duration) {
	s.t.Helper()
	entryOf(s.t, s, name).Took(0).Learn(took)
}

// With a deadline the answer is the one after as many steps as fit: with that number's calibration, or without a label.
func TestDeadlineTakesAsManyStepsAsFit(t *testing.T) {
	picture := testmodel.PNG(64, 48, 1)
	const all = 100 * time.Second // by which machines, slow ones too, can be told apart from the estimates
	for _, c := range []struct {
		within string
		steps  int
	}{{"130000", 4}, {"115000", 3}, {"99000", 2}, {"82000", 1}} {
		s := start(t, nil) // which has not yet found out that the model is quicker
		s.tookBefore("tiny-early", all)
		var got, want decided
		a := s.post("?model=tiny-early&deadline_ms="+c.within, picture)
		if a.status != 200 {
			t.Fatalf("within %s ms: %s", c.within, a.body)
		}
		a.decode(t, &got)
		query := "?model=tiny-early"
		if c.steps < 4 {
			query += "&steps=" + string(rune('0'+c.steps))
		}
		s.post(query, picture).decode(t, &want)
		if *got.Steps != c.steps || got.RawProbability != want.RawProbability || got.Probability != want.Probability || got.Label != want.Label ||
			got.Threshold != want.Threshold {
			t.Errorf("within %s ms: %+v after %d steps; after %d, %+v", c.within, got, *got.Steps, c.steps, want)
		}
		said := slices.ContainsFunc(got.Input.Warnings, func(w string) bool { return strings.HasPrefix(w, "deadline: ") })
		if said != (c.steps < 4) {
			t.Errorf("within %s ms: warnings %q", c.within, got.Input.Warnings)
		}
		shortened := strings.Contains(string(s.get("/metrics").body), `spikeray_shortened_answers_total{model="tiny-early"} 1`)
		if shortened != said {
			t.Errorf("within %s ms: the metrics say %v", c.within, shortened)
		}
	}
}

// What was asked of the decision does not apply where the model has none for so few steps: the answer is there, and says so.
func TestDeadlineWithoutADecision(t *testing.T) {
	s := start(t, nil)
	s.tookBefore("tiny-early", 100*time.Second)
	a := s.post("?model=tiny-early&deadline_ms=82000&operating_point="+s.server.config.Models.Catalogue().All()[4].Description().OperatingPoints[0].Name+"&prevalence=0.1",
		testmodel.PNG(64, 48, 1))
	var got map[string]any
	a.decode(t, &got)
	if a.status != 200 || got["label"] != nil || got["probability"] != nil || got["prevalence"] != nil || got["operating_point"] != nil || got["steps"] != 1.0 {
		t.Errorf("%s", a.body)
	}
}

// What cannot be had in time is refused at once, by parameter, by header, and by the protocol's parameters.
func TestDeadlineThatCannotBeMet(t *testing.T) {
	s := start(t, nil)
	for _, name := range []string{"tiny-rows", "tiny-early"} {
		s.tookBefore(name, 100*time.Second)
	}
	picture := testmodel.PNG(64, 48, 1)
	began := time.Now()
	if a := s.post("?model=tiny-rows&deadline_ms=90000", picture); a.status != 504 || a.problem(t) != "deadline-exceeded" {
		t.Errorf("%d %s", a.status, a.body)
	}
	r := request(t, http.MethodPost, s.url+"/v1/predictions?model=tiny-early&deadline_ms=900000", strings.NewReader(string(picture)))
	r.Header.Set(timeoutHeader, "40000")
	if a := s.do(r); a.status != 504 {
		t.Errorf("by the header: %d %s", a.status, a.body)
	}
	for _, p := range []oip.Parameters{{"deadline_ms": 40_000}, {"timeout": 40_000_000}, {"timeout": 40_000_000, "deadline_ms": 900_000}} {
		s.infer("tiny-rows", &oip.InferRequest{Inputs: files(picture), Parameters: p}).refused(t, 504)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	r = request(t, http.MethodPost, s.url+"/v1/predictions?model=tiny-early", strings.NewReader(string(picture)))
	r.Header.Set(timeoutHeader, "soon")
	if a := s.do(r); a.status != 200 {
		t.Errorf("by a header that says nothing: %d %s", a.status, a.body)
	}
	if a := s.post("?deadline_ms=0", picture); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if metrics := string(s.get("/metrics").body); !strings.Contains(metrics, `spikeray_rejections_total{reason="deadline"} 5`) {
		t.Error("the metrics do not tell of five")
	}
}

// A deadline that passes while the picture waits ends the wait.
func TestDeadlineEndsTheWait(t *testing.T) {
	s := start(t, func(c *Config) { c.Queue = NewQueue(1, 4) })
	defer s.busyWorker()()
	if a := s.post("?deadline_ms=50", testmodel.PNG(64, 48, 1)); a.status != 504 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := s.server.config.Queue.Depth(); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

// A deadline that passes while the picture comes ends the request, though its client keeps the pace.
func TestDeadlineEndsTheUpload(t *testing.T) {
	s := start(t, nil)
	for path, header := range map[string]string{
		"/v1/predictions?deadline_ms=300":  "",
		"/v1/explanations?deadline_ms=300": "",
		"/v1/predictions":                  "300",
		"/v2/models/tiny-rows/infer":       "300",
	} {
		body, client := io.Pipe()
		r := request(t, http.MethodPost, s.url+path, body)
		if header != "" {
			r.Header.Set(timeoutHeader, header)
		}
		go func() {
			for {
				if _, err := client.Write(make([]byte, 1<<10)); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		began := time.Now()
		a := s.do(r)
		if took := time.Since(began); a.status != 504 || took < 300*time.Millisecond || took > 8*time.Second {
			t.Errorf("%s: %d after %v: %s", path, a.status, took, a.body)
		}
		client.Close()
	}
	for until := time.Now().Add(5 * time.Second); s.server.uploads.held.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%d bytes are still held", s.server.uploads.held.Load())
		}
	}
}

// busyWorker keeps the queue's only worker busy until release is called.
func (s *service) busyWorker() (release func()) {
	open, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := s.server.config.Queue.Do(context.Background(), block(open)); err != nil {
			s.t.Error(err)
		}
	}()
	for s.server.config.Queue.Busy() != 1 {
		time.Sleep(time.Millisecond)
	}
	return func() { close(open); <-ended }
}

func TestQueueRefusesWhatCannotEndInTime(t *testing.T) {
	q := NewQueue(1, 10)
	q.Wait = 24 * time.Hour // no overload comes between
	open := make(chan struct{})
	var all sync.WaitGroup
	task := func(within time.Duration) Task {
		t := block(open)
		t.Work, t.Least = time.Hour, time.Hour
		if within > 0 {
			t.Deadline = time.Now().Add(within)
		}
		return t
	}
	for range 3 {
		all.Go(func() { _, _ = q.Do(context.Background(), task(0)) })
	}
	for q.Depth() != 2 {
		time.Sleep(time.Millisecond)
	}
	// One runs, two wait: the fourth ends after four hours.
	if _, err := q.Do(context.Background(), task(3*time.Hour+time.Minute)); err != ErrDeadline {
		t.Errorf("a task that cannot end in time: %v", err)
	}
	errs := make(chan error, 1)
	go func() {
		_, err := q.Do(context.Background(), task(4*time.Hour+time.Minute))
		errs <- err
	}()
	for q.Depth() != 3 {
		time.Sleep(time.Millisecond)
	}
	close(open)
	if err := <-errs; err != nil {
		t.Errorf("a task that can: %v", err)
	}
	all.Wait()
}

// A task whose turn comes too late is taken back, and does not run.
func TestQueueTakesBackWhatIsTooLate(t *testing.T) {
	q := NewQueue(1, 10)
	open := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { _, _ = q.Do(context.Background(), block(open)) })
	for q.Busy() != 1 {
		time.Sleep(time.Millisecond)
	}
	late := Task{Work: time.Millisecond, Least: time.Millisecond, Deadline: time.Now().Add(50 * time.Millisecond),
		Run: func(context.Context, time.Duration) error { t.Error("it runs"); return nil }}
	errs := make(chan error, 1)
	go func() {
		_, err := q.Do(context.Background(), late)
		errs <- err
	}()
	time.Sleep(100 * time.Millisecond)
	close(open)
	if err := <-errs; !errors.Is(err, ErrDeadline) {
		t.Errorf("%v", err)
	}
	all.Wait()
	if q.Busy()+q.Depth() != 0 || q.backlog != 0 || len(q.flows) != 0 {
		t.Errorf("at rest: %d run, %d wait, backlog %v, %d flows", q.Busy(), q.Depth(), q.backlog, len(q.flows))
	}
}

// Where both wait, interactive work goes first, and batches have every tenth of the time: neither starves.
func TestInteractiveWorkGoesFirst(t *testing.T) {
	q := NewQueue(1, 200)
	q.Wait = time.Hour // no overload comes between
	open := make(chan struct{})
	var mu sync.Mutex
	var order []byte
	var all sync.WaitGroup
	all.Go(func() { _, _ = q.Do(context.Background(), block(open)) })
	for q.Busy() != 1 {
		time.Sleep(time.Millisecond)
	}
	add := func(kind byte, n int) {
		for i := range n {
			depth := q.Depth()
			all.Go(func() {
				_, err := q.Do(context.Background(), Task{Batch: kind == 'b', Work: time.Millisecond,
					caller: caller{network: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i % 3)}), 32)},
					Run: func(context.Context, time.Duration) error {
						mu.Lock()
						defer mu.Unlock()
						order = append(order, kind)
						return nil
					}})
				if err != nil {
					t.Error(err)
				}
			})
			for q.Depth() == depth {
				time.Sleep(100 * time.Microsecond)
			}
		}
	}
	add('b', 40)
	add('i', 60)
	close(open)
	all.Wait()
	last := strings.LastIndexByte(string(order), 'i') // from here on there are batches only
	batches := strings.Count(string(order[:last]), "b")
	if len(order) != 100 || order[0] != 'i' || batches < 4 || batches > 10 {
		t.Errorf("%d batches among the interactive: %s", batches, order)
	}
	if longest := longestRun(order[:last], 'i'); longest > 2*batchShare {
		t.Errorf("%d interactive tasks in a row while batches wait: %s", longest, order)
	}
}

func longestRun(of []byte, kind byte) (longest int) {
	run := 0
	for _, b := range of {
		if run++; b != kind {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// Batches leave a quarter of the places to others, and take all workers where nobody else is there.
func TestBatchesLeavePlaces(t *testing.T) {
	q := NewQueue(2, 8)
	q.Wait = time.Hour // no overload comes between
	open := make(chan struct{})
	var all sync.WaitGroup
	batch := block(open)
	batch.Batch = true
	for i := range 2 + 6 {
		all.Go(func() { _, _ = q.Do(context.Background(), batch) })
		for q.Busy()+q.Depth() != i+1 {
			time.Sleep(time.Millisecond)
		}
	}
	if q.Busy() != 2 {
		t.Errorf("%d workers are busy", q.Busy())
	}
	if _, err := q.Do(context.Background(), batch); !errors.Is(err, ErrQueueFull) {
		t.Errorf("a seventh batch waits: %v", err)
	}
	for i := range 2 {
		all.Go(func() { _, _ = q.Do(context.Background(), block(open)) })
		for q.Depth() != 7+i {
			time.Sleep(time.Millisecond)
		}
	}
	close(open)
	all.Wait()
	// What fits into an idle queue as a whole can be had, though it needs the last place.
	full := slices.Repeat([]Task{{Batch: true, Run: func(context.Context, time.Duration) error { return nil }}}, 2+8)
	if _, err := q.Do(context.Background(), full...); err != nil {
		t.Errorf("a batch for all places of an idle queue: %v", err)
	}
}

// Films of a hospital's systems are batch work, as what asks for it is.
func TestPriorities(t *testing.T) {
	s := start(t, func(c *Config) {
		c.Queue = NewQueue(1, 8)
		c.Queue.Wait = time.Hour // no overload comes between
		c.Delivery = &kept{}
	})
	if !s.server.taken().batch {
		t.Error("a film of a hospital's systems is interactive")
	}
	release := s.busyWorker()
	picture := testmodel.PNG(64, 48, 1)
	var all sync.WaitGroup
	batches := func(n int) int {
		q := s.server.config.Queue
		for q.Depth() != n {
			time.Sleep(time.Millisecond)
		}
		return q.Batch()
	}
	waiting := 0
	for _, send := range []func(){
		func() { s.post("?priority=batch", picture) },
		func() {
			s.infer("tiny-rows", &oip.InferRequest{Inputs: files(picture), Parameters: oip.Parameters{"priority": 2}})
		},
		func() {
			s.infer("tiny-rows", &oip.InferRequest{Inputs: files(picture), Parameters: oip.Parameters{"priority": "batch"}})
		},
	} {
		all.Go(send)
		waiting++
		if got := batches(waiting); got != waiting {
			t.Errorf("%d of %d are batches", got, waiting)
		}
	}
	for _, send := range []func(){
		func() { s.post("?priority=interactive", picture) },
		func() {
			s.infer("tiny-rows", &oip.InferRequest{Inputs: files(picture), Parameters: oip.Parameters{"priority": 1}})
		},
	} {
		all.Go(send)
		waiting++
		if got := batches(waiting); got != 3 {
			t.Errorf("%d batches, want 3", got)
		}
	}
	metric(t, s, "spikeray_queue_batch_depth 3")
	release()
	all.Wait()
	for _, line := range []string{
		"spikeray_queue_batch_depth 0",
		`spikeray_picture_duration_seconds_count{priority="batch"} 3`,
		`spikeray_picture_duration_seconds_count{priority="interactive"} 2`,
	} {
		metric(t, s, line)
	}
	if a := s.post("?priority=urgent", picture); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
