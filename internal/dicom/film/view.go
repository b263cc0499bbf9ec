package film

import (
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// views are names of views that are not frontal and upright (PS3.3, C.8.11.5, and what vendors write).
var views = map[string]string{
	"LL": "left lateral", "RL": "right lateral", "LLD": "left lateral decubitus", "RLD": "right lateral decubitus",
	"LLO": "left lateral oblique", "RLO": "right lateral oblique", "LAO": "left anterior oblique", "RAO": "right anterior oblique",
	"LPO": "left posterior oblique", "RPO": "right posterior oblique", "LAT": "lateral", "LATERAL": "lateral",
	"OBL": "oblique", "OBLIQUE": "oblique", "AXIAL": "axial", "TANGENTIAL": "tangential", "LORDOTIC": "lordotic", "DECUB": "decubitus", "DECUBITUS": "decubitus",
	"SWIMMERS": "swimmer's", "CC": "cranio-caudal", "MLO": "medio-lateral oblique", "ML": "medio-lateral", "LM": "latero-medial",
}

// viewCodes are the views of PS3.16, CID 4010, that are not frontal, by their codes in SNOMED CT and, as older objects have
// them, SNOMED RT.
var viewCodes = map[string]string{
	"399242004": "acanthioparietal", "R-102C6": "acanthioparietal",
	"399312000": "antero-posterior oblique", "R-10208": "antero-posterior oblique",
	"399061009": "axial", "R-10241": "axial",
	"399196006": "caudo-cranial", "R-10244": "caudo-cranial",
	"399162004": "cranio-caudal", "R-10242": "cranio-caudal",
	"399335002": "dorsoplantar", "R-102C4": "dorsoplantar",
	"399160007": "frontal oblique", "R-10204": "frontal oblique",
	"399132005": "frontal-oblique axial", "R-10252": "frontal-oblique axial",
	"399067008": "lateral", "R-102CD": "lateral",
	"260427002": "lateral oblique", "R-40783": "lateral oblique",
	"399352003": "lateral-medial", "R-10228": "lateral-medial",
	"399099002": "latero-medial oblique", "R-10230": "latero-medial oblique",
	"399135007": "left anterior oblique", "R-10220": "left anterior oblique",
	"399173006": "left lateral", "R-10236": "left lateral",
	"399184004": "left oblique", "R-10238": "left oblique",
	"399006002": "left posterior oblique", "R-10212": "left posterior oblique",
	"260426006": "medial oblique", "R-40782": "medial oblique",
	"399260004": "medial-lateral", "R-10224": "medial-lateral",
	"399368009": "medio-lateral oblique", "R-10226": "medio-lateral oblique",
	"399182000": "oblique", "R-102C1": "oblique",
	"399004004": "oblique axial", "R-10246": "oblique axial",
	"399225005": "oblique caudo-cranial", "R-10250": "oblique caudo-cranial",
	"399288005": "oblique cranio-caudal", "R-10248": "oblique cranio-caudal",
	"260499007": "occlusal projection", "R-40810": "occlusal projection",
	"399351005": "orbitoparietal", "R-102C7": "orbitoparietal",
	"399316002": "parieto-orbital", "R-102C8": "parieto-orbital",
	"399272005": "parietoacanthial", "R-102C5": "parietoacanthial",
	"399071006": "plantodorsal", "R-102C3": "plantodorsal",
	"399059000": "postero-anterior oblique", "R-10216": "postero-anterior oblique",
	"399356000": "right anterior oblique", "R-40985": "right anterior oblique",
	"399198007": "right lateral", "R-10232": "right lateral",
	"399236003": "right oblique", "R-10234": "right oblique",
	"399038007": "right posterior oblique", "R-10210": "right posterior oblique",
	"30730003": "sagittal", "G-A145": "sagittal",
	"399325008": "sagittal-oblique axial", "R-10254": "sagittal-oblique axial",
	"399255003": "submentovertical", "R-10256": "submentovertical",
	"399110001": "tangential", "R-102C2": "tangential",
	"119376003": "tissue specimen", "G-8300": "tissue specimen",
	"399360002": "verticosubmental", "R-10257": "verticosubmental",
}

// readView looks whether the film says that its view is another than a frontal one.
func (s *says) readView(d *dicom.Dataset) {
	names := strings.FieldsFunc(strings.ToUpper(d.String(dicom.ViewPosition)), func(r rune) bool { return r == ' ' || r == '_' || r == '-' || r == '/' })
	for _, name := range names {
		if view, ok := views[name]; ok {
			s.doubt("view", "says in %v that its view is %s, not frontal", dicom.ViewPosition, view)
			return
		}
	}
	for _, item := range d.Items(dicom.ViewCodeSequence) {
		if view, ok := viewCodes[item.String(dicom.CodeValue)]; ok {
			s.doubt("view", "says in %v that its view is %s, not frontal", dicom.ViewCodeSequence, view)
			return
		}
	}
}
