package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spikeray/spikeray/api/v2"
	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// question is what a prediction's query asks for.
type question struct {
	model   *pipeline.Entry
	options pipeline.Options
	report  string // the kind of result object to answer with, "" for JSON
	// others is why a picture that did not come as DICOM is not answered, nil where it is.
	others error
	// explain is set where the answer is to be explained, and format is how: see [formats].
	explain *evidence.Options
	format  string
	// deadline is when the answer must be there, zero for none, and batch tells a question that nobody waits for.
	deadline time.Time
	batch    bool
}

// parameters are all that a prediction takes.
var parameters = []string{
	"model", "version", "threshold", "operating_point", "prevalence", "steps", "bits", "report", "map", "echo", "deadline_ms", "priority",
}

// readQuery reads a prediction's parameters. One that is not known, not well
// formed, given twice or does not apply to the model is refused.
func (s *Server) readQuery(r *http.Request) (question, error) {
	values, err := readValues(r.URL.RawQuery, parameters)
	if err != nil {
		return question{}, err
	}
	return s.ask(r, values)
}

// readValues reads a query of which each parameter is known and given once.
func readValues(rawQuery string, known []string) (url.Values, error) {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, refuse(invalidParameter, "the query is malformed")
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			return nil, refuse(invalidParameter, "unknown parameter, must be one of %s", strings.Join(known, ", "))
		}
		if len(given) != 1 {
			return nil, refuse(invalidParameter, "%s is given more than once", name)
		}
	}
	return values, nil
}

// ask makes a question of a query's parameters.
func (s *Server) ask(r *http.Request, values url.Values) (question, error) {
	models := s.config.Models.Catalogue()
	q := s.question(models)
	var err error
	if q.model, err = choose(models, values); err != nil {
		return q, err
	}
	for name, into := range map[string]**float64{"threshold": &q.options.Threshold, "prevalence": &q.options.Prevalence} {
		if !values.Has(name) {
			continue
		}
		number, err := strconv.ParseFloat(values.Get(name), 64)
		if err != nil {
			return q, refuse(invalidParameter, "%s must be a number", name)
		}
		*into = &number
	}
	if values.Has("operating_point") {
		if q.options.OperatingPoint = values.Get("operating_point"); q.options.OperatingPoint == "" {
			return q, refuse(invalidParameter, "operating_point must be a name")
		}
	}
	if values.Has("report") {
		if err := q.reported(values.Get("report")); err != nil {
			return q, err
		}
	}
	if q.options.Bits, err = readBits(values); err != nil {
		return q, err
	}
	if values.Has("echo") {
		switch echo, err := strconv.ParseBool(values.Get("echo")); {
		case err != nil:
			return q, refuse(invalidParameter, "echo must be true or false")
		case echo && !s.config.Echo:
			return q, refuse(invalidParameter, "echo=true is only for servers that were started with --dicom-echo")
		default:
			q.options.Echo = echo
		}
	}
	if values.Has("steps") {
		most := q.model.MaxSteps()
		if most == 0 {
			return q, refuse(invalidParameter, "the parameter steps does not apply to model %s", q.model.Name())
		}
		steps, err := strconv.Atoi(values.Get("steps"))
		if err != nil || steps < 1 || steps > most {
			return q, refuse(invalidParameter, "steps must be a whole number from 1 to %d", most)
		}
		q.options.Steps = steps
	}
	var within time.Duration
	if values.Has("deadline_ms") {
		var ok bool
		if within, ok = readDeadline(values.Get("deadline_ms")); !ok {
			return q, refuse(invalidParameter, "deadline_ms must be a whole number from 1 to %d", v2.MaxDeadline/time.Millisecond)
		}
	}
	q.answerWithin(r, within)
	if values.Has("priority") {
		switch values.Get("priority") {
		case "interactive":
		case "batch":
			q.batch = true
		default:
			return q, refuse(invalidParameter, "priority must be interactive or batch")
		}
	}
	if values.Has("map") {
		if err := q.mapped(values.Get("map")); err != nil {
			return q, err
		}
	}
	return q, q.options.Check(q.model.Description())
}

// choose is the model that a query names by model and version, the catalogue's default where it names none.
func choose(models *pipeline.Catalogue, values url.Values) (*pipeline.Entry, error) {
	name := models.Default().Name()
	if values.Has("model") {
		name = values.Get("model")
	}
	if values.Has("version") {
		return models.Version(name, values.Get("version"))
	}
	return models.Get(name)
}

// readBits reads the parameter bits; 0 where it is not given.
func readBits(values url.Values) (int, error) {
	if !values.Has("bits") {
		return 0, nil
	}
	bits, err := strconv.Atoi(values.Get("bits"))
	if err != nil || bits < 8 || bits > 16 {
		return 0, refuse(invalidParameter, "bits must be a whole number from 8 to 16")
	}
	return bits, nil
}
