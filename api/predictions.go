package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/telemetry"
)

type predictionDocument struct {
	ID             string               `json:"id"`
	Model          modelReference       `json:"model"`
	Backend        backendDocument      `json:"backend"`
	Degraded       *string              `json:"degraded"`
	Probability    float64              `json:"probability"`
	RawProbability float64              `json:"raw_probability"`
	Label          string               `json:"label"`
	Threshold      float64              `json:"threshold"`
	OperatingPoint *string              `json:"operating_point"`
	Probabilities  map[string]float64   `json:"probabilities"`
	Prevalence     *pipeline.Prevalence `json:"prevalence"`
	Gate           *gateDocument        `json:"gate"`
	Input          inputDocument        `json:"input"`
	Spikes         *spikesDocument      `json:"spikes"`
	Board          *boardDocument       `json:"board"`
	Timing         timingDocument       `json:"timing_ms"`
	Notice         string               `json:"notice"`
}

type gateDocument struct {
	Accepted    bool    `json:"accepted"`
	Probability float64 `json:"probability"`
	Reason      *string `json:"reason"`
}

type modelReference struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

type inputDocument struct {
	Format   string   `json:"format"`
	Width    int      `json:"width"`
	Height   int      `json:"height"`
	Warnings []string `json:"warnings"`
}

type spikesDocument struct {
	Steps              int     `json:"steps"`
	Total              uint64  `json:"total"`
	Rate               float64 `json:"rate"`
	SynapticOperations uint64  `json:"synaptic_operations"`
}

// boardDocument has what was measured on a board, where it was.
type boardDocument struct {
	Steps      int      `json:"steps"`
	Saturated  uint64   `json:"saturated"`
	Lost       uint64   `json:"lost"`
	Energy     *float64 `json:"energy_joules,omitempty"`
	DeviceTime *float64 `json:"device_time_ms,omitempty"`
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
	ID    string  `json:"id"`
	Error Problem `json:"error"`
}

type listDocument struct {
	Predictions []any `json:"predictions"` // predictionDocument or failureDocument
}

// outcome is what became of one picture.
type outcome struct {
	prediction    pipeline.Prediction
	waited, total time.Duration
	err           error
}

