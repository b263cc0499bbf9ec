package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
	utf "unicode/utf8"

	"github.com/spikeray/spikeray/internal/dicom"
)

// segments are a message's, by their names.
func segments(t *testing.T, in Input) map[string][]string {
	t.Helper()
	body := string(make1(t, KindHL7, in).Body)
	if !strings.HasSuffix(body, "\r") || strings.Contains(body, "\n") {
		t.Fatalf("%q", body)
	}
	out := map[string][]string{}
	for _, s := range strings.Split(strings.TrimSuffix(body, "\r"), "\r") {
		out[s[:3]] = append(out[s[:3]], s)
	}
	return out
}

func TestWholeMessage(t *testing.T) {
	in := input(utf8())
	golden(t, "hl7.golden", strings.ReplaceAll(string(make1(t, KindHL7, in).Body), "\r", "\n"))
}

func TestNamesOfPeople(t *testing.T) {
	for name, want := range map[string]string{
		"":                        "",
		"^^":                      "",
		"Doe":                     "Doe^^^^^^^A",
		"Doe^Jane^M^Dr.^Jr.":      "Doe^Jane^M^Jr.^Dr.^^^A",
		"Doe^Jane^M^Dr.^Jr.^more": "Doe^Jane^M^Jr.^Dr.^^^A",
		"^Jane":                   "^Jane^^^^^^A",
		"A^B=C^D=E^F":             "A^B^^^^^^A~C^D^^^^^^I~E^F^^^^^^P",
		"=C^D":                    "C^D^^^^^^I",
		"A=B=C=D":                 "A^^^^^^^A~B^^^^^^^I~C^^^^^^^P",
		"A|B&C~D^E":               `A\F\B\T\C\R\D^E^^^^^^A`,
	} {
		if got := xpn(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestDelimitersAreEscaped(t *testing.T) {
	in := input(film())
	in.Answer.Input.Warnings = []string{"a|b^c~d&e\\f\rPID|2||forged\ng"}
	in.Film.SetStrings(dicom.PatientID, "1|2^3~4&5\rPID|9")
	s := segments(t, in)
	if len(s["PID"]) != 1 || !strings.Contains(s["PID"][0], `||1\F\2\S\3\R\4\T\5 PID\F\9^^^HOSPITAL^PI|`) {
		t.Errorf("%q", s["PID"])
	}
	found := false
	for _, obx := range s["OBX"] {
		found = found || strings.Contains(obx, `|a\F\b\S\c-d\T\e/f PID\F\2\F\\F\forged g|`)
	}
	if !found {
		t.Errorf("%q", s["OBX"])
	}
	if field(`\F\`) != `\E\F\E\` {
		t.Errorf("%q", field(`\F\`))
	}
}

func TestControlIDIsTheDecisions(t *testing.T) {
	id := func(in Input) string { return strings.Split(segments(t, in)["MSH"][0], "|")[9] }
	first := id(input(film()))
	if len(first) != 20 || first != id(input(film())) {
		t.Errorf("%q", first)
	}
	in := input(film())
	in.Answer.Model.Digest = "sha256:00"
	if id(in) == first {
		t.Error("another model has the same id")
	}
}

func TestIdentifiersAreNotCut(t *testing.T) {
	for _, tag := range identifiers {
		in := input(film())
		in.Film.SetStrings(tag, strings.Repeat("9", maxName+1))
		if _, err := HL7(in); !errors.Is(err, ErrFilm) || strings.Contains(err.Error(), "999") {
			t.Errorf("%v: %v", tag, err)
		}
	}
}

func TestOrdersOfAFilm(t *testing.T) {
	s := segments(t, input(film()))
	if s["ORC"][0] != "ORC|RE|PLACER-1|FILLER-1" || !strings.HasPrefix(s["OBR"][0], "OBR|1|PLACER-1|FILLER-1|36554-4^XR Chest Single view^LN|||20250317081522+0100|") {
		t.Errorf("%q", s)
	}
	in := input(film())
	in.Film.Delete(dicom.FillerOrderNumberImagingServiceRequest)
	in.Film.Delete(dicom.PlacerOrderNumberImagingServiceRequest)
	if s := segments(t, in); s["ORC"][0] != "ORC|RE||ACC-0815" {
		t.Errorf("%q", s["ORC"])
	}
	for _, film := range []*dicom.Dataset{bare(), nil} {
		if s := segments(t, input(film)); s["ORC"] != nil || !strings.HasPrefix(s["OBR"][0], "OBR|1|||30745-4^XR Chest Views^LN|") || s["PID"][0] != "PID|1" {
			t.Errorf("%q", s)
		}
	}
}

func TestOnlyWhatReachesTheThresholdIsHigh(t *testing.T) {
	for name, want := range map[string]string{"positive": "|1^no units^UCUM|<0.37|H|", "negative": "|1^no units^UCUM|<0.37||", "unknown label": "|1^no units^UCUM||||"} {
		in := input(film())
		variants()[name](&in)
		if obx := segments(t, in)["OBX"][0]; !strings.Contains(obx, want) {
			t.Errorf("%s: %s", name, obx)
		}
	}
}

func TestNumbersHaveNoExponent(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 0.37: "0.37", 1e-5: "0.00001", 1.5e-12: "0.0000000000015", 5e-324: "0.0000000000000000", 0.46123456789012341: "0.4612345678901234"} {
		if got := numeric(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

// Whatever a film has, objects are made or refused, and those that are made can be read.
func FuzzFilms(f *testing.F) {
	f.Add("ISO_IR 100", "M\xFCller^Zo\xEB", "4711", "1.2.3", "20250317", "081522", "+0100", "PNEUMONIA", "a: b")
	f.Add("ISO_IR 192", "山田^太郎=x", "a|b\rPID|", "1.2.3", "", "", "-9999", "", "\\~\x00\u2028")
	f.Add(`\ISO 2022 IR 149`, "A^B=\x1B$)C\xFB\xF3", strings.Repeat("x", 70), "PLANTED", "99999999", "999999", "", strings.Repeat("l", 200), strings.Repeat("w", 3000))
	f.Fuzz(func(t *testing.T, set, name, id, uid, date, clock, zone, label, warned string) {
		d := film()
		for tag, v := range map[dicom.Tag]string{dicom.SpecificCharacterSet: set, dicom.PatientName: name, dicom.PatientID: id, dicom.StudyInstanceUID: uid,
			dicom.StudyDate: date, dicom.StudyTime: clock, dicom.TimezoneOffsetFromUTC: zone, dicom.InstanceNumber: date, dicom.PatientOrientation: label,
			dicom.LossyImageCompressionRatio: warned, dicom.BodyPartExamined: set, dicom.PatientAge: date} {
			d.SetStrings(tag, v)
		}
		in := Input{Film: d, Answer: answer(), At: epoch, Picture: picture(8, 8)}
		in.Answer.Label, in.Positive, in.Answer.OperatingPoint = &label, label, &name
		in.Answer.Input.Warnings = []string{warned, name, label}
		in.Answer.Model.Name, in.Answer.Model.Version, in.Version = name, label, warned
		for _, kind := range Kinds() {
			o, err := Make(kind, in)
			if err != nil {
				if !errors.Is(err, ErrFilm) {
					t.Fatalf("%s: %v", kind, err)
				}
				continue
			}
			switch kind {
			case KindSR, KindSC:
				p, err := dicom.Parse(o.Body, dicom.Limits{})
				if err != nil {
					t.Fatalf("%s: %v", kind, err)
				}
				if p.Dataset.String(dicom.SOPInstanceUID) != o.SOPInstance || !dicom.ValidUID(o.SOPInstance) {
					t.Errorf("%s: %q", kind, o.SOPInstance)
				}
			case KindFHIR:
				if !json.Valid(o.Body) {
					t.Errorf("%s", o.Body)
				}
			case KindHL7:
				text := string(o.Body)
				if !utf.ValidString(text) {
					t.Errorf("%q is no UTF-8", text)
				}
				if strings.Count(text, "\rPID|") != 1 || strings.Count(text, "\rOBR|") != 1 || strings.ContainsFunc(strings.ReplaceAll(text, "\r", ""), unicode.IsControl) {
					t.Errorf("%q", text)
				}
			}
		}
	})
}
