package api

import (
	"net/url"
	"strconv"

	"github.com/spikeray/spikeray/internal/pipeline"
)

// question is what a prediction's query asks for.
type question struct {
	model   *pipeline.Entry
	options pipeline.Options
}

// readQuery reads a prediction's parameters. One that is not known, not well
// formed, given twice or does not apply to the model is refused.
func (s *Server) readQuery(rawQuery string) (question, error) {
	q := question{model: s.config.Models.Default()}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return q, refuse(invalidParameter, "the query is malformed")
	}
	for name, given := range values {
		switch name {
		case "model", "threshold", "steps":
		default:
			return q, refuse(invalidParameter, "a parameter is not known; there are model, threshold and steps")
		}
		if len(given) != 1 {
			return q, refuse(invalidParameter, "%s is given more than once", name)
		}
	}
	if values.Has("model") {
		if q.model, err = s.config.Models.Get(values.Get("model")); err != nil {
			return q, err
		}
	}
	if values.Has("threshold") {
		threshold, err := strconv.ParseFloat(values.Get("threshold"), 64)
		// Written so that NaN is refused.
		if err != nil || !(threshold >= 0 && threshold <= 1) {
			return q, refuse(invalidParameter, "threshold must be a number from 0 to 1")
		}
		q.options.Threshold = &threshold
	}
	if values.Has("steps") {
		most := q.model.MaxSteps()
		if most == 0 {
			return q, refuse(invalidParameter, "steps does not apply to the model %s", q.model.Name())
		}
		steps, err := strconv.Atoi(values.Get("steps"))
		if err != nil || steps < 1 || steps > most {
			return q, refuse(invalidParameter, "steps must be a whole number from 1 to %d", most)
		}
		q.options.Steps = steps
	}
	return q, nil
}
