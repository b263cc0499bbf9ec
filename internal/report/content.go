package report

import (
	"strconv"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Relationships between content items (PS3.3, C.17.3.2.4).
const (
	contains      = "CONTAINS"
	hasContext    = "HAS OBS CONTEXT"
	hasModifier   = "HAS CONCEPT MOD"
	hasAcqContext = "HAS ACQ CONTEXT"
)

// contentItem begins an item of an SR's content tree. The root has no relationship, an image in an image library no concept.
func contentItem(relationship, valueType string, concept code) *dicom.Dataset {
	d := &dicom.Dataset{}
	if relationship != "" {
		d.SetStrings(dicom.RelationshipType, relationship)
	}
	d.SetStrings(dicom.ValueType, valueType)
	if concept != (code{}) {
		d.SetItems(dicom.ConceptNameCodeSequence, concept.dataset())
	}
	return d
}

// container is an item with other items, of a template of PS3.16 if one is named.
func container(relationship string, concept code, template string, items ...*dicom.Dataset) *dicom.Dataset {
	d := contentItem(relationship, "CONTAINER", concept)
	d.SetStrings(dicom.ContinuityOfContent, "SEPARATE")
	if template != "" {
		t := &dicom.Dataset{}
		t.SetStrings(dicom.MappingResource, "DCMR")
		t.SetStrings(dicom.TemplateIdentifier, template)
		d.SetItems(dicom.ContentTemplateSequence, t)
	}
	d.SetItems(dicom.ContentSequence, items...)
	return d
}

func codeItem(relationship string, concept code, value *dicom.Dataset, items ...*dicom.Dataset) *dicom.Dataset {
	d := contentItem(relationship, "CODE", concept)
	d.SetItems(dicom.ConceptCodeSequence, value)
	if items != nil {
		d.SetItems(dicom.ContentSequence, items...)
	}
	return d
}

func textItem(relationship string, concept code, text string) *dicom.Dataset {
	d := contentItem(relationship, "TEXT", concept)
	d.SetStrings(dicom.TextValue, text)
	return d
}

func uidItem(relationship string, concept code, uid string) *dicom.Dataset {
	d := contentItem(relationship, "UIDREF", concept)
	d.SetStrings(dicom.UID, uid)
	return d
}

// numberItem is a number without a unit. It is written in binary as well where its text is not exact.
func numberItem(concept code, value float64, items ...*dicom.Dataset) *dicom.Dataset {
	measured := &dicom.Dataset{}
	text := number(value)
	measured.SetStrings(dicom.NumericValue, text)
	if read, err := strconv.ParseFloat(text, 64); err != nil || read != value {
		measured.SetFloats(dicom.FloatingPointValue, value)
	}
	measured.SetItems(dicom.MeasurementUnitsCodeSequence, noUnits.dataset())
	d := contentItem(contains, "NUM", concept)
	d.SetItems(dicom.MeasuredValueSequence, measured)
	if items != nil {
		d.SetItems(dicom.ContentSequence, items...)
	}
	return d
}

// imageItem refers to the film.
func (in *Input) imageItem(concept code, items ...*dicom.Dataset) *dicom.Dataset {
	d := contentItem(contains, "IMAGE", concept)
	d.SetItems(dicom.ReferencedSOPSequence, in.reference())
	if items != nil {
		d.SetItems(dicom.ContentSequence, items...)
	}
	return d
}
