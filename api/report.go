package api

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

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

// ofFilms tells kinds of result objects that only films have which came as DICOM.
func ofFilms(kind string) bool { return kind != "" && kind != report.KindFHIR }

// draw has the picture kept that a result object needs.
func (q *question) draw(r *node.Result) {
	if report.NeedsPicture(q.report) {
		q.options.Decoded = func(p *radiograph.Picture) { r.Picture = drawn(p) }
	}
}

// writeReport answers with a result object.
func (s *Server) writeReport(w http.ResponseWriter, kind string, r node.Result) error {
	object, err := report.Make(kind, node.Input(r, s.config.Version))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", object.MediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(object.Body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(object.Body) // the error means that the client has left
	return nil
}
