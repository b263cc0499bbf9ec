package report

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// dump is a data set as text, an element a line.
func dump(d *dicom.Dataset, indent string) string {
	var b strings.Builder
	for _, e := range d.Elements() {
		switch {
		case e.VR == dicom.SQ:
			fmt.Fprintf(&b, "%s%v SQ, %d items\n", indent, e.Tag, len(e.Items))
			for _, item := range e.Items {
				b.WriteString(indent + "  -\n" + dump(item, indent+"    "))
			}
		case e.VR == dicom.OB || e.VR == dicom.US || e.VR == dicom.FD:
			fmt.Fprintf(&b, "%s%v %s % x\n", indent, e.Tag, e.VR, e.Value)
		default:
			fmt.Fprintf(&b, "%s%v %s %q\n", indent, e.Tag, e.VR, e.Value)
		}
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, diff)
	}
}

func make1(t *testing.T, kind string, in Input) Object {
	t.Helper()
	o, err := Make(kind, in)
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	return o
}

// parsed is a DICOM object as a receiver reads it.
func parsed(t *testing.T, o Object) *dicom.Dataset {
	t.Helper()
	f, err := dicom.Parse(o.Body, dicom.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", o.Kind, err)
	}
	if f.Syntax != dicom.ExplicitLittleEndian || f.Meta.String(dicom.MediaStorageSOPInstanceUID) != o.SOPInstance || f.Meta.String(dicom.MediaStorageSOPClassUID) != o.SOPClass {
		t.Errorf("%s: its header says %s, %s", o.Kind, f.Syntax, f.Meta.String(dicom.MediaStorageSOPInstanceUID))
	}
	return f.Dataset
}

// The golden is what dsrdump, dciodvfy, highdicom and PixelMed's validator of templates read.
func TestWholeReport(t *testing.T) {
	golden(t, "sr.golden", dump(parsed(t, make1(t, KindSR, input(film()))), ""))
}

// find lists the content items of a concept.
func find(d *dicom.Dataset, concept code) []*dicom.Dataset {
	var out []*dicom.Dataset
	for _, item := range d.Items(dicom.ContentSequence) {
		if name := item.Items(dicom.ConceptNameCodeSequence); len(name) == 1 && name[0].String(dicom.CodeMeaning) == concept.meaning {
			out = append(out, item)
		}
		out = append(out, find(item, concept)...)
	}
	return out
}

// value is the one value of a concept in a report.
func value(t *testing.T, d *dicom.Dataset, concept code) string {
	t.Helper()
	items := find(d, concept)
	if len(items) == 0 {
		return ""
	}
	if len(items) > 1 {
		t.Fatalf("%d items of %s", len(items), concept.meaning)
	}
	switch item := items[0]; item.String(dicom.ValueType) {
	case "NUM":
		return item.Items(dicom.MeasuredValueSequence)[0].String(dicom.NumericValue)
	case "CODE":
		return item.Items(dicom.ConceptCodeSequence)[0].String(dicom.CodeMeaning)
	default:
		return item.String(dicom.TextValue)
	}
}

