package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
)

// unmarshalled is a bundle as a receiver reads it, its resources by their kind.
func unmarshalled(t *testing.T, in Input) (bundle map[string]any, report map[string]any, observations []map[string]any) {
	t.Helper()
	o := make1(t, KindFHIR, in)
	if err := json.Unmarshal(o.Body, &bundle); err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle["entry"].([]any) {
		r := e.(map[string]any)["resource"].(map[string]any)
		if r["resourceType"] == "DiagnosticReport" {
			report = r
		} else {
			observations = append(observations, r)
		}
	}
	return bundle, report, observations
}

// at follows a path of keys and of indices, "" where it ends.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				return nil
			}
			v = list[p]
		}
	}
	return v
}

func TestWholeBundle(t *testing.T) {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, make1(t, KindFHIR, input(film())).Body, "", " "); err != nil {
		t.Fatal(err)
	}
	golden(t, "fhir.golden", pretty.String()+"\n")
}

func TestWhatABundleSays(t *testing.T) {
	cases := map[string]struct {
		probability any
		sign        any // of the interpretation
		presence    any
	}{
		"positive":     {0.46123456789012, "POS", "Present"},
		"negative":     {0.03, "NEG", "Absent"},
		"uncalibrated": {nil, nil, "Undetermined"},
	}
	for name, want := range cases {
		in := input(film())
		variants()[name](&in)
		_, report, observations := unmarshalled(t, in)
		if len(observations) != 2 || len(report["result"].([]any)) != 2 {
			t.Fatalf("%s: %d observations", name, len(observations))
		}
		p, presence := observations[0], observations[1]
		if got := at(p, "valueQuantity", "value"); got != want.probability {
			t.Errorf("%s: probability %v", name, got)
		}
		if (p["dataAbsentReason"] == nil) != (want.probability != nil) {
			t.Errorf("%s: reason for no value %v", name, p["dataAbsentReason"])
		}
		if got := at(p, "interpretation", 0, "coding", 0, "code"); got != want.sign {
			t.Errorf("%s: interpretation %v", name, got)
		}
		if got := at(presence, "valueCodeableConcept", "coding", 0, "display"); got != want.presence {
			t.Errorf("%s: %v", name, got)
		}
		for _, r := range append(observations, report) {
			if r["status"] != "preliminary" || at(r, "subject", "identifier", "value") != plantedID || r["effectiveDateTime"] != "2025-03-17T08:15:22+01:00" {
				t.Errorf("%s: %v, %v, %v", name, r["status"], r["subject"], r["effectiveDateTime"])
			}
		}
		if got := at(report, "imagingStudy", 0, "identifier", "value"); got != "urn:oid:"+in.Film.String(dicom.StudyInstanceUID) {
			t.Errorf("%s: study %v", name, got)
		}
	}
}

func TestResourcesAreCreatedOnce(t *testing.T) {
	bundle, report, _ := unmarshalled(t, input(film()))
	urls := map[any]bool{}
	for _, e := range bundle["entry"].([]any) {
		url := at(e, "fullUrl")
		if urls[url] || at(e, "request", "method") != "POST" || at(e, "request", "ifNoneExist") != "identifier=urn:ietf:rfc:3986|"+url.(string) ||
			at(e, "resource", "identifier", 0, "value") != url {
			t.Errorf("%v: %v", url, at(e, "request"))
		}
		urls[url] = true
	}
	for _, r := range report["result"].([]any) {
		if !urls[at(r, "reference")] {
			t.Errorf("%v is not in the bundle", r)
		}
	}
}

func TestPicturesHaveNoSubject(t *testing.T) {
	in := input(nil)
	_, report, observations := unmarshalled(t, in)
	for _, r := range append(observations, report) {
		for _, key := range []string{"subject", "effectiveDateTime", "imagingStudy", "derivedFrom"} {
			if r[key] != nil {
				t.Errorf("%v has a %s: %v", r["resourceType"], key, r[key])
			}
		}
	}
	first, _, _ := unmarshalled(t, in)
	in.ID = "request.1"
	if second, _, _ := unmarshalled(t, in); at(first, "identifier", "value") == at(second, "identifier", "value") {
		t.Error("two pictures give one bundle")
	}
}

func TestIssuersOfPatientIDs(t *testing.T) {
	in := input(film())
	_, report, _ := unmarshalled(t, in)
	if got := at(report, "subject", "identifier", "assigner", "display"); got != "HOSPITAL" {
		t.Errorf("%v", got)
	}
	q := &dicom.Dataset{}
	q.SetStrings(dicom.UniversalEntityID, "1.2.3.4")
	q.SetStrings(dicom.UniversalEntityIDType, "ISO")
	in.Film.SetItems(dicom.IssuerOfPatientIDQualifiersSequence, q)
	if _, report, _ = unmarshalled(t, in); at(report, "subject", "identifier", "system") != "urn:oid:1.2.3.4" {
		t.Errorf("%v", report["subject"])
	}
	if pid := strings.Split(segments(t, in)["PID"][0], "|")[3]; pid != plantedID+"^^^HOSPITAL&1.2.3.4&ISO^PI" {
		t.Errorf("%s", pid)
	}
}

func TestStudyTimes(t *testing.T) {
	for _, c := range []struct{ date, clock, zone, fhir, hl7 string }{
		{"20250317", "081522.25", "-0430", "2025-03-17T08:15:22-04:30", "20250317081522-0430"},
		{"20250317", "081522", "", "2025-03-17", "20250317081522"},
		{"20250317", "0815", "+0000", "2025-03-17", "20250317"},
		{"20250317", "", "+0000", "2025-03-17", "20250317"},
		{"20250317", "256199", "+0000", "2025-03-17", "20250317"},
		{"20251399", "081522", "+0000", "", ""},
		{"2025.03.17", "081522", "", "", ""},
		{"", "081522", "", "", ""},
	} {
		in := input(film())
		in.Film.SetStrings(dicom.StudyDate, c.date)
		in.Film.SetStrings(dicom.StudyTime, c.clock)
		in.Film.SetStrings(dicom.TimezoneOffsetFromUTC, c.zone)
		_, report, _ := unmarshalled(t, in)
		got, _ := report["effectiveDateTime"].(string)
		if obr := strings.Split(segments(t, in)["OBR"][0], "|"); got != c.fhir || obr[7] != c.hl7 {
			t.Errorf("%+v: %q, %q", c, got, obr[7])
		}
	}
}
