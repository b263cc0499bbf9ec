package report

import (
	"regexp"
	"strconv"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// maxCopied bounds a value that is copied from a film, in bytes: an LO of 64 characters is at most 64 times 4 bytes and their
// escape sequences, a PN three times as much.
const maxCopied = 4096

// Attributes of the Patient, General Study and Patient Study modules (PS3.3, C.7.1.1, C.7.2.1, C.7.2.2) that results carry.
var (
	// Those of type 2 are written empty where the film does not have them.
	requiredOfFilm = []dicom.Tag{
		dicom.PatientName, dicom.PatientID, dicom.PatientBirthDate, dicom.PatientSex,
		dicom.StudyDate, dicom.StudyTime, dicom.ReferringPhysicianName, dicom.StudyID, dicom.AccessionNumber,
	}
	optionalOfFilm = []dicom.Tag{
		dicom.IssuerOfPatientID, dicom.PatientIdentityRemoved, dicom.DeidentificationMethod, dicom.StudyDescription,
	}
)

var (
	uidCharacters = regexp.MustCompile(`^[0-9.]{1,64}$`)
	ageString     = regexp.MustCompile(`^[0-9]{3}[DWMY]$`)
	zoneString    = regexp.MustCompile(`^[+-](0[0-9]|1[0-4])[0-5][0-9]$`)
)

// checkFilm tells whether results can be filed with the film: it must say which object and which study it is, and what
// identifies the patient must fit where it is copied to.
func (in *Input) checkFilm() error {
	if in.Film == nil {
		return ErrNoFilm
	}
	for _, tag := range []dicom.Tag{dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.StudyInstanceUID, dicom.SeriesInstanceUID} {
		// Some systems make UIDs with leading zeros. They are kept: the archive knows the film by them.
		if !uidCharacters.MatchString(in.Film.String(tag)) {
			return filmError(tag, "must be a UID, of at most 64 digits and dots")
		}
	}
	for _, tag := range requiredOfFilm {
		if e := in.Film.Get(tag); e != nil && len(e.Value) > maxCopied {
			return filmError(tag, "has %d bytes, at most %d are copied", len(e.Value), maxCopied)
		}
	}
	return nil
}

// dataset begins a DICOM object about the film: the modules Patient, General Study and SOP Common. The film's values keep
// their bytes, and so the object has the film's character set; all other text is ASCII.
func (in *Input) dataset(kind, class string) *dicom.Dataset {
	film, d := in.Film, &dicom.Dataset{}
	copyText(d, film, dicom.SpecificCharacterSet)
	for _, tag := range requiredOfFilm {
		if !copyText(d, film, tag) {
			d.SetStrings(tag)
		}
	}
	for _, tag := range optionalOfFilm {
		copyText(d, film, tag)
	}
	if ageString.MatchString(film.String(dicom.PatientAge)) {
		copyText(d, film, dicom.PatientAge)
	}
	copyIssuer(d, film, dicom.IssuerOfAccessionNumberSequence)
	copyIssuer(d, film, dicom.IssuerOfPatientIDQualifiersSequence)
	copyCodes(d, film, dicom.ProcedureCodeSequence)
	if d.Has(dicom.PatientIdentityRemoved) {
		copyCodes(d, film, dicom.DeidentificationMethodCodeSequence)
	}
	copyText(d, film, dicom.StudyInstanceUID)

	d.SetStrings(dicom.SOPClassUID, class)
	d.SetStrings(dicom.SOPInstanceUID, in.object(kind).uid())
	zone, known := in.zone()
	at := in.At.In(zone)
	if known {
		copyText(d, film, dicom.TimezoneOffsetFromUTC)
	}
	setTime(d, dicom.InstanceCreationDate, dicom.InstanceCreationTime, at)
	setTime(d, dicom.ContentDate, dicom.ContentTime, at)
	return d
}

// equip adds the module General Equipment (C.7.5.1), and what is the same in the modules of both series.
func (in *Input) equip(d *dicom.Dataset, kind, modality, description string, number int) {
	d.SetStrings(dicom.Manufacturer, manufacturer)
	d.SetStrings(dicom.ManufacturerModelName, in.modelName())
	d.SetStrings(dicom.DeviceSerialNumber, in.serial())
	d.SetStrings(dicom.SoftwareVersions, orUnknown(ascii(in.Version, maxName)), in.modelVersion())
	d.SetStrings(dicom.Modality, modality)
	d.SetStrings(dicom.SeriesInstanceUID, in.series(kind, in.Film.String(dicom.StudyInstanceUID)).uid())
	d.SetInts(dicom.SeriesNumber, number)
	d.SetStrings(dicom.SeriesDescription, ascii(description+" "+in.modelName(), maxName))
	d.SetInts(dicom.InstanceNumber, in.instanceNumber())
}

// instanceNumber is the film's, so that results of several films of a study stand in their order.
func (in *Input) instanceNumber() int {
	if n, ok := in.Film.Int(dicom.InstanceNumber); ok && n >= 0 && n <= 1<<31-1 {
		return n
	}
	return 1
}

// zone is the time zone of a result. Dates that are copied from a film are in the zone that the film states, so the others
// have to be, too. Where it states none, known is false, the result states none either, and times are this machine's.
func (in *Input) zone() (zone *time.Location, known bool) {
	if in.Film != nil {
		if text := in.Film.String(dicom.TimezoneOffsetFromUTC); zoneString.MatchString(text) {
			hours, _ := strconv.Atoi(text[1:3])
			minutes, _ := strconv.Atoi(text[3:])
			seconds := hours*3600 + minutes*60
			if text[0] == '-' {
				seconds = -seconds
			}
			return time.FixedZone(text, seconds), true
		}
	}
	return in.At.Location(), false
}

func setTime(d *dicom.Dataset, date, clock dicom.Tag, at time.Time) {
	d.SetStrings(date, at.Format("20060102"))
	d.SetStrings(clock, at.Format("150405"))
}

// copyText copies an element of text as it is. One that came as unknown (UN) gets the representation that it has in the
// standard, and one of an odd length is padded. It is false for an absent one and for one that cannot be a value of this kind.
func copyText(to, from *dicom.Dataset, tag dicom.Tag) bool {
	e := from.Get(tag)
	if e == nil || len(e.Items) > 0 || e.Fragments != nil || len(e.Value) > maxCopied {
		return false
	}
	to.SetStrings(tag, string(e.Value))
	return true
}

// copyCodes copies a sequence of codes; of each, what makes a code.
func copyCodes(to, from *dicom.Dataset, tag dicom.Tag) {
	var items []*dicom.Dataset
	for _, item := range from.Items(tag) {
		if len(items) == maxItems {
			break
		}
		if c := copyCode(item); c != nil {
			items = append(items, c)
		}
	}
	if items != nil {
		to.SetItems(tag, items...)
	}
}

// maxItems bounds the items of a sequence that are copied.
const maxItems = 16

// copyCode copies an item of a code sequence, nil for one that is not complete.
func copyCode(item *dicom.Dataset) *dicom.Dataset {
	c := &dicom.Dataset{}
	for _, tag := range []dicom.Tag{dicom.CodeValue, dicom.LongCodeValue, dicom.URNCodeValue, dicom.CodingSchemeDesignator, dicom.CodingSchemeVersion, dicom.CodeMeaning} {
		if item.Has(tag) {
			copyText(c, item, tag)
		}
	}
	value := c.Has(dicom.CodeValue) && c.Has(dicom.CodingSchemeDesignator) || c.Has(dicom.LongCodeValue) && c.Has(dicom.CodingSchemeDesignator) || c.Has(dicom.URNCodeValue)
	if !value || !c.Has(dicom.CodeMeaning) {
		return nil
	}
	return c
}

// copyIssuer copies a sequence that says who issued an identifier (PS3.3, 10.14).
func copyIssuer(to, from *dicom.Dataset, tag dicom.Tag) {
	items := from.Items(tag)
	if len(items) == 0 {
		return
	}
	issuer := &dicom.Dataset{}
	for _, t := range []dicom.Tag{dicom.LocalNamespaceEntityID, dicom.UniversalEntityID, dicom.UniversalEntityIDType} {
		if items[0].Has(t) {
			copyText(issuer, items[0], t)
		}
	}
	if issuer.Len() > 0 {
		to.SetItems(tag, issuer)
	}
}

// reference is an item that refers to the film.
func (in *Input) reference() *dicom.Dataset {
	d := &dicom.Dataset{}
	copyTextAs(d, dicom.ReferencedSOPClassUID, in.Film, dicom.SOPClassUID)
	copyTextAs(d, dicom.ReferencedSOPInstanceUID, in.Film, dicom.SOPInstanceUID)
	return d
}

// copyTextAs copies a UID of the film to another tag.
func copyTextAs(to *dicom.Dataset, tag dicom.Tag, from *dicom.Dataset, source dicom.Tag) {
	to.SetStrings(tag, from.String(source))
}
