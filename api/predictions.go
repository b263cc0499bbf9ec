package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/journal"
	"github.com/spikeray/spikeray/internal/memory"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/report"
	"github.com/spikeray/spikeray/internal/telemetry"
)

// predictionDocument is an answer for one picture of a request.
type predictionDocument struct {
	ID   string        `json:"id"`
	Part *partDocument `json:"part"`
	pipeline.Answer
	Timing timingDocument `json:"timing_ms"`
}

// timingDocument is in milliseconds.
type timingDocument struct {
	Queue   float64 `json:"queue"`
	Decode  float64 `json:"decode"`
	Prepare float64 `json:"prepare"`
	Infer   float64 `json:"infer"`
	Total   float64 `json:"total"`
}

type failureDocument struct {
	ID    string        `json:"id"`
	Part  *partDocument `json:"part"`
	Error Problem       `json:"error"`
}

type listDocument struct {
	Predictions []any `json:"predictions"` // predictionDocument or failureDocument
}

// outcome is what became of one picture.
type outcome struct {
	prediction    pipeline.Prediction
	waited, total time.Duration
	batch         bool           // nobody waits for it
	film          *film.Film     // nil for a picture that did not come as DICOM
	input         *journal.Input // nil until it is known, and without a journal
	err           error

	evidence  *evidence.Evidence // nil unless it was asked for
	explained time.Duration      // how long making it took

	along *comparison // nil where no shadow answers along
}

