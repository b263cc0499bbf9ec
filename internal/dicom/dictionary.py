"""Writes dictionary.go: tag, value representation and keyword of the data elements named below, from pydicom's copy of
PS3.6. Run it in this folder with pydicom installed, then gofmt."""

from pydicom.datadict import dictionary_VR, tag_for_keyword

KEYWORDS = """
CommandGroupLength AffectedSOPClassUID RequestedSOPClassUID CommandField MessageID MessageIDBeingRespondedTo MoveDestination
Priority CommandDataSetType Status OffendingElement ErrorComment ErrorID AffectedSOPInstanceUID RequestedSOPInstanceUID
MoveOriginatorApplicationEntityTitle MoveOriginatorMessageID
FileMetaInformationGroupLength FileMetaInformationVersion MediaStorageSOPClassUID MediaStorageSOPInstanceUID TransferSyntaxUID
ImplementationClassUID ImplementationVersionName SourceApplicationEntityTitle
SpecificCharacterSet ImageType InstanceCreationDate InstanceCreationTime InstanceCreatorUID SOPClassUID SOPInstanceUID
StudyDate SeriesDate AcquisitionDate ContentDate AcquisitionDateTime StudyTime SeriesTime AcquisitionTime ContentTime
AccessionNumber QueryRetrieveLevel RetrieveURL InstanceAvailability Modality ModalitiesInStudy ConversionType PresentationIntentType
Manufacturer InstitutionName InstitutionAddress ReferringPhysicianName CodeValue CodingSchemeDesignator CodingSchemeVersion
CodeMeaning LongCodeValue URNCodeValue MappingResource ContextGroupVersion ContextIdentifier TimezoneOffsetFromUTC StationName StudyDescription
ProcedureCodeSequence SeriesDescription InstitutionalDepartmentName PhysiciansOfRecord PerformingPhysicianName
NameOfPhysiciansReadingStudy OperatorsName AdmittingDiagnosesDescription ManufacturerModelName ReferencedPerformedProcedureStepSequence ReferencedStudySequence
ReferencedSeriesSequence ReferencedPatientSequence ReferencedImageSequence ReferencedSOPClassUID ReferencedSOPInstanceUID
FailedSOPSequence FailedSOPInstanceUIDList FailureReason WarningReason ReferencedSOPSequence OtherFailuresSequence DerivationDescription SourceImageSequence
AnatomicRegionSequence AnatomicRegionModifierSequence PrimaryAnatomicStructureSequence ViewCodeSequence ViewModifierCodeSequence
PatientName PatientID IssuerOfPatientID PatientBirthDate PatientBirthTime PatientSex OtherPatientIDs PatientAge PatientSize
PatientWeight EthnicGroup PatientComments PatientIdentityRemoved DeidentificationMethod
BodyPartExamined KVP SoftwareVersions DeviceSerialNumber ProtocolName SpatialResolution ImagerPixelSpacing ExposureTime
Exposure FilterType DetectorType ViewPosition PlateType DateOfSecondaryCapture TimeOfSecondaryCapture SecondaryCaptureDeviceManufacturer
SecondaryCaptureDeviceManufacturerModelName SecondaryCaptureDeviceSoftwareVersions
StudyInstanceUID SeriesInstanceUID StudyID SeriesNumber AcquisitionNumber InstanceNumber PatientOrientation ImagePosition
Laterality ImageLaterality FrameOfReferenceUID ImageComments
SamplesPerPixel PhotometricInterpretation PlanarConfiguration NumberOfFrames Rows Columns PixelSpacing PixelAspectRatio
BitsAllocated BitsStored HighBit PixelRepresentation SmallestImagePixelValue LargestImagePixelValue PixelPaddingValue
PixelPaddingRangeLimit QualityControlImage BurnedInAnnotation RecognizableVisualFeatures PixelSpacingCalibrationType
PixelSpacingCalibrationDescription PixelIntensityRelationship PixelIntensityRelationshipSign WindowCenter WindowWidth RescaleIntercept
RescaleSlope RescaleType WindowCenterWidthExplanation VOILUTFunction LossyImageCompression LossyImageCompressionRatio
LossyImageCompressionMethod ModalityLUTSequence LUTDescriptor LUTExplanation ModalityLUTType LUTData VOILUTSequence
SoftcopyVOILUTSequence RedPaletteColorLookupTableDescriptor GreenPaletteColorLookupTableDescriptor BluePaletteColorLookupTableDescriptor
RedPaletteColorLookupTableData GreenPaletteColorLookupTableData BluePaletteColorLookupTableData
RequestedProcedureDescription RequestedProcedureCodeSequence RequestedProcedureID ReasonForTheRequestedProcedure
ScheduledProcedureStepDescription ScheduledProcedureStepID RequestAttributesSequence PerformedProcedureCodeSequence
PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest
RelationshipType VerifyingOrganization VerificationDateTime ObservationDateTime ValueType ConceptNameCodeSequence ContinuityOfContent
VerifyingObserverSequence VerifyingObserverName AuthorObserverSequence UID TemplateIdentifier TemplateVersion DateTime Date Time
PersonName MeasuredValueSequence NumericValueQualifierCodeSequence NumericValue TextValue ConceptCodeSequence MeasurementUnitsCodeSequence
PredecessorDocumentsSequence ReferencedRequestSequence CurrentRequestedProcedureEvidenceSequence PertinentOtherEvidenceSequence
CompletionFlag CompletionFlagDescription VerificationFlag ArchiveRequested PreliminaryFlag ContentTemplateSequence IdenticalDocumentsSequence
ContentSequence GraphicData GraphicType ReferencedFrameNumber FloatingPointValue RationalNumeratorValue RationalDenominatorValue
ReferencedContentItemIdentifier ReferencedFrameOfReferenceUID
ContributingEquipmentSequence PurposeOfReferenceCodeSequence ContributionDateTime ContributionDescription
DigitalSignaturesSequence MACParametersSequence PresentationLUTSequence PresentationLUTShape
DirectoryRecordSequence DirectoryRecordType ReferencedFileID
AlgorithmName AlgorithmVersion AlgorithmSource AlgorithmParameters AlgorithmFamilyCodeSequence
DataSetTrailingPadding FloatPixelData DoubleFloatPixelData PixelData
CodingSchemeIdentificationSequence CodingSchemeUID CodingSchemeName CodingSchemeResponsibleOrganization IssuerOfAccessionNumberSequence
LocalNamespaceEntityID UniversalEntityID UniversalEntityIDType IssuerOfPatientIDQualifiersSequence DeidentificationMethodCodeSequence
""".split()

HEAD = '''// Code generated by dictionary.py from PS3.6; DO NOT EDIT.

package dicom

// Tags, by their keywords in the standard.
const (
'''


def main() -> None:
    entries = sorted({tag_for_keyword(k): k for k in KEYWORDS}.items())
    with open("dictionary.go", "w") as f:
        f.write(HEAD)
        for tag, keyword in entries:
            f.write(f"\t{keyword} Tag = 0x{tag:08X}\n")
        f.write(")\n\n// dictionary has an entry for each of them. A representation that the standard leaves open is the first that it names.\n")
        f.write("var dictionary = map[Tag]struct {\n\tvr VR\n\tkeyword string\n}{\n")
        for tag, keyword in entries:
            f.write(f'\t{keyword}: {{{dictionary_VR(tag).split(" or ")[0]}, "{keyword}"}},\n')
        f.write("}\n")


main()
