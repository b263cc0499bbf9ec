// Package report makes result objects of one answer: a DICOM structured report, a DICOM secondary capture, a FHIR bundle and
// an HL7 message.
//
// All of them say the same: the probability and what was decided by which threshold, which model answered, what was unusual,
// and that this is research software. What identifies a patient is taken from the film and appears nowhere else, in no error
// either. Names and UIDs of objects are derived from the film and the decision, so a film that is sent twice makes the same
// objects.
package report

import (
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// Input is what a result object is made of.
type Input struct {
	// Film is the data set of the film that was answered; nil for a picture that did not come as DICOM.
	Film *dicom.Dataset
	// Syntax is the UID of the film's transfer syntax, "" where it is not known. It tells whether its pixels lost something.
	Syntax string
	Answer pipeline.Answer
	// Positive is the model's positive label, the one that the answer's probability is of. If it is empty, it is taken from
	// the answer as far as that tells.
	Positive string
	// ID names the prediction. It identifies objects of a picture that did not come as DICOM.
	ID string
	// At is when the film was answered.
	At time.Time
	// Version is this program's.
	Version string
	// Picture is the film as it was seen, upright, in grey or in colour: the film alone, or with a drawing on it. Only the
	// secondary capture needs it.
	Picture image.Image
	// Drawing says what is drawn on the picture; nil for the film alone.
	Drawing *Drawing
	// Aspect is how many times as high as wide one of the picture's pixels is; 0 is 1.
	Aspect float64
	// Orientation is the picture's, as PatientOrientation says it: "L\\F" for an upright film that is seen as usual. If it is
	// empty, a film that says L\F of itself keeps it, and any other orientation is left unknown.
	Orientation string
}

// Drawing is what a secondary capture says of a drawing on its picture. The texts stand above the picture, in ASCII.
type Drawing struct {
	// Name tells captures of the same decision apart, by what is drawn on them.
	Name string
	// Legend says what the drawing shows and what its colours mean.
	Legend string
	// Notice says what it must not be taken for.
	Notice string
}

// The kinds of result objects.
const (
	KindSR   = "sr"
	KindSC   = "sc"
	KindFHIR = "fhir"
	KindHL7  = "hl7"
)

// The media types of result objects.
const (
	MediaDICOM = "application/dicom"
	MediaFHIR  = "application/fhir+json"
	MediaHL7   = "x-application/hl7-v2+er7"
)

// Kinds lists the kinds of result objects.
func Kinds() []string { return []string{KindSR, KindSC, KindFHIR, KindHL7} }

// MediaType is the media type of a kind of result objects, "" for an unknown kind.
func MediaType(kind string) string {
	switch kind {
	case KindSR, KindSC:
		return MediaDICOM
	case KindFHIR:
		return MediaFHIR
	case KindHL7:
		return MediaHL7
	}
	return ""
}

// NeedsPicture tells kinds that cannot be made without a picture.
func NeedsPicture(kind string) bool { return kind == KindSC }

// Object is a result object.
type Object struct {
	Kind      string
	MediaType string
	// Body is a file of PS3.10 in explicit VR little endian for the DICOM kinds, JSON or an HL7 message for the others.
	Body []byte
	// SOPClass, SOPInstance, Series and Study are UIDs of a DICOM object, "" for the others.
	SOPClass, SOPInstance, Series, Study string
}

// Errors that say why an object cannot be made.
var (
	ErrKind      = errors.New("report: no such kind of result object")
	ErrNoFilm    = errors.New("report: this kind of result object is made for a film that came as DICOM only: a picture has no patient and no study")
	ErrNoPicture = errors.New("report: a secondary capture needs the picture")
	ErrFilm      = errors.New("report: the film cannot be reported on")
)

// filmError is an ErrFilm about one attribute. It does not say the value, which may identify the patient.
func filmError(tag dicom.Tag, format string, args ...any) error {
	return fmt.Errorf("%w: %v %s", ErrFilm, tag, fmt.Sprintf(format, args...))
}

// Make makes the result object of a kind. Errors wrap [ErrKind], [ErrNoFilm], [ErrNoPicture] or [ErrFilm], and the same input
// always gives the same one: there is nothing to try again.
func Make(kind string, in Input) (Object, error) {
	o := Object{Kind: kind, MediaType: MediaType(kind)}
	var d *dicom.Dataset
	var err error
	switch kind {
	case KindSR:
		d, err = SR(in)
	case KindSC:
		d, err = SecondaryCapture(in)
	case KindFHIR:
		o.Body, err = FHIR(in)
	case KindHL7:
		o.Body, err = HL7(in)
	default:
		return Object{}, fmt.Errorf("%w: %q, want one of %q", ErrKind, kind, Kinds())
	}
	if err != nil {
		return Object{}, err
	}
	if d != nil {
		o.SOPClass, o.SOPInstance = d.String(dicom.SOPClassUID), d.String(dicom.SOPInstanceUID)
		o.Series, o.Study = d.String(dicom.SeriesInstanceUID), d.String(dicom.StudyInstanceUID)
		if o.Body, err = dicom.EncodeFile(d, dicom.ExplicitLittleEndian); err != nil {
			return Object{}, fmt.Errorf("%w: %w", ErrFilm, err)
		}
	}
	return o, nil
}