func (s *Server) predict(w http.ResponseWriter, r *http.Request) error {
	q, err := s.readQuery(r)
	if err != nil {
		return err
	}
	if q.report == "" {
		q.report = accepted(r.Header["Accept"])
	}
	if ofFilms(q.report) {
		q.others = report.ErrNoFilm
	}
	var result *node.Result
	if q.report != "" {
		result = new(node.Result)
		q.draw(result)
	}

	uploads, held, err := s.receive(w, r, q, s.readUploads)
	defer held.release()
	if err != nil {
		return err
	}
	if q.report != "" && len(uploads) > 1 {
		return refuse(malformedRequest, "a report is of one picture, and the form has %d", len(uploads))
	}

	ctx, cancel := s.inTime(r.Context(), q)
	defer cancel()
	outcomes, err := s.outcomes(ctx, r, q, uploads)
	if err != nil {
		return err
	}
	x := exchangeOf(ctx)
	for _, o := range outcomes {
		s.count(q.model.Name(), o)
		s.see(q.model, o)
	}

	if len(outcomes) == 1 {
		if outcomes[0].err != nil {
			return outcomes[0].err
		}
		if q.report != "" {
			result.ID = pictureID(x.id, 0)
			answered(result, q.model, outcomes[0])
			return s.writeReport(ctx, w, r, held, q, *result)
		}
		writeJSON(w, http.StatusOK, newPrediction(pictureID(x.id, 0), uploads[0].part, q.model, outcomes[0]))
		return nil
	}
	var list listDocument
	for i, o := range outcomes {
		id := pictureID(x.id, i)
		if o.err != nil {
			list.Predictions = append(list.Predictions, failureDocument{id, uploads[i].part, problem(o.err, id)})
			continue
		}
		list.Predictions = append(list.Predictions, newPrediction(id, uploads[i].part, q.model, o))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// outcomes is work for a request. It does not return to a handler whose client has gone.
func (s *Server) outcomes(ctx context.Context, r *http.Request, q question, uploads []upload) ([]outcome, error) {
	outcomes, err := s.work(ctx, callerOf(r), q, uploads)
	if err == nil || errors.Is(err, context.Canceled) {
		stay(r)
	}
	return outcomes, err
}

// stay returns only to a handler whose client has not gone.
func stay(r *http.Request) {
	if errors.Is(context.Cause(r.Context()), context.Canceled) {
		exchangeOf(r.Context()).gone = true
		// One that has only ended its side of the connection would take an empty answer for a good one.
		panic(http.ErrAbortHandler)
	}
}

// process puts the pictures through the queue. Its error is that of all of them.
func (s *Server) process(ctx context.Context, who caller, q question, uploads []upload) ([]outcome, error) {
	outcomes := make([]outcome, len(uploads))
	var tasks []Task
	var places []int // the upload of each task
	read := time.Now()
	inference := takes(q.model, q.options.Steps)
	var deadline time.Time
	try := false
	if !q.deadline.IsZero() {
		deadline, try = s.computedBy(q), doubt(q.model, q.leastSteps())
	}
	if q.shortens() {
		q.options.Fit = fit(q.model, q.options.Steps, deadline, try)
	}
	for i, u := range uploads {
		o := &outcomes[i]
		o.batch = q.batch
		if u.err != nil {
			o.err = u.err
			continue
		}
		header, err := s.inspect(u, q)
		if err != nil {
			o.err = err
			continue
		}
		if o.film = header.Film; o.film == nil && q.others != nil {
			o.err = q.others
			continue
		}
		places = append(places, i)
		run := func(ctx context.Context, waited time.Duration) error {
			o.waited = waited
			s.digest(o, u)
			defer func() { o.total = time.Since(read) }()
			var err error
			options := u.options(q)
			if u.pixels == nil { // one that came prepared is prepared for the model that was asked
				o.along = s.shadow.sample(ctx, q, u.data, &options)
			}
			var picture []uint8
			if q.explain != nil {
				options.Prepared = func(pixels []uint8) { picture = slices.Clone(pixels) }
			}
			steps := begun(&options)
			o.prediction, err = u.predict(ctx, q.model.Model, header, options)
			if err != nil {
				missed(ctx, q.model, o.prediction, *steps)
				return err
			}
			learn(q.model, o.prediction)
			if q.explain != nil {
				err = o.explain(ctx, q, picture)
			}
			return err
		}
		task := Task{
			Run:    run,
			Work:   time.Duration(header.Work) + inference,
			Size:   time.Duration(header.Work),
			Memory: header.Memory + memory.Task,
			Batch:  q.batch,
			caller: who,
		}
		if q.explain != nil {
			q.explaining(&task, inference)
		}
		if !deadline.IsZero() {
			task.Deadline, task.Least = deadline, task.Work-inference+takes(q.model, q.leastSteps())
			if try { // only what waits before it counts
				task.Least = 1
			}
		}
		if inference == 0 {
			task.Work = 0 // a part of it would say how long a task takes only by chance
		}
		tasks = append(tasks, task)
	}
	x := exchangeOf(ctx)
	x.received(read)
	if len(tasks) == 0 {
		x.answered(read, q.model, outcomes)
		return outcomes, nil
	}
	errs, err := s.config.Queue.Do(ctx, tasks...)
	if err != nil {
		return nil, err
	}
	for j, err := range errs {
		err = s.ended(ctx, err)
		// These concern the request, not a picture of it.
		if errors.Is(err, errPredictTimeout) || errors.Is(err, ErrDeadline) || errors.Is(err, errDraining) {
			return nil, err
		}
		outcomes[places[j]].err = err
	}
	if !q.deadline.IsZero() && !time.Now().Before(q.deadline) {
		return nil, ErrDeadline
	}
	x.answered(read, q.model, outcomes)
	return outcomes, nil
}

// ended is a task's error, or why its context ended if it is that. A panic is logged.
func (s *Server) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	if p := (*PanicError)(nil); errors.As(err, &p) {
		s.config.Metrics.Panic()
		s.config.Log.Error("panic while working on a picture", "request_id", exchangeOf(ctx).id,
			"error", err, "stack", string(p.Stack))
	}
	return err
}

// count tells the metrics what became of a picture.
func (s *Server) count(name string, o outcome) {
	metrics := s.config.Metrics
	if o.total > 0 {
		metrics.Stage(telemetry.StageQueue, o.waited)
		metrics.Stage(telemetry.StageTotal, o.total)
		metrics.Ended(o.batch, o.total)
	}
	p := o.prediction
	for stage, took := range map[telemetry.Stage]time.Duration{
		telemetry.StageDecode:  p.Timing.Decode,
		telemetry.StagePrepare: p.Timing.Prepare,
		telemetry.StageInfer:   p.Timing.Infer,
	} {
		if took > 0 {
			metrics.Stage(stage, took)
		}
	}
	switch {
	case p.Gate != nil && !p.Gate.Accepted:
		metrics.Flagged(name, p.Gate.Reason)
	case len(p.Doubts) > 0:
		metrics.Flagged(name, p.Doubts[0])
	}
	if o.err != nil {
		k, _ := problemOf(o.err)
		metrics.Failed(name, k.name)
		return
	}
	if p.Label == "" {
		metrics.Undecided(name)
	} else {
		metrics.Predicted(name, p.Label, p.Probability)
	}
	if p.Shortened {
		metrics.Shortened(name)
	}
	if p.Degraded != "" {
		metrics.Degraded(name, p.Degraded)
	}
	if p.Spikes != nil {
		metrics.Spiked(name, p.Spikes.Total, p.Spikes.SynapticOperations)
	}
}

func pictureID(request string, i int) string { return fmt.Sprintf("%s.%d", request, i) }

func newPrediction(id string, part *partDocument, m *pipeline.Entry, o outcome) predictionDocument {
	timing := o.prediction.Timing
	return predictionDocument{
		ID:     id,
		Part:   part,
		Answer: m.Answer(o.prediction),
		Timing: timingDocument{
			Queue:   milliseconds(o.waited),
			Decode:  milliseconds(timing.Decode),
			Prepare: milliseconds(timing.Prepare),
			Infer:   milliseconds(timing.Infer),
			Total:   milliseconds(o.total),
		},
	}
}

// milliseconds is d to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
