package report

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// A change of these would give a film that was sent before a second object in every archive. They are by testdata/uids.py.
func TestUIDsAreFixed(t *testing.T) {
	want := map[string][2]string{
		KindSR: {"2.25.104624711189630912973868490489478930714", "2.25.118489707768096755230228035856863660513"},
		KindSC: {"2.25.202870445970842667785776478614573264742", "2.25.118654502556362275696064171581981119067"},
	}
	for kind, uids := range want {
		o := make1(t, kind, input(film()))
		if o.SOPInstance != uids[0] || o.Series != uids[1] {
			t.Errorf("%s: %q, %q", kind, o.SOPInstance, o.Series)
		}
	}
	if got := derive("a", "b").String(); got != "3c9d5910-45bc-8876-b9d0-399bbfb05c6a" {
		t.Errorf("%s", got)
	}
}

func TestDerivedUUIDsAreOfVersion8(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"b", "a"}, {"a", "b", ""}} {
		d := derive(parts...)
		if !form.MatchString(d.String()) || !dicom.ValidUID(d.uid()) {
			t.Errorf("%q: %s, %s", parts, d, d.uid())
		}
		if seen[d.uid()] {
			t.Errorf("%q has another's", parts)
		}
		seen[d.uid()] = true
	}
}

func TestAFilmThatIsSentTwiceMakesTheSameObjects(t *testing.T) {
	for _, kind := range Kinds() {
		first := make1(t, kind, input(film()))
		if again := make1(t, kind, input(film())); !bytes.Equal(first.Body, again.Body) {
			t.Errorf("%s: other bytes for the same input", kind)
		}
		if kind == KindFHIR || kind == KindHL7 {
			continue
		}
		in := input(film())
		in.At, in.Version, in.ID = in.At.Add(time.Hour), "1.0.0", "another.0"
		in.Answer.Backend.Name, in.Answer.Degraded, in.Answer.Input.Warnings = "loihi", ptr("busy"), nil
		if later := make1(t, kind, in); later.SOPInstance != first.SOPInstance || later.Series != first.Series || later.Study != first.Study {
			t.Errorf("%s: an hour later it is %s", kind, later.SOPInstance)
		}
	}
}

func TestOtherDecisionsMakeOtherObjects(t *testing.T) {
	changes := map[string]func(*Input){
		"film":        func(in *Input) { in.Film.SetStrings(dicom.SOPInstanceUID, "1.2.3") },
		"model":       func(in *Input) { in.Answer.Model.Digest = "sha256:00" },
		"threshold":   func(in *Input) { in.Answer.Threshold = ptr(0.38) },
		"point":       func(in *Input) { in.Answer.OperatingPoint = nil },
		"calibration": func(in *Input) { in.Answer.Calibration = &pipeline.SiteCalibration{Digest: "sha256:01"} },
	}
	first := make1(t, KindSR, input(film()))
	for name, change := range changes {
		in := input(film())
		change(&in)
		o := make1(t, KindSR, in)
		if o.SOPInstance == first.SOPInstance {
			t.Errorf("another %s makes the same object", name)
		}
		if (o.Series == first.Series) != (name != "model") {
			t.Errorf("another %s: series %s, %s", name, o.Series, first.Series)
		}
	}
	if sc := make1(t, KindSC, input(film())); sc.SOPInstance == first.SOPInstance || sc.Series == first.Series {
		t.Error("a capture has the report's UIDs")
	}
}
