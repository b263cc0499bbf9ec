package api

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testmodel"
)

const planted = "PLANTED"

// namedFilm is a film with a name wherever an object may name somebody, and with an age.
func namedFilm(change func(*dicom.Dataset)) []byte {
	return testmodel.Film(testmodel.Picture(150, 120, 9), func(d *dicom.Dataset) {
		for _, tag := range []dicom.Tag{dicom.PatientName, dicom.PatientID, dicom.InstitutionName, dicom.ReferringPhysicianName, dicom.StudyDescription,
			dicom.AccessionNumber, dicom.StudyID, dicom.BodyPartExamined, dicom.ViewPosition, dicom.ImageComments} {
			d.SetStrings(tag, planted)
		}
		d.SetStrings(dicom.PatientAge, "004Y")
		d.SetStrings(dicom.BurnedInAnnotation, "YES")
		if change != nil {
			change(d)
		}
	})
}

func TestAFilmIsAnsweredWithoutWhoItIsOf(t *testing.T) {
	s := start(t, nil)
	file := namedFilm(nil)
	body, contentType := form(t, "image", file, testmodel.PNG(64, 64, 1))
	for name, c := range map[string]struct {
		contentType string
		body        []byte
	}{"alone": {"application/dicom", file}, "undeclared": {"application/octet-stream", file}, "of a form": {contentType, body}} {
		r := request(t, http.MethodPost, s.url+"/v1/predictions", bytes.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		a := s.do(r)
		if a.status != 200 || strings.Contains(string(a.body), planted) || strings.Contains(string(a.body), "2.25.") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if !strings.Contains(string(a.body), `"age_years":4`) || !strings.Contains(string(a.body), `"identifiers":null`) || !strings.Contains(string(a.body), "burned-in: ") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	s.stop()
	if text := s.logs.String(); strings.Contains(text, planted) || strings.Contains(text, "2.25.") {
		t.Errorf("the log names the patient: %s", text)
	}
}

func TestRefusalsOfFilmsNameNobody(t *testing.T) {
	s := start(t, nil)
	for name, change := range map[string]func(*dicom.Dataset){
		"modality":    func(d *dicom.Dataset) { d.SetStrings(dicom.Modality, planted) },
		"class":       func(d *dicom.Dataset) { d.SetStrings(dicom.Modality, "CT") },
		"photometric": func(d *dicom.Dataset) { d.SetStrings(dicom.PhotometricInterpretation, planted) },
		"rows":        func(d *dicom.Dataset) { d.SetInts(dicom.Rows, 9999) },
		"frames":      func(d *dicom.Dataset) { d.SetStrings(dicom.NumberOfFrames, planted) },
		"pixels":      func(d *dicom.Dataset) { d.Delete(dicom.PixelData) },
	} {
		a := s.post("", namedFilm(change))
		if a.status < 400 || a.status >= 500 || strings.Contains(string(a.body), planted) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := s.post("?bits=12", namedFilm(nil)); a.status != 422 || a.problem(t) != "sample-depth" {
		t.Errorf("bits: %d %s", a.status, a.body)
	}
}

func TestIdentifiersAreEchoedWhereThatIsAllowed(t *testing.T) {
	file := namedFilm(func(d *dicom.Dataset) { d.SetStrings(dicom.SeriesInstanceUID, planted) })
	closed := start(t, nil)
	if a := closed.post("?echo=true", file); a.status != 400 || !strings.Contains(string(a.body), "--dicom-echo") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := closed.post("?echo=false", file); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	s := start(t, func(c *Config) { c.Echo = true })
	for query, want := range map[string]string{
		"?echo=true": `"identifiers":{"study_instance_uid":"2.25.1","series_instance_uid":null,"sop_instance_uid":"2.25.3"}`, "": `"identifiers":null`,
	} {
		if a := s.post(query, file); a.status != 200 || !strings.Contains(string(a.body), want) || strings.Contains(string(a.body), planted) {
			t.Errorf("%q: %d %s", query, a.status, a.body)
		}
	}
	if a := s.post("?echo=perhaps", file); a.status != 400 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
