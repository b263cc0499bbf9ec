package pipeline

import (
	"fmt"
	"slices"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/pkg/model"
)

// askFilm holds what a DICOM film says of itself against what the model was made for, by the gate's rule.
func (p *Prediction) askFilm(d *model.Description, f *film.Film, mode GateMode) error {
	if f == nil || mode == GateOff {
		return nil
	}
	doubts := f.Doubts()
	if doubt, ok := doubtAge(d, f); ok {
		doubts = append(slices.Clip(doubts), doubt)
	}
	for _, doubt := range doubts {
		p.Doubts = append(p.Doubts, doubt.Code)
		if mode == GateRefuse {
			return &RefusedError{"the film " + doubt.Text}
		}
		p.Warnings = append(p.Warnings, doubt.Code+": the film "+doubt.Text+mayMeanNothing)
	}
	return nil
}

// doubtAge holds the patient's age, if the film says it, against the ages that the model was made for. The age itself is not
// for error messages.
func doubtAge(d *model.Description, f *film.Film) (film.Doubt, bool) {
	years, ok := f.Age()
	if !ok || d.Ages == nil || years >= d.Ages[0] && years <= d.Ages[1] {
		return film.Doubt{}, false
	}
	than := "older"
	if years < d.Ages[0] {
		than = "younger"
	}
	return film.Doubt{Code: "age", Text: fmt.Sprintf("is of a patient who is %s than those the model was made for (%d to %d years)", than, d.Ages[0], d.Ages[1])}, true
}

// inverted is what gates call pictures that are black where they should be white.
const inverted = "inverted"

// warnPolarity warns about a DICOM film that looks inverted to the gate: it was shown as the object says, so either the
// object is wrong or the picture is no chest.
func (p *Prediction) warnPolarity() {
	if p.Film == nil || p.Gate == nil || p.Gate.Accepted || p.Gate.Reason != inverted {
		return
	}
	p.Warnings = append(p.Warnings, fmt.Sprintf("polarity: the picture looks inverted although it was shown as the object says (%s, %s); its tags may be wrong",
		p.Film.Photometric, map[bool]string{false: "larger values brighter", true: "smaller values brighter"}[p.Film.Inverted]))
}

// DICOMAnswer is what is told of a DICOM film in an answer. See [film.Facts].
type DICOMAnswer struct {
	SOPClass       string       `json:"sop_class"`
	TransferSyntax string       `json:"transfer_syntax"`
	Modality       string       `json:"modality"`
	BodyPart       *string      `json:"body_part"`
	ViewPosition   *string      `json:"view_position"`
	Photometric    string       `json:"photometric_interpretation"`
	Intent         *string      `json:"presentation_intent"`
	AgeYears       *int         `json:"age_years"`
	Window         WindowAnswer `json:"window"`
	Inverted       bool         `json:"inverted"`
	Orientation    int          `json:"orientation"`
	Lossy          bool         `json:"lossy"`
	Identifiers    *Identifiers `json:"identifiers"`
}

// Identifiers name a film among others. Whoever has its archive finds the patient by them.
type Identifiers struct {
	Study    *string `json:"study_instance_uid"`
	Series   *string `json:"series_instance_uid"`
	Instance *string `json:"sop_instance_uid"`
}

// newIdentifiers takes over what is a UID: another text may be anything.
func newIdentifiers(f *film.Film) *Identifiers {
	uid := func(s string) *string {
		if !dicom.ValidUID(s) {
			return nil
		}
		return &s
	}
	return &Identifiers{Study: uid(f.Study()), Series: uid(f.Series()), Instance: uid(f.SOPInstance())}
}

// WindowAnswer says which values became the greys from black to white. Center and Width are null for a look-up table.
type WindowAnswer struct {
	Function string   `json:"function"`
	Center   *float64 `json:"center"`
	Width    *float64 `json:"width"`
}

func newDICOM(f *film.Facts, ids *Identifiers) *DICOMAnswer {
	if f == nil {
		return nil
	}
	a := &DICOMAnswer{
		SOPClass: f.SOPClass, TransferSyntax: f.TransferSyntax, Modality: f.Modality,
		BodyPart: nonEmpty(f.BodyPart), ViewPosition: nonEmpty(f.ViewPosition), Photometric: f.Photometric, Intent: nonEmpty(f.Intent),
		AgeYears: f.Age, Inverted: f.Inverted, Orientation: f.Orientation, Lossy: f.Lossy,
		Window: WindowAnswer{Function: f.Window.Function}, Identifiers: ids,
	}
	if w := f.Window; w.Function != film.LUT {
		a.Window.Center, a.Window.Width = &w.Center, &w.Width
	}
	return a
}
