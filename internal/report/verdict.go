package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// manufacturer is who this program is by, as equipment.
const manufacturer = "spikeray"

// banner is the notice where there is little room.
const banner = "Research software. Not for diagnosis."

// Bounds on texts that come with an answer, in characters.
const (
	maxName     = 64 // of a model, a label, an operating point: what an LO and a CodeMeaning hold
	maxText     = 1024
	maxWarnings = 32
)

// verdict is what an answer says about its finding.
type verdict struct {
	// finding is what the probability is of, the zero code where that is not known.
	finding code
	// presence is present, absent or undetermined.
	presence code
	// label is the label that was chosen, "" if none was.
	label string
}

func (in *Input) verdict() verdict {
	a := &in.Answer
	v := verdict{presence: undetermined}
	positive := in.Positive
	if positive == "" {
		positive = positiveLabel(a)
	}
	if positive != "" {
		v.finding = findingCode(positive)
	}
	if a.Label == nil {
		return v
	}
	v.label = ascii(*a.Label, maxName)
	switch {
	case positive == "":
	case strings.EqualFold(*a.Label, positive):
		v.presence = present
	default:
		v.presence = absent
	}
	return v
}

// positiveLabel is the label that an answer's probability is of. The chosen label is, if the probability reached the
// threshold; otherwise it is another one, and has this probability.
func positiveLabel(a *pipeline.Answer) string {
	if a.Label == nil || a.Probability == nil || a.Threshold == nil {
		return ""
	}
	if *a.Probability >= *a.Threshold {
		return *a.Label
	}
	for _, label := range slices.Sorted(maps.Keys(a.Probabilities)) {
		if label != *a.Label && a.Probabilities[label] == *a.Probability {
			return label
		}
	}
	return ""
}

// findingCode is the code of a label: SNOMED CT's for pneumonia, a private one for others.
func findingCode(label string) code {
	if strings.EqualFold(label, "pneumonia") {
		return pneumonia
	}
	name := ascii(label, maxName)
	return code{"LABEL_" + strings.ReplaceAll(strings.ToUpper(name), " ", "_"), privateScheme, name}
}

// decidedBy says by which threshold, and of which operating point, the label was chosen; "" if none was.
func decidedBy(a *pipeline.Answer) string {
	if a.Threshold == nil {
		return ""
	}
	text := "threshold " + number(*a.Threshold)
	if a.OperatingPoint != nil {
		text += ", operating point " + ascii(*a.OperatingPoint, maxName)
	}
	return text
}

// conclusion is the answer in a sentence.
func (in *Input) conclusion() string {
	a, v := &in.Answer, in.verdict()
	name := v.finding.meaning
	if name == "" {
		name = "The model's positive label"
	}
	if a.Probability == nil {
		return name + ": no calibrated probability; before calibration " + in.shown(a.RawProbability) + "."
	}
	text := name + ": probability " + in.shown(*a.Probability)
	if by := decidedBy(a); by != "" && v.label != "" {
		text += ", label " + v.label + " (" + by + ")"
	}
	return text + "."
}

// shown is a probability for people: with three decimals, or with as many more as it takes to be on its side of the threshold.
func (in *Input) shown(p float64) string {
	for decimals := 3; decimals < 12; decimals++ {
		short := strconv.FormatFloat(p, 'f', decimals, 64)
		read, err := strconv.ParseFloat(short, 64)
		if t := in.Answer.Threshold; err == nil && (t == nil || (read >= *t) == (p >= *t)) {
			return short
		}
	}
	return number(p)
}

// warnings are the answer's, a stable code, a colon and a sentence each.
func (in *Input) warnings() []string {
	list := in.Answer.Input.Warnings
	left := 0
	if len(list) > maxWarnings {
		left = len(list) - maxWarnings
		list = list[:maxWarnings]
	}
	var out []string
	for _, w := range list {
		if w = ascii(w, maxText); w != "" {
			out = append(out, w)
		}
	}
	if left > 0 {
		out = append(out, "more-warnings: "+strconv.Itoa(left)+" more are left out here")
	}
	return out
}

// warningCode is the stable code at a warning's beginning; a warning without one is its own.
func warningCode(w string) string {
	before, _, ok := strings.Cut(w, ":")
	if !ok || strings.ContainsAny(before, " ") {
		return w
	}
	return before
}

// parameters says what else an algorithm's answer depends on (PS3.16, TID 4019).
func (in *Input) parameters() []string {
	a := &in.Answer
	list := []string{"digest=" + ascii(a.Model.Digest, maxText), "program_version=" + ascii(in.Version, maxName)}
	if a.OperatingPoint != nil {
		list = append(list, "operating_point="+ascii(*a.OperatingPoint, maxName))
	}
	if a.Threshold != nil {
		list = append(list, "threshold="+number(*a.Threshold))
	}
	if a.Calibration != nil {
		list = append(list, "calibration="+ascii(a.Calibration.Digest, maxText))
	}
	if a.Steps != nil {
		list = append(list, "steps="+strconv.Itoa(*a.Steps))
	}
	list = append(list, "backend="+ascii(a.Backend.Name, maxName))
	if a.Degraded != nil {
		list = append(list, "degraded="+ascii(*a.Degraded, maxName))
	}
	return list
}

// notice is what the answer must not be used for.
func (in *Input) notice() string {
	if n := ascii(in.Answer.Notice, maxText); n != "" {
		return n
	}
	return pipeline.Notice
}

// modelName and modelVersion are the model's; they are never empty, as attributes made of them must not be.
func (in *Input) modelName() string    { return orUnknown(ascii(in.Answer.Model.Name, maxName)) }
func (in *Input) modelVersion() string { return orUnknown(ascii(in.Answer.Model.Version, maxName)) }

// serial is a serial number for what answered: the digest of the model, without its algorithm's name.
func (in *Input) serial() string {
	_, hex, ok := strings.Cut(in.Answer.Model.Digest, ":")
	if !ok {
		hex = in.Answer.Model.Digest
	}
	return orUnknown(ascii(hex, maxName))
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// number writes a number as a DS has it, and so in all kinds of objects.
func number(v float64) string { return dicom.DecimalString(v) }

// ascii is a text of this program's in characters that mean the same in every character set of DICOM, of at most so many. A
// backslash would separate values and, like the tilde, is another character in ISO_IR 13.
func ascii(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\\':
			return '/'
		case r == '~':
			return '-'
		case r == '–' || r == '—':
			return '-'
		case r == '’':
			return '\''
		case unicode.IsSpace(r) || unicode.IsControl(r):
			return ' '
		case r > 0x7E:
			return '?'
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if len(s) > most {
		s = strings.TrimSpace(s[:most-3]) + "..."
	}
	return s
}

// plain is a text of the film's for formats in UTF-8: without control characters, and of at most so many characters.
func plain(s string, most int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
	if runes := []rune(s); len(runes) > most {
		s = strings.TrimSpace(string(runes[:most]))
	}
	return s
}
