package pipeline

import (
	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/pkg/model"
)

// askFilm holds what a DICOM film says of itself against what the model was made for, by the gate's rule.
func (p *Prediction) askFilm(d *model.Description, f *film.Film, mode GateMode) error {
	if f == nil || mode == GateOff {
		return nil
	}
	for _, doubt := range f.Doubts() {
		if mode == GateRefuse {
			return &RefusedError{"the film " + doubt.Text}
		}
		p.Warnings = append(p.Warnings, doubt.Code+": the film "+doubt.Text+mayMeanNothing)
	}
	return nil
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
}

// WindowAnswer says which values became the greys from black to white. Center and Width are null for a look-up table.
type WindowAnswer struct {
	Function string   `json:"function"`
	Center   *float64 `json:"center"`
	Width    *float64 `json:"width"`
}

func newDICOM(f *film.Facts) *DICOMAnswer {
	if f == nil {
		return nil
	}
	a := &DICOMAnswer{
		SOPClass: f.SOPClass, TransferSyntax: f.TransferSyntax, Modality: f.Modality,
		BodyPart: nonEmpty(f.BodyPart), ViewPosition: nonEmpty(f.ViewPosition), Photometric: f.Photometric, Intent: nonEmpty(f.Intent),
		AgeYears: f.Age, Inverted: f.Inverted, Orientation: f.Orientation, Lossy: f.Lossy,
		Window: WindowAnswer{Function: f.Window.Function},
	}
	if w := f.Window; w.Function != film.LUT {
		a.Window.Center, a.Window.Width = &w.Center, &w.Width
	}
	return a
}
