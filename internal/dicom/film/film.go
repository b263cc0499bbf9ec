// Package film reads radiographs that are DICOM objects: it says which objects are films at all, decodes their pixels to
// the greys that a viewer would show, and tells what a film says of itself.
package film

import (
	"errors"
	"fmt"

	"github.com/spikeray/spikeray/internal/dicom"
)

// What can be wrong with an object, for errors.Is; the errors are of type [*Error]. They name tags, UIDs of transfer syntaxes
// and classes, the modality and the numbers of the image module, and never another value of the object.
var (
	// ErrDamaged reports an object that is damaged, cut short, contradicts itself or holds no picture.
	ErrDamaged = errors.New("not a picture")
	// ErrUnsupported reports pixels in a form that is not read here.
	ErrUnsupported = errors.New("not supported")
	// ErrNotRadiograph reports an object that is sound but of another kind.
	ErrNotRadiograph = errors.New("not a radiograph")
)

// Error says what is wrong with an object.
type Error struct {
	// Kind is one of this package's errors.
	Kind error
	// Reason says more: what was wrong and what would be right.
	Reason string
}

func (e *Error) Error() string { return e.Kind.Error() + ": " + e.Reason }
func (e *Error) Unwrap() error { return e.Kind }

func fail(kind error, format string, args ...any) error {
	return &Error{kind, fmt.Sprintf(format, args...)}
}

// Film is a radiograph as a DICOM object.
type Film struct {
	// Syntax is the UID of its transfer syntax.
	Syntax string
	// Dataset is all of the object or, of a deflated one, what comes before its pixels. Values alias the file's bytes. It has
	// patient data.
	Dataset *dicom.Dataset

	deflated []byte // the file, where the pixels are still to be inflated
	image    imageModule
	frame    frame
	says     says
}

const (
	// maxElements is how many elements a film may have. Films have some hundreds.
	maxElements = 1 << 14
	// maxHead is how many bytes may come before a deflated film's pixels, and behind them.
	maxHead = 1 << 20
)

// Open reads the headers of a DICOM file with one film. It costs little: pixels are not decoded, nor inflated. Errors wrap one
// of this package's.
func Open(data []byte) (*Film, error) {
	limits := dicom.Limits{Elements: maxElements}
	if deflated(data) {
		limits.Inflated, limits.Until = maxHead, dicom.FloatPixelData
	}
	file, err := dicom.Parse(data, limits)
	if err != nil {
		return nil, fail(ErrDamaged, "%v", err)
	}
	f := &Film{Syntax: file.Syntax, Dataset: file.Dataset}
	if limits.Until > 0 {
		f.deflated = data
	}
	if err := f.checkKind(file.Meta.String(dicom.MediaStorageSOPClassUID)); err != nil {
		return nil, err
	}
	if err := f.openImage(); err != nil {
		return nil, err
	}
	return f, nil
}

// deflated tells files whose data set is deflated. Its first eight bytes show that an element begins, and that is enough.
func deflated(data []byte) bool {
	file, err := dicom.Parse(data, dicom.Limits{Inflated: 8, Until: 1})
	return err == nil && file.Syntax == dicom.DeflatedLittleEndian
}

// openImage reads what the object says of its picture.
func (f *Film) openImage() (err error) {
	if f.image, err = readImageModule(f.Dataset); err != nil {
		return err
	}
	if f.deflated == nil {
		if f.frame, err = f.openFrame(f.Dataset.Get(dicom.PixelData)); err != nil {
			return err
		}
	}
	f.says = f.read()
	return nil
}

// Size is the film's width and height in pixels, as stored.
func (f *Film) Size() (width, height int) { return f.image.columns, f.image.rows }

// SOPClass is the UID of the object's class.
func (f *Film) SOPClass() string { return f.Dataset.String(dicom.SOPClassUID) }

// SOPInstance is the UID of the object.
func (f *Film) SOPInstance() string { return f.Dataset.String(dicom.SOPInstanceUID) }

// Study is the UID of the study that the object belongs to.
func (f *Film) Study() string { return f.Dataset.String(dicom.StudyInstanceUID) }

// Series is the UID of the series that the object belongs to.
func (f *Film) Series() string { return f.Dataset.String(dicom.SeriesInstanceUID) }
