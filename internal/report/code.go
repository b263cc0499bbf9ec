package report

import "github.com/spikeray/spikeray/internal/dicom"

// code is a coded concept (PS3.3, 8.8).
type code struct{ value, scheme, meaning string }

// privateScheme is the coding scheme of concepts that no public one has.
const privateScheme = "99SPIKERAY"

// Concepts of the templates in PS3.16.
var (
	imagingMeasurementReport = code{"126000", "DCM", "Imaging Measurement Report"}
	languageOfContent        = code{"121049", "DCM", "Language of Content Item and Descendants"}
	englishUS                = code{"en-US", "RFC5646", "English (United States)"}
	observerType             = code{"121005", "DCM", "Observer Type"}
	deviceObserver           = code{"121007", "DCM", "Device"}
	deviceObserverUID        = code{"121012", "DCM", "Device Observer UID"}
	deviceObserverName       = code{"121013", "DCM", "Device Observer Name"}
	deviceObserverMaker      = code{"121014", "DCM", "Device Observer Manufacturer"}
	deviceObserverModel      = code{"121015", "DCM", "Device Observer Model Name"}
	deviceObserverSerial     = code{"121016", "DCM", "Device Observer Serial Number"}
	procedureReported        = code{"121058", "DCM", "Procedure reported"}
	imageLibrary             = code{"111028", "DCM", "Image Library"}
	imageLibraryGroup        = code{"126200", "DCM", "Image Library Group"}
	modality                 = code{"121139", "DCM", "Modality"}
	imagingMeasurements      = code{"126010", "DCM", "Imaging Measurements"}
	measurementGroup         = code{"125007", "DCM", "Measurement Group"}
	trackingIdentifier       = code{"112039", "DCM", "Tracking Identifier"}
	trackingUID              = code{"112040", "DCM", "Tracking Unique Identifier"}
	findingCategory          = code{"276214006", "SCT", "Finding category"}
	findingConcept           = code{"121071", "DCM", "Finding"}
	findingSite              = code{"363698007", "SCT", "Finding Site"}
	measurementMethod        = code{"370129005", "SCT", "Measurement Method"}
	algorithmName            = code{"111001", "DCM", "Algorithm Name"}
	algorithmVersion         = code{"111003", "DCM", "Algorithm Version"}
	algorithmParameters      = code{"111002", "DCM", "Algorithm Parameters"}
	algorithmMaker           = code{"122405", "DCM", "Algorithm Manufacturer"}
	sourceOfMeasurement      = code{"121112", "DCM", "Source of Measurement"}
	qualitativeEvaluations   = code{"C0034375", "UMLS", "Qualitative Evaluations"}
	probability              = code{"122157", "DCM", "Probability"}
	comment                  = code{"121106", "DCM", "Comment"}
	sourceImage              = code{"121322", "DCM", "Source image for image processing operation"}
	studyUID                 = code{"110180", "DCM", "Study Instance UID"}
	noUnits                  = code{"1", "UCUM", "no units"}
)

// Clinical concepts, of SNOMED CT and LOINC. Present, absent and undetermined are those of CID 240.
var (
	disease      = code{"64572001", "SCT", "Disease"}
	pneumonia    = code{"233604007", "SCT", "Pneumonia"}
	chest        = code{"51185008", "SCT", "Chest"}
	chestXRay    = code{"399208008", "SCT", "Plain chest X-ray"}
	chestViews   = code{"30745-4", "LN", "XR Chest Views"}
	present      = code{"52101004", "SCT", "Present"}
	absent       = code{"272519000", "SCT", "Absent"}
	undetermined = code{"373068000", "SCT", "Undetermined"}
)

// Concepts of this program's own. docs/DICOM.md lists them, so they must not change their meaning.
var (
	calibrated     = code{"CALIBRATED", privateScheme, "Calibrated probability"}
	rawProbability = code{"RAW_PROBABILITY", privateScheme, "Probability before calibration"}
	threshold      = code{"THRESHOLD", privateScheme, "Decision threshold"}
	warning        = code{"WARNING", privateScheme, "Warning"}
	modelOutput    = code{"MODEL_OUTPUT", privateScheme, "Label chosen by the model"}
)

// modalities are codes of CID 29 for the modalities that films have.
var modalities = map[string]code{
	"CR": {"CR", "DCM", "Computed Radiography"},
	"DX": {"DX", "DCM", "Digital Radiography"},
}

// dataset is the code as an item of a code sequence. A value of more than the 16 characters of an SH is a long one.
func (c code) dataset() *dicom.Dataset {
	d := &dicom.Dataset{}
	if len(c.value) > 16 {
		d.SetStrings(dicom.LongCodeValue, c.value)
	} else {
		d.SetStrings(dicom.CodeValue, c.value)
	}
	d.SetStrings(dicom.CodingSchemeDesignator, c.scheme)
	d.SetStrings(dicom.CodeMeaning, c.meaning)
	return d
}

// privateSchemeIdentification says whose the private coding scheme is (PS3.3, C.12.1.1.3).
func privateSchemeIdentification() *dicom.Dataset {
	d := &dicom.Dataset{}
	d.SetStrings(dicom.CodingSchemeDesignator, privateScheme)
	d.SetStrings(dicom.CodingSchemeName, "Concepts of spikeray")
	d.SetStrings(dicom.CodingSchemeResponsibleOrganization, manufacturer)
	return d
}
