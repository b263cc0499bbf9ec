package report

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// resource is a FHIR resource or a part of one. JSON has its keys in the order of the alphabet, so it is the same every time.
type resource map[string]any

// Code systems in FHIR, by their names in DICOM.
var systems = map[string]string{
	"DCM":         "http://dicom.nema.org/resources/ontology/DCM",
	"SCT":         "http://snomed.info/sct",
	"LN":          "http://loinc.org",
	"UCUM":        "http://unitsofmeasure.org",
	privateScheme: "https://github.com/spikeray/spikeray/codes",
}

const (
	uidSystem    = "urn:dicom:uid"
	uriSystem    = "urn:ietf:rfc:3986"
	terminology  = "http://terminology.hl7.org/CodeSystem/"
	maxPatientID = 256
)

// FHIR makes a transaction Bundle of FHIR R4 with a DiagnosticReport and its Observations: the probability, and the presence
// of the finding. All are preliminary, as nobody verified them. Each is created only if the server has none with its
// identifier, so a bundle may be sent twice. Patient and study are referred to by their identifiers.
//
// A picture that did not come as DICOM gives a bundle without a patient or a study.
func FHIR(in Input) ([]byte, error) {
	if in.Film != nil {
		if err := in.checkFilm(); err != nil {
			return nil, err
		}
		if len(in.Film.String(dicom.PatientID)) > maxPatientID {
			return nil, filmError(dicom.PatientID, "has more than %d bytes", maxPatientID)
		}
	}
	v := in.verdict()
	observations := []entry{in.entry("Observation", "probability", in.probabilityObservation(v))}
	if v.finding != (code{}) {
		observations = append(observations, in.entry("Observation", "presence", in.presenceObservation(v)))
	}
	var results []resource
	for _, o := range observations {
		results = append(results, resource{"reference": o.url})
	}
	report := in.entry("DiagnosticReport", "report", in.diagnosticReport(results))
	list := []resource{report.bundled()}
	for _, o := range observations {
		list = append(list, o.bundled())
	}
	return json.Marshal(resource{
		"resourceType": "Bundle",
		"type":         "transaction",
		"identifier":   resource{"system": uriSystem, "value": "urn:uuid:" + in.object(KindFHIR).String()},
		"timestamp":    in.At.Format(time.RFC3339),
		"entry":        list,
	})
}

// entry is a resource of the bundle.
type entry struct {
	kind, url string
	content   resource
}

func (in *Input) entry(kind, part string, content resource) entry {
	o := in.object(KindFHIR + " " + part)
	e := entry{kind: kind, url: "urn:uuid:" + o.String(), content: content}
	content["resourceType"] = kind
	content["identifier"] = []resource{{"system": uriSystem, "value": e.url}}
	content["status"] = "preliminary"
	return e
}

func (e entry) bundled() resource {
	return resource{
		"fullUrl":  e.url,
		"resource": e.content,
		"request":  resource{"method": "POST", "url": e.kind, "ifNoneExist": "identifier=" + uriSystem + "|" + e.url},
	}
}

func (in *Input) diagnosticReport(results []resource) resource {
	r := resource{
		"category":   []resource{concept(coding(terminology+"v2-0074", "RAD", "Radiology"))},
		"code":       concept(coding(systems["LN"], chestViews.value, chestViews.meaning)),
		"issued":     in.At.Format(time.RFC3339),
		"result":     results,
		"conclusion": in.conclusion() + " " + in.notice(),
	}
	in.about(r)
	if in.Film != nil {
		r["imagingStudy"] = []resource{in.study()}
	}
	return r
}

// about adds whom and when a resource is about.
func (in *Input) about(r resource) {
	if s := in.subject(); s != nil {
		r["subject"] = s
	}
	if when := in.studyTime(); when != "" {
		r["effectiveDateTime"] = when
	}
}

func (in *Input) observation(what code) resource {
	r := resource{
		"category":  []resource{concept(coding(terminology+"observation-category", "imaging", "Imaging"))},
		"code":      conceptOf(what),
		"bodySite":  conceptOf(chest),
		"issued":    in.At.Format(time.RFC3339),
		"contained": []resource{in.deviceResource()},
		"device":    resource{"reference": "#device"},
		"note":      in.notes(),
	}
	in.about(r)
	if in.Film != nil {
		r["derivedFrom"] = []resource{in.study()}
	}
	return r
}

func (in *Input) probabilityObservation(v verdict) resource {
	a := &in.Answer
	r := in.observation(probability)
	if v.finding.meaning != "" {
		r["code"].(resource)["text"] = "Probability: " + v.finding.meaning
	}
	components := []resource{{"code": conceptOf(rawProbability), "valueQuantity": quantity(a.RawProbability)}}
	if a.Probability != nil {
		r["valueQuantity"] = quantity(*a.Probability)
		r["method"] = conceptOf(calibrated)
	} else {
		r["dataAbsentReason"] = concept(coding(terminology+"data-absent-reason", "not-performed", "Not Performed"))
	}
	switch v.presence {
	case present:
		r["interpretation"] = []resource{concept(coding(terminology+"v3-ObservationInterpretation", "POS", "Positive"))}
	case absent:
		r["interpretation"] = []resource{concept(coding(terminology+"v3-ObservationInterpretation", "NEG", "Negative"))}
	}
	if a.Threshold != nil {
		components = append(components, resource{"code": conceptOf(threshold), "valueQuantity": quantity(*a.Threshold)})
		r["referenceRange"] = []resource{{"high": quantity(*a.Threshold), "text": "below the decision " + decidedBy(a)}}
	}
	r["component"] = components
	return r
}

