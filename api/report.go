package api

import (
	"context"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/node"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/report"
)

// mediaJSON is the media type of answers unless another is asked for.
const mediaJSON = "application/json"

// reportOf are the kinds of result objects by the media type that asks for them.
var reportOf = map[string]string{report.MediaDICOM: report.KindSR, report.MediaFHIR: report.KindFHIR, report.MediaHL7: report.KindHL7}

// accepted is the kind of result object that an Accept header prefers to JSON (RFC 9110, 12.5.1), "" for JSON. Types that
// are not known are passed over, and */* is JSON.
func accepted(header []string) string { return preferred(header, reportOf) }

// preferred is accepted for other kinds of answers beside JSON.
func preferred(header []string, kinds map[string]string) string {
	if len(header) == 0 || len(header) == 1 && header[0] == "*/*" {
		return ""
	}
	kind, best, asJSON := "", 0.0, 0.0
	for _, line := range header {
		for part := range strings.SplitSeq(line, ",") {
			media, parameters, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			weight := 1.0
			if q, ok := parameters["q"]; ok {
				if weight, err = strconv.ParseFloat(q, 64); err != nil || !(weight >= 0 && weight <= 1) {
					continue
				}
			}
			switch k := kinds[media]; {
			case media == mediaJSON, media == "*/*", media == "application/*":
				asJSON = max(asJSON, weight)
			case k != "" && weight > best:
				kind, best = k, weight
			}
		}
	}
	if best > 0 && best > asJSON {
		return kind
	}
	return ""
}

// reported has a question answered with a result object of a kind.
func (q *question) reported(kind string) error {
	if !slices.Contains(report.Kinds(), kind) {
		return refuse(invalidParameter, "report must be one of %s", strings.Join(report.Kinds(), ", "))
	}
	q.report = kind
	return nil
}

// mapped has a secondary capture show a map over the film.
func (q *question) mapped(name string) error {
	switch {
	case name != "occlusion":
		return refuse(invalidParameter, "map must be occlusion")
	case q.report != report.KindSC:
		return refuse(invalidParameter, "map is only for report=sc, which shows it")
	}
	explanation := node.Explanation(q.options.Steps)
	if err := evidence.CheckOcclusion(q.model.Model, explanation); err != nil {
		return refuse(notExplainable, "%v", err)
	}
	q.explain = &explanation
	return nil
}

// ofFilms tells kinds of result objects that only films have which came as DICOM.
func ofFilms(kind string) bool { return kind != "" && kind != report.KindFHIR }

// draw has the picture kept that a result object needs.
func (q *question) draw(r *node.Result) {
	if report.NeedsPicture(q.report) {
		q.options.Decoded = func(p *radiograph.Picture) { r.Picture = drawn(p) }
	}
}

// writeReport answers with a result object.
func (s *Server) writeReport(ctx context.Context, w http.ResponseWriter, r *http.Request, held *lease, q question, of node.Result) error {
	object, err := s.report(ctx, callerOf(r), q, of)
	if err != nil {
		return err
	}
	if of.Evidence != nil { // in colour, and so of megabytes that a client that reads slowly keeps for long
		n := int64(cap(object.Body))
		if err := held.take(n); err != nil {
			return err
		}
		defer held.give(n)
	}
	h := w.Header()
	h.Set("Content-Type", object.MediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(object.Body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(object.Body) // the error means that the client has left
	return nil
}

// report makes a result object. One in colour takes as much memory as a picture, and is made as one is answered: as a task of
// the queue.
func (s *Server) report(ctx context.Context, who caller, q question, of node.Result) (object report.Object, err error) {
	if of.Evidence == nil || of.Picture == nil {
		return report.Make(q.report, node.Input(of, s.config.Version))
	}
	run := func(context.Context, time.Duration) (err error) {
		object, err = report.Make(q.report, node.Input(of, s.config.Version))
		return err
	}
	errs, err := s.config.Queue.Do(ctx, Task{Run: run, Memory: node.ColourMemory(of.Picture), Batch: q.batch, caller: who})
	if err == nil {
		err = s.ended(ctx, errs[0])
	}
	return object, err
}
