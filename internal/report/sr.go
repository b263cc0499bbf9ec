package report

import "github.com/spikeray/spikeray/internal/dicom"

// seriesNumberSR and seriesNumberSC stand after those that modalities give.
const (
	seriesNumberSR = 9701
	seriesNumberSC = 9702
)

// SR makes a Comprehensive 3D SR with a Measurement Report by TID 1500 (PS3.16): who observed what on which image, one
// measurement group with the probability and the presence of the finding, and what was unusual.
func SR(in Input) (*dicom.Dataset, error) {
	if err := in.checkFilm(); err != nil {
		return nil, err
	}
	d := in.dataset(KindSR, dicom.Comprehensive3DSR)
	in.equip(d, KindSR, "SR", "Results of", seriesNumberSR)
	d.SetItems(dicom.ReferencedPerformedProcedureStepSequence)
	d.SetItems(dicom.CodingSchemeIdentificationSequence, privateSchemeIdentification())

	// SR Document General (PS3.3, C.17.2). Nobody verified it.
	d.SetStrings(dicom.CompletionFlag, "COMPLETE")
	d.SetStrings(dicom.VerificationFlag, "UNVERIFIED")
	d.SetStrings(dicom.PreliminaryFlag, "PRELIMINARY")
	d.SetItems(dicom.PerformedProcedureCodeSequence)
	d.SetItems(dicom.CurrentRequestedProcedureEvidenceSequence, in.evidence())
	if requests := in.requests(); requests != nil {
		d.SetItems(dicom.ReferencedRequestSequence, requests...)
	}

	root := container("", imagingMeasurementReport, "1500", in.content()...)
	d.Copy(root, dicom.ValueType, dicom.ConceptNameCodeSequence, dicom.ContinuityOfContent, dicom.ContentTemplateSequence, dicom.ContentSequence)
	return d, nil
}

// evidence refers to the film by its study and series (PS3.3, C.17.2.1).
func (in *Input) evidence() *dicom.Dataset {
	series := &dicom.Dataset{}
	copyTextAs(series, dicom.SeriesInstanceUID, in.Film, dicom.SeriesInstanceUID)
	series.SetItems(dicom.ReferencedSOPSequence, in.reference())
	study := &dicom.Dataset{}
	copyTextAs(study, dicom.StudyInstanceUID, in.Film, dicom.StudyInstanceUID)
	study.SetItems(dicom.ReferencedSeriesSequence, series)
	return study
}

// requests are the requested procedures that the film was made for (PS3.3, C.17.2, Referenced Request Sequence), nil where
// it names none. What the film does not know about one is empty.
func (in *Input) requests() []*dicom.Dataset {
	film := in.Film
	items := film.Items(dicom.RequestAttributesSequence)
	if len(items) == 0 {
		if film.String(dicom.AccessionNumber) == "" {
			return nil
		}
		items = []*dicom.Dataset{{}}
	}
	var out []*dicom.Dataset
	for _, item := range items[:min(len(items), maxItems)] {
		r := &dicom.Dataset{}
		if uidCharacters.MatchString(item.String(dicom.StudyInstanceUID)) {
			copyTextAs(r, dicom.StudyInstanceUID, item, dicom.StudyInstanceUID)
		} else {
			copyTextAs(r, dicom.StudyInstanceUID, film, dicom.StudyInstanceUID)
		}
		r.SetItems(dicom.ReferencedStudySequence)
		for _, tag := range []dicom.Tag{dicom.AccessionNumber, dicom.PlacerOrderNumberImagingServiceRequest, dicom.FillerOrderNumberImagingServiceRequest,
			dicom.RequestedProcedureID, dicom.RequestedProcedureDescription} {
			if !(item.Has(tag) && copyText(r, item, tag) || film.Has(tag) && copyText(r, film, tag)) {
				r.SetStrings(tag)
			}
		}
		r.SetItems(dicom.RequestedProcedureCodeSequence)
		copyCodes(r, item, dicom.RequestedProcedureCodeSequence)
		out = append(out, r)
	}
	return out
}

