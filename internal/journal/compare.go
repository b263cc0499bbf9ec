package journal

import (
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
)

// Compare names the parts of an answer that are not those that were recorded; none if both are the same bit for bit. What ran the
// spikes is no part of it: neither the back end, nor what kept a board from it, nor what a board told of its run, two warnings among
// that.
func Compare(recorded, again *Answer) (differ []string) {
	check := func(name string, same bool) {
		if !same {
			differ = append(differ, name)
		}
	}
	check("probability", sameNumber(recorded.Probability, again.Probability))
	check("raw_probability", sameNumber(recorded.RawProbability, again.RawProbability))
	check("log_odds", sameNumber(recorded.LogOdds, again.LogOdds))
	check("probabilities", slices.EqualFunc(recorded.Probabilities, again.Probabilities, sameBits))
	check("label", recorded.Label == again.Label)
	check("threshold", sameNumber(recorded.Threshold, again.Threshold))
	check("operating_point", recorded.OperatingPoint == again.OperatingPoint)
	check("at_prevalence", sameNumber(recorded.AtPrevalence, again.AtPrevalence))
	check("gate", sameGate(recorded.Gate, again.Gate))
	check("format", recorded.Format == again.Format)
	check("size", recorded.Width == again.Width && recorded.Height == again.Height)
	check("warnings", slices.Equal(ofPicture(recorded.Warnings), ofPicture(again.Warnings)))
	check("steps", recorded.Steps == again.Steps && recorded.Shortened == again.Shortened)
	check("spikes", reflect.DeepEqual(recorded.Spikes, again.Spikes))
	check("synaptic_operations", reflect.DeepEqual(recorded.SynapticOperations, again.SynapticOperations))
	return differ
}

// sameGate tells whether two answers of a gate are the same bit for bit.
func sameGate(a, b *Gate) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Accepted == b.Accepted && a.Reason == b.Reason && sameBits(a.Probability, b.Probability)
}

func sameNumber(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameBits(*a, *b)
}

func sameBits(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// ofBoards are the codes of warnings about a board's run.
var ofBoards = []string{"saturated", "lost"}

// ofPicture are the warnings that do not depend on what ran the spikes.
func ofPicture(warnings []string) (some []string) {
	for _, w := range warnings {
		if code, _, _ := strings.Cut(w, ":"); !slices.Contains(ofBoards, code) {
			some = append(some, w)
		}
	}
	return some
}

// Options are those by which a picture is answered as it was.
func (t *Terms) Options() pipeline.Options {
	return pipeline.Options{
		Threshold: t.Threshold, OperatingPoint: t.OperatingPoint,
		Standard:   pipeline.Standard{Threshold: t.DefaultThreshold, OperatingPoint: t.DefaultOperatingPoint},
		Prevalence: t.Prevalence, Gate: t.Gate, Steps: t.Steps, Bits: t.Bits,
	}
}

// Options are those by which the record's picture is answered as it was: in as many steps as a deadline left time for.
func (r *Record) Options() pipeline.Options {
	o := r.Asked.Options.Options()
	if a := r.Answer; a != nil && a.Shortened {
		o.Fit = func() (int, error) { return a.Steps, nil }
	}
	return o
}

// Limits are those that the picture was held to.
func (t *Terms) Limits() radiograph.Limits {
	return radiograph.Limits{MaxPixels: t.MaxPixels, MaxMemory: t.MaxMemory, TIFF: t.TIFF, WebP: t.WebP}
}

// ofPictures are the problems that a picture has again whenever it is looked at by the same terms.
var ofPictures = []string{"not-a-picture", "unsupported-format", "not-a-radiograph", "sample-depth", "gate-refused", "too-large", notReportable}

// notReportable is the problem of a picture that is no film where a report was asked for.
const notReportable = "not-reportable"

// Replayable tells whether what was recorded must come out again. A problem of the server, such as a board that was away, need not;
// nor one of a picture whose bytes were not kept, or of how it was sent.
func (r *Record) Replayable() bool {
	if r.Asked == nil || r.Asked.Input == nil {
		return false
	}
	return r.Answer != nil || r.Problem != nil && slices.Contains(ofPictures, r.Problem.Name)
}

// Differs names what is not as it was recorded when a picture is looked at again: by the prediction that there is now and, if that
// is an error, by the problem which that is. Film says that the picture is a DICOM film.
func (r *Record) Differs(p *pipeline.Prediction, problem string, film bool) []string {
	headers := p.Timing.Decode > 0 // they were in order, so that it was known what it is
	if r.Asked.Options.FilmsOnly && headers && !film {
		if problem = "unsupported-format"; r.Problem != nil && r.Problem.Name == notReportable {
			problem = notReportable
		}
	}
	switch {
	case r.Answer != nil && problem != "":
		return []string{"problem: " + problem}
	case r.Answer != nil:
		return Compare(r.Answer, NewAnswer(p))
	case problem == "":
		return []string{"problem: none"}
	case problem != r.Problem.Name:
		return []string{"problem: " + problem}
	case !sameGate(r.Problem.Gate, NewGate(p)):
		return []string{"gate"}
	}
	return nil
}