func TestWhatAReportSays(t *testing.T) {
	cases := map[string]struct{ probability, raw, threshold, finding, presence, label string }{
		"positive":      {"0.46123456789012", "0.8125", "0.37", "Pneumonia", "Present", "Pneumonia"},
		"negative":      {"0.03", "0.8125", "0.37", "Pneumonia", "Absent", "NORMAL"},
		"uncalibrated":  {"", "0.8125", "", "Pneumonia", "Undetermined", ""},
		"unknown label": {"0.46123456789012", "0.8125", "", "", "", ""},
		"other label":   {"0.46123456789012", "0.8125", "0.37", "Pleural effusion on the left", "Present", "Pleural effusion on the left"},
	}
	for name, want := range cases {
		in := input(film())
		variants()[name](&in)
		d := parsed(t, make1(t, KindSR, in))
		got := want
		got.probability, got.raw, got.threshold = value(t, d, probability), value(t, d, rawProbability), value(t, d, threshold)
		got.finding, got.label = value(t, d, findingConcept), value(t, d, modelOutput)
		got.presence = ""
		if v := in.verdict(); v.finding != (code{}) {
			got.presence = value(t, d, v.finding)
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		var warned []string
		for _, item := range find(d, warning) {
			warned = append(warned, item.String(dicom.TextValue))
		}
		if len(warned) != len(in.Answer.Input.Warnings) {
			t.Errorf("%s: warnings %q", name, warned)
		}
		if comments := find(d, comment); len(comments) != 2 || !strings.HasPrefix(comments[1].String(dicom.TextValue), pipeline.Notice) {
			t.Errorf("%s: %d comments", name, len(comments))
		}
	}
}

// A number whose decimal string is not exact stands in binary beside it.
func TestNumbersAreExact(t *testing.T) {
	for _, v := range []float64{0, 1, 0.5, 0.1, 0.46123456789012341, 1e-300, 5e-324, 1.0 / 3} {
		m := numberItem(probability, v).Items(dicom.MeasuredValueSequence)[0]
		read, ok := m.Float(dicom.FloatingPointValue)
		if !ok {
			read, ok = m.Float(dicom.NumericValue)
		}
		if s := m.String(dicom.NumericValue); !ok || read != v || len(s) > 16 {
			t.Errorf("%v is read as %v, %q", v, read, s)
		}
	}
}

func TestPositiveLabelIsTakenFromTheAnswer(t *testing.T) {
	a := answer()
	if got := positiveLabel(&a); got != "PNEUMONIA" {
		t.Errorf("above the threshold: %q", got)
	}
	a.Threshold, a.Label = ptr(0.5), ptr("NORMAL")
	if got := positiveLabel(&a); got != "PNEUMONIA" {
		t.Errorf("below the threshold: %q", got)
	}
	a.Probabilities = map[string]float64{"A": 0.5, "B": 0.5}
	a.Probability, a.Threshold, a.Label = ptr(0.5), ptr(0.6), ptr("A")
	if got := positiveLabel(&a); got != "B" {
		t.Errorf("both the same: %q", got)
	}
	a.Probabilities = nil
	if got := positiveLabel(&a); got != "" {
		t.Errorf("without probabilities: %q", got)
	}
}

func TestCopiedTextKeepsItsBytes(t *testing.T) {
	for name, film := range films() {
		for _, kind := range []string{KindSR, KindSC} {
			d := parsed(t, make1(t, kind, input(film)))
			for _, tag := range append([]dicom.Tag{dicom.SpecificCharacterSet, dicom.StudyInstanceUID}, append(requiredOfFilm, optionalOfFilm...)...) {
				want, got := film.Get(tag), d.Get(tag)
				switch {
				case want != nil && (got == nil || !bytes.Equal(bytes.TrimRight(got.Value, " \x00"), bytes.TrimRight(want.Value, " \x00"))):
					t.Errorf("%s, %s: %v is not the film's", name, kind, tag)
				case want == nil && got != nil && len(got.Value) > 0:
					t.Errorf("%s, %s: %v is invented: %q", name, kind, tag, got.Value)
				case want == nil && got == nil && tag != dicom.SpecificCharacterSet && !contains1(optionalOfFilm, tag):
					t.Errorf("%s, %s: %v is of type 2, and absent", name, kind, tag)
				}
			}
			for _, e := range d.Elements() {
				if e.Tag == dicom.PatientName {
					continue
				}
				if bad := beyondASCII(e); bad != "" {
					t.Errorf("%s, %s: %v has %s", name, kind, e.Tag, bad)
				}
			}
		}
	}
}

func contains1(list []dicom.Tag, tag dicom.Tag) bool {
	for _, t := range list {
		if t == tag {
			return true
		}
	}
	return false
}

// beyondASCII says what in an element would be read by the film's character set.
func beyondASCII(e dicom.Element) string {
	if e.VR == dicom.OB || e.VR == dicom.FD || e.VR == dicom.US {
		return ""
	}
	for _, b := range e.Value {
		if b > 0x7E || b == 0x1B {
			return fmt.Sprintf("%q", e.Value)
		}
	}
	for _, item := range e.Items {
		for _, inner := range item.Elements() {
			if bad := beyondASCII(inner); bad != "" {
				return inner.Tag.String() + " with " + bad
			}
		}
	}
	return ""
}

func TestTimesAreInTheFilmsZone(t *testing.T) {
	in := input(film())
	d := parsed(t, make1(t, KindSR, in))
	if date, clock := d.String(dicom.ContentDate), d.String(dicom.ContentTime); date != "20250317" || clock != "103005" || d.String(dicom.TimezoneOffsetFromUTC) != "+0100" {
		t.Errorf("%s %s", date, clock)
	}
	in.Film = bare()
	in.At = in.At.In(time.FixedZone("", -7200))
	if d := parsed(t, make1(t, KindSR, in)); d.String(dicom.ContentTime) != "073005" || d.Has(dicom.TimezoneOffsetFromUTC) {
		t.Errorf("without a zone: %s, zone %q", d.String(dicom.ContentTime), d.String(dicom.TimezoneOffsetFromUTC))
	}
	in.Film.SetStrings(dicom.TimezoneOffsetFromUTC, "+9900")
	if d := parsed(t, make1(t, KindSR, in)); d.String(dicom.ContentTime) != "073005" || d.Has(dicom.TimezoneOffsetFromUTC) {
		t.Errorf("with no zone that is one: %s", d.String(dicom.ContentTime))
	}
}

func TestRequestsOfAFilm(t *testing.T) {
	d := parsed(t, make1(t, KindSR, input(film())))
	requests := d.Items(dicom.ReferencedRequestSequence)
	if len(requests) != 1 || requests[0].String(dicom.RequestedProcedureID) != "RP-1" || requests[0].String(dicom.AccessionNumber) != "ACC-0815" ||
		requests[0].String(dicom.PlacerOrderNumberImagingServiceRequest) != "PLACER-1" || len(requests[0].Items(dicom.RequestedProcedureCodeSequence)) != 1 {
		t.Errorf("%d requests", len(requests))
	}
	if d := parsed(t, make1(t, KindSR, input(bare()))); d.Get(dicom.ReferencedRequestSequence) != nil {
		t.Error("a film without a request refers to one")
	}
}

func TestFilmsThatCannotBeReportedOn(t *testing.T) {
	cases := map[string]func(*dicom.Dataset){
		"no study":           func(d *dicom.Dataset) { d.Delete(dicom.StudyInstanceUID) },
		"no instance":        func(d *dicom.Dataset) { d.Delete(dicom.SOPInstanceUID) },
		"an empty series":    func(d *dicom.Dataset) { d.SetStrings(dicom.SeriesInstanceUID) },
		"a name for a UID":   func(d *dicom.Dataset) { d.SetStrings(dicom.StudyInstanceUID, plantedName) },
		"a UID that is long": func(d *dicom.Dataset) { d.SetStrings(dicom.StudyInstanceUID, strings.Repeat("1", 65)) },
		"an endless id":      func(d *dicom.Dataset) { d.SetStrings(dicom.PatientID, strings.Repeat(plantedName, 1000)) },
	}
	for name, spoil := range cases {
		in := input(film())
		spoil(in.Film)
		for _, kind := range Kinds() {
			_, err := Make(kind, in)
			if !errors.Is(err, ErrFilm) || strings.Contains(err.Error(), "PLANTED") {
				t.Errorf("%s, %s: %v", name, kind, err)
			}
		}
	}
	for _, kind := range []string{KindSR, KindSC} {
		if _, err := Make(kind, input(nil)); !errors.Is(err, ErrNoFilm) {
			t.Errorf("%s of a picture: %v", kind, err)
		}
	}
	if _, err := Make("pdf", input(film())); !errors.Is(err, ErrKind) {
		t.Errorf("an unknown kind: %v", err)
	}
}

// What a film has beyond what results need stays out of them.
func TestPlantedNames(t *testing.T) {
	where := map[string][]string{ // what each kind may have
		KindSR:   {plantedID, plantedDoctor},
		KindSC:   {plantedID, plantedDoctor},
		KindFHIR: {plantedID},
		KindHL7:  {plantedID},
	}
	for _, kind := range Kinds() {
		o := make1(t, kind, input(film()))
		text := string(o.Body)
		for _, may := range where[kind] {
			if !strings.Contains(text, may) {
				t.Errorf("%s has no %s", kind, may)
			}
			text = strings.ReplaceAll(text, may, "")
		}
		if i := strings.Index(text, "PLANTED"); i >= 0 {
			t.Errorf("%s has %q", kind, text[i:min(i+20, len(text))])
		}
		for _, id := range []string{o.SOPInstance, o.Series} {
			if id != "" && !dicom.ValidUID(id) {
				t.Errorf("%s: %q", kind, id)
			}
		}
	}
}