func (s *Server) predict(w http.ResponseWriter, r *http.Request) error {
	if !s.predictions.enter() {
		return errDraining
	}
	defer s.predictions.leave()

	if s.origins != nil && s.origins.Check(r) != nil {
		return refuse(crossSite, "a page of another site may not send pictures here, unless --trusted-origin names it")
	}
	q, err := s.readQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	x := exchangeOf(r.Context())
	x.model = q.model.Name()

	uploads, held, err := s.receive(w, r)
	defer held.release()
	if err != nil {
		return err
	}
	x.pictures = len(uploads)

	ctx, cancel := context.WithTimeoutCause(r.Context(), s.config.PredictTimeout, errPredictTimeout)
	defer cancel()
	outcomes, err := s.work(ctx, q, uploads)
	if err != nil {
		return err
	}
	if r.Context().Err() != nil && errors.Is(context.Cause(r.Context()), context.Canceled) {
		x.gone = true
		// One that has only ended its side of the connection would take an empty answer for a good one.
		panic(http.ErrAbortHandler)
	}
	for _, o := range outcomes {
		s.count(q.model.Name(), o)
	}

	if len(outcomes) == 1 {
		if outcomes[0].err != nil {
			return outcomes[0].err
		}
		writeJSON(w, http.StatusOK, newPrediction(pictureID(x.id, 0), q.model, outcomes[0]))
		return nil
	}
	var list listDocument
	for i, o := range outcomes {
		id := pictureID(x.id, i)
		if o.err != nil {
			list.Predictions = append(list.Predictions, failureDocument{id, problem(o.err, id)})
			continue
		}
		list.Predictions = append(list.Predictions, newPrediction(id, q.model, o))
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// work puts the pictures through the queue. Its error is that of all of them.
func (s *Server) work(ctx context.Context, q question, uploads []upload) ([]outcome, error) {
	outcomes := make([]outcome, len(uploads))
	var tasks []Task
	var places []int // the upload of each task
	read := time.Now()
	for i, u := range uploads {
		if u.err != nil {
			outcomes[i].err = u.err
			continue
		}
		places = append(places, i)
		tasks = append(tasks, func(ctx context.Context, waited time.Duration) error {
			o := &outcomes[i]
			o.waited = waited
			defer func() { o.total = time.Since(read) }()
			var err error
			o.prediction, err = pipeline.Predict(ctx, q.model.Model, u.data, s.config.Limits, q.options)
			return err
		})
	}
	errs, err := s.config.Queue.Do(ctx, tasks...)
	if err != nil {
		return nil, err
	}
	for j, err := range errs {
		o := &outcomes[places[j]]
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = context.Cause(ctx)
		}
		// These concern the request, not a picture of it.
		if errors.Is(err, errPredictTimeout) || errors.Is(err, errDraining) {
			return nil, err
		}
		if p := (*PanicError)(nil); errors.As(err, &p) {
			s.config.Metrics.Panic()
			s.config.Log.Error("panic while predicting", "request_id", exchangeOf(ctx).id,
				"error", err, "stack", string(p.Stack))
		}
		o.err = err
	}
	return outcomes, nil
}

// count tells the metrics what became of a picture.
func (s *Server) count(name string, o outcome) {
	metrics := s.config.Metrics
	if o.total > 0 {
		metrics.Stage(telemetry.StageQueue, o.waited)
		metrics.Stage(telemetry.StageTotal, o.total)
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
	if p.Gate != nil && !p.Gate.Accepted {
		metrics.Flagged(name, p.Gate.Reason)
	}
	if o.err != nil {
		k, _ := problemOf(o.err)
		metrics.Failed(name, k.name)
		return
	}
	metrics.Predicted(name, p.Label, p.Probability)
	if p.Degraded != "" {
		metrics.Degraded(name, p.Degraded)
	}
	if p.Spikes != nil {
		metrics.Spiked(name, p.Spikes.Total, p.Spikes.SynapticOperations)
	}
}

func pictureID(request string, i int) string { return fmt.Sprintf("%s.%d", request, i) }

func newPrediction(id string, m *pipeline.Entry, o outcome) predictionDocument {
	d, p := m.Description(), o.prediction
	probabilities := make(map[string]float64, len(d.Labels))
	for i, label := range d.Labels {
		probabilities[label] = p.Probabilities[i]
	}
	doc := predictionDocument{
		ID:             id,
		Model:          modelReference{d.Name, d.Version, m.Digest()},
		Backend:        backendDocument{p.Backend},
		Probability:    p.Probability,
		RawProbability: p.RawProbability,
		Label:          p.Label,
		Threshold:      p.Threshold,
		Probabilities:  probabilities,
		Prevalence:     p.Prevalence,
		Input:          inputDocument{p.Input.Format, p.Input.Width, p.Input.Height, p.Warnings},
		Timing: timingDocument{
			Queue:   milliseconds(o.waited),
			Decode:  milliseconds(p.Timing.Decode),
			Prepare: milliseconds(p.Timing.Prepare),
			Infer:   milliseconds(p.Timing.Infer),
			Total:   milliseconds(o.total),
		},
		Notice: Notice,
	}
	if p.OperatingPoint != nil {
		doc.OperatingPoint = &p.OperatingPoint.Name
	}
	if g := p.Gate; g != nil {
		doc.Gate = &gateDocument{Accepted: g.Accepted, Probability: g.Probability}
		if !g.Accepted {
			doc.Gate.Reason = &g.Reason
		}
	}
	if p.Degraded != "" {
		doc.Degraded = &p.Degraded
	}
	if b := p.Board; b != nil {
		doc.Board = &boardDocument{Steps: b.BoardSteps, Saturated: p.Spikes.Saturated, Lost: b.Lost, Energy: b.Energy}
		if b.DeviceTime != nil {
			took := milliseconds(*b.DeviceTime)
			doc.Board.DeviceTime = &took
		}
	}
	if p.Spikes != nil {
		doc.Spikes = &spikesDocument{
			Steps:              p.Steps,
			Total:              p.Spikes.Total,
			Rate:               p.Spikes.Rate,
			SynapticOperations: p.Spikes.SynapticOperations,
		}
	}
	return doc
}

// milliseconds is d to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
