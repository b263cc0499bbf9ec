package film

import (
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Facts are what may be told of a film to whoever has its answer: nothing that names the patient or the examination.
type Facts struct {
	// SOPClass and TransferSyntax are UIDs of the standard.
	SOPClass, TransferSyntax string
	Modality                 string
	// BodyPart and ViewPosition are values of the standard's lists, "OTHER" for another text and "" for none.
	BodyPart, ViewPosition string
	Photometric            string
	// Intent is "FOR PRESENTATION", "FOR PROCESSING" or "".
	Intent string
	// Age is in whole years, nil if unknown. Above 89 it is 90, as the rules on de-identified data ask (45 CFR 164.514(b)(2)).
	Age *int
	// Window is what decided on the greys.
	Window Window
	// Inverted tells films whose smallest value was shown as white.
	Inverted bool
	// Orientation is as of [Film.Orientation].
	Orientation int
	// Lossy tells films that were compressed with loss, now or earlier.
	Lossy bool
}

// Facts lists them for a film that was decoded.
func (f *Film) Facts(shown *Shown) Facts {
	d := f.Dataset
	facts := Facts{
		SOPClass:       standard(f.SOPClass()),
		TransferSyntax: standard(f.Syntax),
		Modality:       d.String(dicom.Modality), // CR or DX
		BodyPart:       listed(d.String(dicom.BodyPartExamined), func(s string) bool { return s == "CHEST" || s == "THORAX" || slices.Contains(parts, s) }),
		ViewPosition:   listed(d.String(dicom.ViewPosition), func(s string) bool { return s == "AP" || s == "PA" || views[s] != "" && len(s) <= 3 }),
		Photometric:    d.String(dicom.PhotometricInterpretation), // one of two
		Intent:         listed(d.String(dicom.PresentationIntentType), func(s string) bool { return s == "FOR PRESENTATION" || s == "FOR PROCESSING" }),
		Window:         shown.Window,
		Inverted:       shown.Inverted,
		Orientation:    f.Orientation(),
		Lossy:          f.lossy(),
	}
	if years, ok := f.Age(); ok {
		years = min(years, 90)
		facts.Age = &years
	}
	return facts
}

// listed is a text that is known to be of a list: what else stands there may be anything.
func listed(s string, known func(string) bool) string {
	switch s = strings.ToUpper(s); {
	case s == "", known(s):
		return s
	}
	return "OTHER"
}

// standard is a UID of the standard's own, or "OTHER".
func standard(uid string) string {
	if uid == "" || dicom.UIDName(uid) != "" {
		return uid
	}
	return "OTHER"
}
