package film

import (
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// chests are what names of the chest contain, spaces and the like left out.
var chests = []string{"CHEST", "THORAX", "TORAX", "THORACIQUE", "LUNG", "PULMO", "POUMON", "HEART", "CARDIAC", "RIBCAGE", "BRUSTKORB", "TRUNK", "MEDIASTIN", "CXR"}

// parts are the other parts of the body that are named in messages (PS3.16, annex L, and what vendors write).
var parts = []string{
	"ABDOMEN", "ABDOMENPELVIS", "ANKLE", "ARM", "BLADDER", "BONE", "BRAIN", "BREAST", "BUTTOCK", "CALCANEUS", "CLAVICLE", "COCCYX", "COLON",
	"CSPINE", "CERVICALSPINE", "DUODENUM", "EAR", "ELBOW", "ESOPHAGUS", "EXTREMITY", "EYE", "FACE", "FEMUR", "FIBULA", "FINGER", "FOOT", "FOREARM", "HAND", "HEAD",
	"HEADNECK", "HIP", "HUMERUS", "ILEUM", "JAW", "KIDNEY", "KNEE", "KUB", "LARYNX", "LEG", "LIVER", "LOWERLEG", "LSPINE", "LUMBARSPINE", "LSSPINE", "MANDIBLE", "MAXILLA",
	"NECK", "NOSE", "ORBIT", "PANCREAS", "PATELLA", "PELVIS", "PHANTOM", "RADIUS", "RIB", "RIBS", "SACRUM", "SCAPULA", "SHOULDER", "SINUS", "SKULL", "SPINE", "STERNUM",
	"STOMACH", "THIGH", "THORACICSPINE", "THUMB", "TIBIA", "TMJ", "TOE", "TSPINE", "ULNA", "UPPERARM", "WHOLEBODY", "WRIST", "ZYGOMA",
}

// regions are the codes of regions with the chest in them (PS3.16, CID 4009: SNOMED CT and SNOMED RT).
var regions = []string{
	"816094009", "51185008", "43799004", "39607008", "80891009", "72410000", "416550000", "417437006", "416152001", "416775004", "416319003", "86598002", "955009", "44567001",
	"T-D3000", "T-D3200", "T-28000", "T-32000", "T-D3300", "R-FAB52", "R-FAB53", "R-FAB54", "R-FAB55", "R-FAB56", "T-280A0", "T-26000", "T-25000",
}

// readBodyPart looks whether the film names another part than the chest. The code of the region counts where there is no name.
func (s *says) readBodyPart(d *dicom.Dataset) {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-/.,", r) {
			return -1
		}
		return r
	}, strings.ToUpper(d.String(dicom.BodyPartExamined)))
	if name == "" {
		for _, item := range d.Items(dicom.AnatomicRegionSequence) {
			if code := item.String(dicom.CodeValue); code != "" && !slices.Contains(regions, code) {
				s.doubt("body-part", "has the code of another part of the body than the chest")
				return
			}
		}
		return
	}
	spine := strings.Contains(name, "SPINE")
	if !spine && slices.ContainsFunc(chests, func(chest string) bool { return strings.Contains(name, chest) }) {
		return
	}
	if slices.Contains(parts, name) {
		s.doubt("body-part", "says in %v that it shows %s, not CHEST", dicom.BodyPartExamined, name)
		return
	}
	s.doubt("body-part", "names in %v another part of the body than the chest", dicom.BodyPartExamined)
}
