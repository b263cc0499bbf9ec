package report

import (
	"encoding/base32"
	"strconv"
	"strings"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// HL7 makes an HL7 v2.5.1 message ORU^R01 in UTF-8: the probability as NM, the presence of the finding as CWE, warnings and
// notice as TX. Segments end in CR; there is no other line break in it. All results are preliminary. Its control id is
// derived, so a receiver can tell a message that is sent twice.
//
// A picture that did not come as DICOM gives a message without a patient.
func HL7(in Input) ([]byte, error) {
	if in.Film != nil {
		if err := in.checkFilm(); err != nil {
			return nil, err
		}
		for _, tag := range identifiers {
			if len([]rune(in.Film.String(tag))) > maxName {
				return nil, filmError(tag, "has more than %d characters", maxName)
			}
		}
	}
	m := &message{subs: map[code]int{}}
	zone, _ := in.zone()
	at := in.At.In(zone)
	control := in.object(KindHL7)
	m.segment("MSH", `^~\&`, field("SPIKERAY"), field(in.modelName()), "", "", moment(at, true), "", "ORU^R01^ORU_R01",
		base32.StdEncoding.EncodeToString(control[:])[:20], "P", "2.5.1", "", "", "", "", "", "UNICODE UTF-8")
	m.segment("PID", in.pid()...)
	placer, filler := in.order()
	if placer != "" || filler != "" {
		m.segment("ORC", "RE", field(placer), field(filler))
	}
	m.segment("OBR", in.obr(placer, filler, moment(at, true))...)
	in.results(m, moment(at, true))
	return m.text, nil
}

// identifiers are never cut to what fits: a shorter one would be another's.
var identifiers = []dicom.Tag{
	dicom.PatientID, dicom.AccessionNumber, dicom.PlacerOrderNumberImagingServiceRequest, dicom.FillerOrderNumberImagingServiceRequest,
}

// message is one that grows by segments.
type message struct {
	text []byte
	obx  int          // OBX segments so far
	subs map[code]int // of those with text, by their concept
}

// segment adds one. Its fields are encoded already; empty ones at the end are left out.
func (m *message) segment(name string, fields ...string) {
	for len(fields) > 0 && fields[len(fields)-1] == "" {
		fields = fields[:len(fields)-1]
	}
	m.text = append(m.text, name...)
	for _, f := range fields {
		m.text = append(append(m.text, '|'), f...)
	}
	m.text = append(m.text, '\r')
}

// escapes are those of HL7 v2.5.1, 2.7.1.
var escapes = strings.NewReplacer(`\`, `\E\`, `|`, `\F\`, `^`, `\S\`, `~`, `\R\`, `&`, `\T\`)

// field encodes a text as a field or a component: bounded, without control characters, and with delimiters escaped.
func field(s string) string { return escapes.Replace(plain(s, maxText)) }

// components joins encoded components, without the empty ones at the end.
func components(list ...string) string { return strings.TrimRight(strings.Join(list, "^"), "^") }

// coded encodes a code. The schemes that are used here have the same names in HL7 (table 0396) as in DICOM.
func coded(c code) string { return components(field(c.value), field(c.meaning), field(c.scheme)) }

// numeric writes a number as an NM, which has no exponent: with up to 16 decimals.
func numeric(v float64) string {
	text := strconv.FormatFloat(v, 'f', 16, 64)
	if short := strconv.FormatFloat(v, 'f', -1, 64); len(short) < len(text) {
		return short
	}
	return text
}

// moment is a time in HL7, with its zone where that is to be told.
func moment(t time.Time, zone bool) string {
	if zone {
		return t.Format("20060102150405-0700")
	}
	return t.Format("20060102150405")
}

// pid says who the patient is.
func (in *Input) pid() []string {
	fields := make([]string, 8) // PID-1 to PID-8
	fields[0] = "1"
	if in.Film == nil {
		return fields
	}
	if id := in.Film.String(dicom.PatientID); id != "" {
		i := in.issuer()
		authority := field(i.name)
		if i.oid != "" {
			authority = strings.Join([]string{field(i.name), field(i.oid), "ISO"}, "&")
		}
		fields[2] = components(field(id), "", "", authority, "PI")
	}
	fields[4] = xpn(in.Film.String(dicom.PatientName))
	if birth := in.Film.String(dicom.PatientBirthDate); dateString.MatchString(birth) {
		fields[6] = birth
	}
	switch sex := in.Film.String(dicom.PatientSex); sex {
	case "M", "F", "O":
		fields[7] = sex
	}
	return fields
}

// xpn is a name as HL7 has it. DICOM has family, given, middle, prefix and suffix, and up to three ways to write them; HL7 has
// the suffix first, and repeats the field.
func xpn(name string) string {
	var repeats []string
	for i, group := range strings.SplitN(name, "=", 4) {
		if i > 2 || strings.Trim(group, "^ ") == "" {
			continue
		}
		parts := make([]string, 5)
		for j, p := range strings.SplitN(group, "^", 6) {
			if j < 5 {
				parts[j] = escapes.Replace(plain(p, maxName))
			}
		}
		repeats = append(repeats, components(parts[0], parts[1], parts[2], parts[4], parts[3], "", "", "AIP"[i:i+1]))
	}
	return strings.Join(repeats, "~")
}

// order is by whom the film was ordered, as the placer and the filler of the order number it. A film's accession number is
// the filler's where there is no other.
func (in *Input) order() (placer, filler string) {
	if in.Film == nil {
		return "", ""
	}
	placer = in.Film.String(dicom.PlacerOrderNumberImagingServiceRequest)
	if filler = in.Film.String(dicom.FillerOrderNumberImagingServiceRequest); filler == "" {
		filler = in.Film.String(dicom.AccessionNumber)
	}
	return placer, filler
}

// obr says which examination the results belong to.
func (in *Input) obr(placer, filler, at string) []string {
	fields := make([]string, 25) // OBR-1 to OBR-25
	fields[0], fields[1], fields[2] = "1", field(placer), field(filler)
	fields[3] = coded(chestViews)
	if in.Film != nil {
		if items := in.Film.Items(dicom.ProcedureCodeSequence); len(items) > 0 && items[0].Has(dicom.CodeValue) {
			p := items[0]
			fields[3] = coded(code{p.String(dicom.CodeValue), p.String(dicom.CodingSchemeDesignator), p.String(dicom.CodeMeaning)})
		}
		if t, clock := in.studyMoment(); clock {
			_, zoned := in.zone()
			fields[6] = moment(t, zoned)
		} else if !t.IsZero() {
			fields[6] = t.Format("20060102")
		}
		fields[17] = field(in.Film.String(dicom.AccessionNumber))
	}
	fields[21], fields[23], fields[24] = at, "RAD", "P"
	return fields
}

// results adds the observations.
func (in *Input) results(m *message, at string) {
	a, v := &in.Answer, in.verdict()
	device := components(field(in.modelName()+" "+in.modelVersion()), "", field(in.serial()), "L")
	add := func(valueType string, what code, value, unit, normal, abnormal string) {
		m.obx++
		fields := make([]string, 18) // OBX-1 to OBX-18
		fields[0], fields[1], fields[2] = strconv.Itoa(m.obx), valueType, coded(what)
		if valueType == "TX" { // there may be several of a concept
			m.subs[what]++
			fields[3] = strconv.Itoa(m.subs[what])
		}
		fields[4], fields[5], fields[6], fields[7] = value, unit, normal, abnormal
		fields[10], fields[13], fields[17] = "P", at, device
		m.segment("OBX", fields...)
	}
	unit := coded(noUnits)
	if a.Probability != nil {
		normal, abnormal := "", ""
		if a.Threshold != nil {
			normal = "<" + numeric(*a.Threshold)
			if v.presence == present {
				abnormal = "H"
			}
		}
		add("NM", probability, numeric(*a.Probability), unit, normal, abnormal)
	}
	add("NM", rawProbability, numeric(a.RawProbability), unit, "", "")
	if a.Threshold != nil {
		add("NM", threshold, numeric(*a.Threshold), unit, "", "")
	}
	if v.finding != (code{}) {
		add("CWE", v.finding, coded(v.presence), "", "", "")
	}
	if v.label != "" {
		add("CWE", modelOutput, coded(findingCode(v.label)), "", "", "")
	}
	if in.Film != nil {
		add("ST", studyUID, field(in.Film.String(dicom.StudyInstanceUID)), "", "", "")
	}
	add("TX", comment, field(in.conclusion()), "", "", "")
	for _, w := range in.warnings() {
		add("TX", warning, field(w), "", "", "")
	}
	for _, p := range in.parameters() {
		add("TX", algorithmParameters, field(p), "", "", "")
	}
	add("TX", comment, field(in.notice()), "", "", "")
}
