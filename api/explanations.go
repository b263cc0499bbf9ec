package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/evidence"
)

// explanationDocument is an answer for one picture, and what the network used for it.
type explanationDocument struct {
	Prediction predictionDocument `json:"prediction"`
	*evidence.Evidence
	Timing explanationTiming `json:"timing_ms"`
}

// explanationTiming is in milliseconds.
type explanationTiming struct {
	Explain float64 `json:"explain"`
}

// What an explanation can be answered with, by parameter and by media type.
const (
	formatJSON = "json"
	formatNPZ  = "npz"
	formatCSV  = "csv"
)

var (
	formats  = []string{formatJSON, formatNPZ, formatCSV}
	formatOf = map[string]string{evidence.MediaNPZ: formatNPZ, evidence.MediaCSV: formatCSV}
)

// explanationParameters are all that an explanation takes.
var explanationParameters = []string{
	"model", "version", "threshold", "operating_point", "prevalence", "steps", "bits", "positions", "fill", "opacity", "format",
	"deadline_ms", "priority",
}

// readExplanation reads an explanation's parameters by the rules of [Server.readQuery].
func (s *Server) readExplanation(r *http.Request) (question, error) {
	values, err := readValues(r.URL.RawQuery, explanationParameters)
	if err != nil {
		return question{}, err
	}
	q, err := s.ask(r, values)
	if err != nil {
		return q, err
	}
	q.explain = &evidence.Options{Steps: q.options.Steps, Fill: evidence.Fill(values.Get("fill")), Rates: q.model.Rates}
	if values.Has("fill") && q.explain.Fill == "" {
		return q, refuse(invalidParameter, "fill must be blur, mean or both")
	}
	if values.Has("positions") {
		q.explain.Positions, err = strconv.Atoi(values.Get("positions"))
		if err != nil || !slices.Contains(evidence.Positions, q.explain.Positions) {
			return q, refuse(invalidParameter, "positions must be one of %v", evidence.Positions)
		}
	}
	if values.Has("opacity") {
		q.explain.Opacity, err = strconv.ParseFloat(values.Get("opacity"), 64)
		if err != nil || !(q.explain.Opacity > 0 && q.explain.Opacity <= 1) {
			return q, refuse(invalidParameter, "opacity must be a number above 0 and at most 1")
		}
	}
	if err := q.explain.Check(); err != nil {
		return q, refuse(invalidParameter, "%v", err)
	}
	q.format = preferred(r.Header["Accept"], formatOf)
	if values.Has("format") {
		if q.format = values.Get("format"); !slices.Contains(formats, q.format) {
			return q, refuse(invalidParameter, "format must be one of %s", strings.Join(formats, ", "))
		}
	}
	q.explain.Raster = q.format == formatNPZ || q.format == formatCSV
	q.explain.SpikesOnly = q.explain.Raster
	return q, nil
}

// explaining adds to a prediction's task what explaining it takes.
func (q question) explaining(task *Task, inference time.Duration) {
	more := time.Duration(evidence.Runs(q.model.Model, *q.explain)) * inference
	task.Work += more
	task.Size += more
	task.Memory += evidence.Memory(q.model.Model)
}

// explain makes the evidence of the answer that the outcome has, for the prepared picture.
func (o *outcome) explain(ctx context.Context, q question, picture []uint8) (err error) {
	began := time.Now()
	o.evidence, err = evidence.Explain(ctx, q.model.Model, picture, *q.explain)
	o.explained = time.Since(began)
	return err
}

// explain answers one picture, and with what the network used for the answer. It counts as no prediction: neither in the metrics of
// answers nor against the model's reference, where a picture that is also predicted would be there twice.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) error {
	q, err := s.readExplanation(r)
	if err != nil {
		return err
	}
	uploads, held, err := s.receive(w, r, q, s.readUploads)
	defer held.release()
	if err != nil {
		return err
	}
	if len(uploads) > 1 {
		return refuse(malformedRequest, "an explanation is of one picture, and the form has %d", len(uploads))
	}

	ctx, cancel := s.inTime(r.Context(), q)
	defer cancel()
	outcomes, err := s.outcomes(ctx, r, q, uploads)
	if err != nil {
		return err
	}
	o := outcomes[0]
	if o.err != nil {
		s.count(q.model.Name(), o)
		return o.err
	}
	// A client that reads slowly keeps it for long: the evidence, and its form in the answer.
	n := 3 * o.evidence.Bytes()
	if err := held.take(n); err != nil {
		return err
	}
	defer held.give(n)
	if q.explain.Raster {
		return writeRaster(w, q.format, o.evidence)
	}
	writeJSON(w, http.StatusOK, explanationDocument{
		Prediction: newPrediction(pictureID(exchangeOf(ctx).id, 0), uploads[0].part, q.model, o),
		Evidence:   o.evidence,
		Timing:     explanationTiming{milliseconds(o.explained)},
	})
	return nil
}

// writeRaster answers with the spikes of each neuron. An NPZ file is made whole, since it is small: see [evidence.Memory].
func writeRaster(w http.ResponseWriter, format string, e *evidence.Evidence) error {
	if !e.HasRaster() {
		return refuse(notExplainable, "%v", evidence.ErrNoRaster)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if format == formatCSV {
		h.Set("Content-Type", evidence.MediaCSV)
		w.WriteHeader(http.StatusOK)
		_ = e.WriteCSV(w) // the error means that the client has left
		return nil
	}
	var file bytes.Buffer
	if err := e.WriteNPZ(&file); err != nil {
		return err
	}
	h.Set("Content-Type", evidence.MediaNPZ)
	h.Set("Content-Disposition", `attachment; filename="raster.npz"`)
	h.Set("Content-Length", strconv.Itoa(file.Len()))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(file.Bytes())
	return nil
}