// content is what the report says: the rows of TID 1500.
func (in *Input) content() []*dicom.Dataset {
	items := []*dicom.Dataset{codeItem(hasModifier, languageOfContent, englishUS.dataset())}
	// TID 1001, 1002 and 1004: a device observed.
	items = append(items,
		codeItem(hasContext, observerType, deviceObserver.dataset()),
		uidItem(hasContext, deviceObserverUID, in.device().uid()),
		textItem(hasContext, deviceObserverName, ascii(manufacturer+" "+orUnknown(in.Version), maxName)),
		textItem(hasContext, deviceObserverMaker, manufacturer),
		textItem(hasContext, deviceObserverModel, in.modelName()+" "+in.modelVersion()),
		textItem(hasContext, deviceObserverSerial, in.serial()),
	)
	for _, procedure := range in.procedures() {
		items = append(items, codeItem(hasModifier, procedureReported, procedure))
	}
	items = append(items,
		container(contains, imageLibrary, "", container(contains, imageLibraryGroup, "", in.imageItem(code{}, in.imageContext()...))),
		container(contains, imagingMeasurements, "", in.group()),
		container(contains, qualitativeEvaluations, "", in.remarks()...),
	)
	return items
}

// procedures are the codes of the film's procedure, or the one of any chest radiograph.
func (in *Input) procedures() []*dicom.Dataset {
	found := &dicom.Dataset{}
	copyCodes(found, in.Film, dicom.ProcedureCodeSequence)
	if codes := found.Items(dicom.ProcedureCodeSequence); codes != nil {
		return codes
	}
	return []*dicom.Dataset{chestXRay.dataset()}
}

// imageContext says of the film in the image library what TID 1602 wants.
func (in *Input) imageContext() []*dicom.Dataset {
	if m, ok := modalities[in.Film.String(dicom.Modality)]; ok {
		return []*dicom.Dataset{codeItem(hasAcqContext, modality, m.dataset())}
	}
	return nil
}

// group is the measurement group of TID 1501.
func (in *Input) group() *dicom.Dataset {
	a, v := &in.Answer, in.verdict()
	items := []*dicom.Dataset{
		textItem(hasContext, trackingIdentifier, ascii(orUnknown(v.finding.meaning)+" by "+in.modelName(), maxName)),
		uidItem(hasContext, trackingUID, derive("tracking", in.source(), a.Model.Digest).uid()),
	}
	if v.finding != (code{}) {
		items = append(items,
			codeItem(contains, findingCategory, disease.dataset()),
			codeItem(contains, findingConcept, v.finding.dataset()))
	}
	items = append(items, codeItem(hasModifier, findingSite, chest.dataset()))
	items = append(items, in.algorithm()...)
	items = append(items, in.imageItem(sourceOfMeasurement))
	if a.Probability != nil {
		items = append(items, numberItem(probability, *a.Probability, codeItem(hasModifier, measurementMethod, calibrated.dataset())))
	}
	items = append(items, numberItem(rawProbability, a.RawProbability))
	if a.Threshold != nil {
		items = append(items, numberItem(threshold, *a.Threshold))
	}
	if v.finding != (code{}) {
		items = append(items, codeItem(contains, v.finding, v.presence.dataset()))
	}
	if v.label != "" {
		items = append(items, codeItem(contains, modelOutput, findingCode(v.label).dataset()))
	}
	return container(contains, measurementGroup, "1501", items...)
}

// algorithm identifies the model (TID 4019).
func (in *Input) algorithm() []*dicom.Dataset {
	items := []*dicom.Dataset{
		textItem(hasModifier, algorithmName, in.modelName()),
		textItem(hasModifier, algorithmVersion, in.modelVersion()),
		textItem(hasModifier, algorithmMaker, manufacturer),
	}
	for _, p := range in.parameters() {
		items = append(items, textItem(hasModifier, algorithmParameters, p))
	}
	return items
}

// remarks are the answer in a sentence, the warnings and the notice.
func (in *Input) remarks() []*dicom.Dataset {
	items := []*dicom.Dataset{textItem(contains, comment, in.conclusion())}
	for _, w := range in.warnings() {
		items = append(items, textItem(contains, warning, w))
	}
	return append(items, textItem(contains, comment, in.notice()))
}
