package dicomweb

import (
	"net/http"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Failure reasons of a Store Instances Response (PS3.18, I.2.2).
const (
	ProcessingFailure         = 0x0110
	SOPClassNotSupported      = 0x0122
	OutOfResources            = 0xA700
	Mismatch                  = 0xA900 // the data set does not match its SOP class or, by 10.5.3, the study
	CannotUnderstand          = 0xC000
	TransferSyntaxUnsupported = 0xC122
)

// Warning reasons (PS3.18, I.2.1).
const (
	Coerced           = 0xB000
	ElementsDiscarded = 0xB006
	MismatchAccepted  = 0xB007 // the data set does not match its SOP class, and was stored all the same
)

// Instance is what became of one file of a request.
type Instance struct {
	// SOPClass and SOPInstance are its UIDs, "" for a file that is so damaged that they are unknown.
	SOPClass, SOPInstance string
	// Failure is a failure reason, 0 for a file that was stored.
	Failure uint16
	// Warning is the warning reason of a file that was stored, 0 for none.
	Warning uint16
}

// Response is the Store Instances Response of a request's files (PS3.18, I.2). RetrieveURL is left out: what was stored here
// is not to be had here.
func Response(instances []Instance) *dicom.Dataset {
	var stored, failed, other []*dicom.Dataset
	for _, i := range instances {
		d := new(dicom.Dataset)
		if i.Failure != 0 {
			d.SetInts(dicom.FailureReason, int(i.Failure))
		}
		if i.SOPClass == "" || i.SOPInstance == "" {
			other = append(other, d)
			continue
		}
		d.SetStrings(dicom.ReferencedSOPClassUID, i.SOPClass)
		d.SetStrings(dicom.ReferencedSOPInstanceUID, i.SOPInstance)
		if i.Failure != 0 {
			failed = append(failed, d)
			continue
		}
		if i.Warning != 0 {
			d.SetInts(dicom.WarningReason, int(i.Warning))
		}
		stored = append(stored, d)
	}
	d := new(dicom.Dataset)
	for tag, items := range map[dicom.Tag][]*dicom.Dataset{
		dicom.ReferencedSOPSequence: stored, dicom.FailedSOPSequence: failed, dicom.OtherFailuresSequence: other,
	} {
		if len(items) > 0 {
			d.SetItems(tag, items...)
		}
	}
	return d
}

// Status is the HTTP status of a request's files (PS3.18, 10.5.3.1).
func Status(instances []Instance) int {
	failed, warned := 0, false
	for _, i := range instances {
		if i.Failure != 0 {
			failed++
		}
		warned = warned || i.Warning != 0
	}
	switch {
	case failed == len(instances):
		return http.StatusConflict
	case failed > 0, warned:
		return http.StatusAccepted
	}
	return http.StatusOK
}
