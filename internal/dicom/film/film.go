// Package film reads radiographs that come as DICOM objects: what a film says of itself, and its pixels.
package film

import (
	"github.com/spikeray/spikeray/internal/dicom"
)

// Film is a radiograph as a DICOM object.
type Film struct {
	// Syntax is the UID of its transfer syntax.
	Syntax string
	// Dataset is all of the object; values alias the file's bytes. It has patient data.
	Dataset *dicom.Dataset
}

// SOPClass is the UID of the object's class.
func (f *Film) SOPClass() string { return f.Dataset.String(dicom.SOPClassUID) }

// SOPInstance is the UID of the object.
func (f *Film) SOPInstance() string { return f.Dataset.String(dicom.SOPInstanceUID) }

// Study is the UID of the study that the object belongs to.
func (f *Film) Study() string { return f.Dataset.String(dicom.StudyInstanceUID) }