func (in *Input) presenceObservation(v verdict) resource {
	r := in.observation(v.finding)
	r["valueCodeableConcept"] = conceptOf(v.presence)
	if v.label != "" {
		r["valueCodeableConcept"].(resource)["text"] = "Label " + v.label + " (" + decidedBy(&in.Answer) + ")"
	}
	return r
}

// deviceResource is the model, in this program.
func (in *Input) deviceResource() resource {
	return resource{
		"resourceType": "Device",
		"id":           "device",
		"identifier":   []resource{{"system": uidSystem, "value": "urn:oid:" + in.device().uid()}},
		"manufacturer": manufacturer,
		"modelNumber":  in.modelName(),
		"serialNumber": in.serial(),
		"deviceName":   []resource{{"name": in.modelName(), "type": "model-name"}},
		"version": []resource{
			{"type": resource{"text": "model"}, "value": in.modelVersion()},
			{"type": resource{"text": "digest of the model"}, "value": orUnknown(ascii(in.Answer.Model.Digest, maxText))},
			{"type": resource{"text": "program"}, "value": orUnknown(ascii(in.Version, maxName))},
		},
		"property": in.properties(),
	}
}

// properties are the parameters that the answer was made by.
func (in *Input) properties() []resource {
	var list []resource
	for _, p := range in.parameters() {
		name, value, _ := strings.Cut(p, "=")
		list = append(list, resource{"type": resource{"text": name}, "valueCode": []resource{{"text": orUnknown(value)}}})
	}
	return list
}

func (in *Input) notes() []resource {
	notes := []resource{{"text": in.notice()}}
	for _, w := range in.warnings() {
		notes = append(notes, resource{"text": "Warning: " + w})
	}
	return notes
}

// subject refers to the film's patient, nil where it names none.
func (in *Input) subject() resource {
	if in.Film == nil {
		return nil
	}
	id := plain(in.Film.String(dicom.PatientID), maxPatientID)
	if id == "" {
		return nil
	}
	identifier := resource{"value": id}
	if issuer := in.issuer(); issuer.oid != "" {
		identifier["system"] = "urn:oid:" + issuer.oid
	} else if issuer.name != "" {
		identifier["assigner"] = resource{"display": issuer.name}
	}
	return resource{"type": "Patient", "identifier": identifier}
}

// issuer is who issued the PatientID: a name and, where the film has it, an OID.
type issuer struct{ name, oid string }

func (in *Input) issuer() issuer {
	i := issuer{name: plain(in.Film.String(dicom.IssuerOfPatientID), maxName)}
	if q := in.Film.Items(dicom.IssuerOfPatientIDQualifiersSequence); len(q) > 0 && q[0].String(dicom.UniversalEntityIDType) == "ISO" {
		if oid := q[0].String(dicom.UniversalEntityID); dicom.ValidUID(oid) {
			i.oid = oid
		}
	}
	return i
}

func (in *Input) study() resource {
	uid := in.Film.String(dicom.StudyInstanceUID)
	return resource{"type": "ImagingStudy", "identifier": resource{"system": uidSystem, "value": "urn:oid:" + uid}}
}

var (
	dateString  = regexp.MustCompile(`^[0-9]{8}$`)
	clockString = regexp.MustCompile(`^[0-9]{6}(\.[0-9]{1,6})?$`)
)

// studyMoment is when the study began: its date, and where the film says so its time, without a fraction, and zone.
func (in *Input) studyMoment() (date time.Time, clock bool) {
	if in.Film == nil || !dateString.MatchString(in.Film.String(dicom.StudyDate)) {
		return time.Time{}, false
	}
	zone, _ := in.zone()
	day := in.Film.String(dicom.StudyDate)
	if c := in.Film.String(dicom.StudyTime); clockString.MatchString(c) {
		if t, err := time.ParseInLocation("20060102150405", day+c[:6], zone); err == nil {
			return t, true
		}
	}
	t, err := time.ParseInLocation("20060102", day, zone)
	if err != nil {
		return time.Time{}, false
	}
	return t, false
}

// studyTime is that in FHIR, where a time needs a zone; "" where the film does not say it.
func (in *Input) studyTime() string {
	t, clock := in.studyMoment()
	_, zoned := in.zone()
	switch {
	case t.IsZero():
		return ""
	case clock && zoned:
		return t.Format(time.RFC3339)
	}
	return t.Format(time.DateOnly)
}

func coding(system, value, display string) resource {
	return resource{"system": system, "code": value, "display": display}
}

func concept(c resource) resource { return resource{"coding": []resource{c}} }

func conceptOf(c code) resource { return concept(coding(systems[c.scheme], c.value, c.meaning)) }

// quantity is a number without a unit. Its digits are those that the other kinds of objects have.
func quantity(v float64) resource {
	return resource{"value": json.Number(number(v)), "system": systems["UCUM"], "code": noUnits.value}
}
