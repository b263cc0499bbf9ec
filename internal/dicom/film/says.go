package film

import (
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/internal/dicom"
)

// says is what a film says of itself.
type says struct {
	orientation int
	age         int // in whole years, -1 if unknown
	warnings    []string
	doubts      []Doubt
}

// Doubt is a statement of a film by which it is not what a model of frontal chest radiographs was made for.
type Doubt struct {
	// Code is "view" or "body-part".
	Code string
	// Text is the rest of a sentence that begins with "the film".
	Text string
}

// Doubts lists what a film says against itself.
func (f *Film) Doubts() []Doubt { return f.says.doubts }

// Warnings list what is unusual about the object, each a code, a colon and a sentence: "burned-in", "for-processing",
// "lossy" and "orientation".
func (f *Film) Warnings() []string { return f.says.warnings }

// Orientation is how the stored picture has to be turned to be upright, the patient's left on the right: 1 to 8, as in EXIF.
func (f *Film) Orientation() int { return f.says.orientation }

func (s *says) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// doubt notes the first doubt of a code.
func (s *says) doubt(code, format string, args ...any) {
	if slices.ContainsFunc(s.doubts, func(d Doubt) bool { return d.Code == code }) {
		return
	}
	s.doubts = append(s.doubts, Doubt{code, fmt.Sprintf(format, args...)})
}

// read collects what the film says of itself.
func (f *Film) read() says {
	d := f.Dataset
	s := says{orientation: 1, age: age(d)}
	s.readOrientation(d)
	s.readView(d)
	s.readBodyPart(d)
	if f.forProcessing() {
		s.warn("for-processing: the object holds raw detector data that are not meant to be looked at; send the one FOR PRESENTATION")
	}
	if d.String(dicom.BurnedInAnnotation) == "YES" {
		s.warn("burned-in: text is drawn into the picture, which may name the patient")
	}
	if f.lossy() {
		s.warn("lossy: the picture was compressed with loss")
	}
	return s
}

func (f *Film) forProcessing() bool {
	return f.Dataset.String(dicom.PresentationIntentType) == "FOR PROCESSING" || f.SOPClass() == dicom.DXImageForProcessing
}

// lossy tells whether the picture has been through a compression with loss, now or before.
func (f *Film) lossy() bool {
	switch f.Syntax {
	case dicom.JPEGBaseline, dicom.JPEGExtended, dicom.JPEGLSNearLossless:
		return true // JPEG 2000's general syntax may be lossless
	}
	return f.Dataset.String(dicom.LossyImageCompression) == "01"
}

// turns are the directions of rows and of columns, by what has to be done with such a picture as EXIF numbers it. Upright
// has rows to the patient's left and columns to the feet (PS3.3, C.7.6.1.1.1).
var turns = map[string]int{"LF": 1, "RF": 2, "RH": 3, "LH": 4, "FL": 5, "FR": 6, "HR": 7, "HL": 8}

// done is what each turn does, in words.
var done = map[int]string{2: "mirrored left to right", 3: "turned by 180 degrees", 4: "mirrored top to bottom", 5: "mirrored along its falling diagonal",
	6: "turned clockwise", 7: "mirrored along its rising diagonal", 8: "turned anticlockwise"}

func (s *says) readOrientation(d *dicom.Dataset) {
	values := d.Strings(dicom.PatientOrientation)
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return
	}
	var main string // of a direction between two, the first letter is the main one
	for _, v := range values {
		main += v[:min(len(v), 1)]
	}
	switch turn, ok := turns[main]; {
	case ok && len(values) == 2:
		s.orientation = turn
		if turn > 1 {
			s.warn("orientation: by %v, the rows run to the patient's %s and the columns to the %s; the picture was %s to be upright",
				dicom.PatientOrientation, directions[main[0]], directions[main[1]], done[turn])
		}
	case len(values) == 2 && len(main) == 2 && directions[main[0]] != "" && directions[main[1]] != "":
		s.doubt("view", "has rows to the patient's %s and columns to the %s, which no frontal view has", directions[main[0]], directions[main[1]])
	default:
		s.warn("orientation: %v is not as the standard has it; the picture was taken as stored", dicom.PatientOrientation)
	}
}

var directions = map[byte]string{'L': "left", 'R': "right", 'F': "feet", 'H': "head", 'A': "front", 'P': "back"}
