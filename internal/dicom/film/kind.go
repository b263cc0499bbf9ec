package film

import (
	"github.com/spikeray/spikeray/internal/dicom"
)

// classes are those that films come in. Secondary captures are taken where their modality says that they are films: films
// that were digitised or exported are stored so.
var classes = map[string]bool{
	dicom.CRImage:                  true,
	dicom.DXImageForPresentation:   true,
	dicom.DXImageForProcessing:     true,
	dicom.SecondaryCaptureImage:    true,
	"1.2.840.10008.5.1.4.1.1.7.2":  true, // multi-frame grayscale byte, of one frame
	"1.2.840.10008.5.1.4.1.1.7.3":  true, // multi-frame grayscale word, of one frame
	"1.2.840.10008.5.1.1.29":       true, // hardcopy grayscale, retired
	"1.2.840.10008.5.1.1.30":       false,
	dicom.MediaStorageDirectory:    false,
	"1.2.840.10008.5.1.4.1.1.66":   false, // raw data
	"1.2.840.10008.5.1.4.1.1.66.4": false,
}

// modalities names the modalities that are refused (PS3.3, C.7.3.1.1.1), for messages.
var modalities = map[string]string{
	"AU": "audio", "BI": "biomagnetic imaging", "BMD": "bone densitometry", "CT": "computed tomography", "DG": "diaphanography",
	"DOC": "a document", "ECG": "an electrocardiogram", "EPS": "electrophysiology", "ES": "endoscopy", "FID": "fiducials", "GM": "general microscopy",
	"HC": "hard copy", "HD": "haemodynamics", "IO": "intra-oral radiography", "IVOCT": "intravascular optical coherence tomography", "IVUS": "intravascular ultrasound",
	"KO": "a selection of key objects", "LS": "a laser scan", "M3D": "a model for manufacture", "MG": "mammography", "MR": "magnetic resonance",
	"NM": "nuclear medicine", "OCT": "optical coherence tomography", "OP": "ophthalmic photography", "OT": "other", "PLAN": "a plan",
	"PR": "a presentation state", "PT": "positron emission tomography", "PX": "panoramic radiography", "REG": "a registration", "RESP": "respiratory data",
	"RF": "radio fluoroscopy", "RG": "conventional film, digitised", "RTDOSE": "a dose", "RTIMAGE": "a radiotherapy image", "RTPLAN": "a radiotherapy plan",
	"RTSTRUCT": "a structure set", "SEG": "a segmentation", "SM": "slide microscopy", "SR": "a structured report", "SRF": "refraction",
	"TG": "thermography", "US": "ultrasound", "XA": "X-ray angiography", "XC": "external-camera photography",
}

// checkKind refuses objects of kinds that are no film. media is the class in the file's header, which a directory has alone.
func (f *Film) checkKind(media string) error {
	class := f.SOPClass()
	if class == "" {
		class = media
	}
	if class == dicom.MediaStorageDirectory {
		return fail(ErrUnsupported, "a DICOMDIR is a directory of files; send the films that it names")
	}
	modality := f.Dataset.String(dicom.Modality)
	what, known := modalities[modality]
	switch {
	case modality == "CR" || modality == "DX":
	case known:
		return fail(ErrNotRadiograph, "modality %s (%s), expected CR or DX", modality, what)
	case modality == "":
		return fail(ErrNotRadiograph, "it names no modality, expected CR or DX")
	default:
		return fail(ErrNotRadiograph, "another modality than CR or DX")
	}
	allowed, listed := classes[class]
	if class != "" && !allowed && (listed || dicom.UIDName(class) != "") {
		return fail(ErrNotRadiograph, "an object of class %s, expected a CR, DX or secondary capture image", dicom.NamedUID(class))
	}
	return nil
}
