package dicom

// VR is a value representation, the type of a data element's value (PS3.5, 6.2).
type VR string

// The value representations of the standard.
const (
	AE VR = "AE"
	AS VR = "AS"
	AT VR = "AT"
	CS VR = "CS"
	DA VR = "DA"
	DS VR = "DS"
	DT VR = "DT"
	FD VR = "FD"
	FL VR = "FL"
	IS VR = "IS"
	LO VR = "LO"
	LT VR = "LT"
	OB VR = "OB"
	OD VR = "OD"
	OF VR = "OF"
	OL VR = "OL"
	OV VR = "OV"
	OW VR = "OW"
	PN VR = "PN"
	SH VR = "SH"
	SL VR = "SL"
	SQ VR = "SQ"
	SS VR = "SS"
	ST VR = "ST"
	SV VR = "SV"
	TM VR = "TM"
	UC VR = "UC"
	UI VR = "UI"
	UL VR = "UL"
	UN VR = "UN"
	UR VR = "UR"
	US VR = "US"
	UT VR = "UT"
	UV VR = "UV"
)

// kind says how the values of a representation are stored.
type kind struct {
	long bool // explicit VR has a length of 32 bits after two bytes of zero
	unit int  // bytes of one binary number, 0 for text and bytes
	pad  byte // what makes an odd length even
	text bool // written in the data set's character set
}

var kinds = map[VR]kind{
	AE: {pad: ' '}, AS: {pad: ' '}, CS: {pad: ' '}, DA: {pad: ' '}, DS: {pad: ' '}, DT: {pad: ' '}, IS: {pad: ' '}, TM: {pad: ' '},
	UI: {}, UR: {long: true, pad: ' '},
	LO: {pad: ' ', text: true}, LT: {pad: ' ', text: true}, PN: {pad: ' ', text: true}, SH: {pad: ' ', text: true}, ST: {pad: ' ', text: true},
	UC: {long: true, pad: ' ', text: true}, UT: {long: true, pad: ' ', text: true},
	US: {unit: 2}, SS: {unit: 2}, UL: {unit: 4}, SL: {unit: 4}, FL: {unit: 4}, FD: {unit: 8}, AT: {unit: 2},
	SV: {long: true, unit: 8}, UV: {long: true, unit: 8},
	OB: {long: true}, OW: {long: true, unit: 2}, OF: {long: true, unit: 4}, OL: {long: true, unit: 4}, OD: {long: true, unit: 8}, OV: {long: true, unit: 8},
	SQ: {long: true}, UN: {long: true},
}

// representation is a representation and how its values are stored.
type representation struct {
	VR
	kind
}

// byLetters has the representations by their two letters, so that looking one up makes no string.
var byLetters = func() map[[2]byte]*representation {
	all := map[[2]byte]*representation{}
	for vr, k := range kinds {
		all[[2]byte{vr[0], vr[1]}] = &representation{vr, k}
	}
	return all
}()
