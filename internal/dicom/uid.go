package dicom

// UIDs of transfer syntaxes (PS3.5, 10 and PS3.6, A).
const (
	ImplicitLittleEndian = "1.2.840.10008.1.2"
	ExplicitLittleEndian = "1.2.840.10008.1.2.1"
	DeflatedLittleEndian = "1.2.840.10008.1.2.1.99"
	ExplicitBigEndian    = "1.2.840.10008.1.2.2"
	JPEGBaseline         = "1.2.840.10008.1.2.4.50"
	JPEGExtended         = "1.2.840.10008.1.2.4.51"
	JPEGLossless         = "1.2.840.10008.1.2.4.57"
	JPEGLosslessSV1      = "1.2.840.10008.1.2.4.70"
	JPEGLSLossless       = "1.2.840.10008.1.2.4.80"
	JPEGLSNearLossless   = "1.2.840.10008.1.2.4.81"
	JPEG2000Lossless     = "1.2.840.10008.1.2.4.90"
	JPEG2000             = "1.2.840.10008.1.2.4.91"
	RLELossless          = "1.2.840.10008.1.2.5"
)

// UIDs of SOP classes that this program meets (PS3.4, B.5 and PS3.6, A).
const (
	Verification           = "1.2.840.10008.1.1"
	CRImage                = "1.2.840.10008.5.1.4.1.1.1"
	DXImageForPresentation = "1.2.840.10008.5.1.4.1.1.1.1"
	DXImageForProcessing   = "1.2.840.10008.5.1.4.1.1.1.1.1"
	SecondaryCaptureImage  = "1.2.840.10008.5.1.4.1.1.7"
	Comprehensive3DSR      = "1.2.840.10008.5.1.4.1.1.88.34"
	MediaStorageDirectory  = "1.2.840.10008.1.3.10"
	ApplicationContext     = "1.2.840.10008.3.1.1.1"
	ImplementationUID      = "2.25.257979422494633516146613415163228126013" // of this implementation, made once at random
	ImplementationName     = "SPIKERAY"
)

var uidNames = map[string]string{
	ImplicitLittleEndian: "Implicit VR Little Endian",
	ExplicitLittleEndian: "Explicit VR Little Endian",
	DeflatedLittleEndian: "Deflated Explicit VR Little Endian",
	ExplicitBigEndian:    "Explicit VR Big Endian",
	JPEGBaseline:         "JPEG Baseline (Process 1)",
	JPEGExtended:         "JPEG Extended (Process 2 & 4)",
	JPEGLossless:         "JPEG Lossless (Process 14)",
	JPEGLosslessSV1:      "JPEG Lossless (Process 14, Selection Value 1)",
	JPEGLSLossless:       "JPEG-LS Lossless",
	JPEGLSNearLossless:   "JPEG-LS Near-lossless",
	JPEG2000Lossless:     "JPEG 2000 Lossless",
	JPEG2000:             "JPEG 2000",
	RLELossless:          "RLE Lossless",

	"1.2.840.10008.1.2.1.98":  "Encapsulated Uncompressed Explicit VR Little Endian",
	"1.2.840.10008.1.2.4.52":  "JPEG Extended (Process 3 & 5)",
	"1.2.840.10008.1.2.4.53":  "JPEG Spectral Selection (Process 6 & 8)",
	"1.2.840.10008.1.2.4.55":  "JPEG Full Progression (Process 10 & 12)",
	"1.2.840.10008.1.2.4.92":  "JPEG 2000 Part 2 Multi-component Lossless",
	"1.2.840.10008.1.2.4.93":  "JPEG 2000 Part 2 Multi-component",
	"1.2.840.10008.1.2.4.94":  "JPIP Referenced",
	"1.2.840.10008.1.2.4.95":  "JPIP Referenced Deflate",
	"1.2.840.10008.1.2.4.100": "MPEG2 Main Profile / Main Level",
	"1.2.840.10008.1.2.4.101": "MPEG2 Main Profile / High Level",
	"1.2.840.10008.1.2.4.102": "MPEG-4 AVC/H.264 High Profile / Level 4.1",
	"1.2.840.10008.1.2.4.103": "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
	"1.2.840.10008.1.2.4.104": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
	"1.2.840.10008.1.2.4.105": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
	"1.2.840.10008.1.2.4.106": "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
	"1.2.840.10008.1.2.4.107": "HEVC/H.265 Main Profile / Level 5.1",
	"1.2.840.10008.1.2.4.108": "HEVC/H.265 Main 10 Profile / Level 5.1",
	"1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
	"1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
	"1.2.840.10008.1.2.4.112": "JPEG XL",
	"1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Lossless",
	"1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 with RPCL Options Lossless",
	"1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
	"1.2.840.10008.1.2.7.1":   "SMPTE ST 2110-20 Uncompressed Progressive Active Video",

	Verification:           "Verification",
	CRImage:                "Computed Radiography Image Storage",
	DXImageForPresentation: "Digital X-Ray Image Storage - For Presentation",
	DXImageForProcessing:   "Digital X-Ray Image Storage - For Processing",
	SecondaryCaptureImage:  "Secondary Capture Image Storage",
	Comprehensive3DSR:      "Comprehensive 3D SR Storage",
	MediaStorageDirectory:  "Media Storage Directory Storage",

	"1.2.840.10008.5.1.4.1.1.1.2":    "Digital Mammography X-Ray Image Storage - For Presentation",
	"1.2.840.10008.5.1.4.1.1.1.3":    "Digital Intra-Oral X-Ray Image Storage - For Presentation",
	"1.2.840.10008.5.1.4.1.1.2":      "CT Image Storage",
	"1.2.840.10008.5.1.4.1.1.2.1":    "Enhanced CT Image Storage",
	"1.2.840.10008.5.1.4.1.1.3.1":    "Ultrasound Multi-frame Image Storage",
	"1.2.840.10008.5.1.4.1.1.4":      "MR Image Storage",
	"1.2.840.10008.5.1.4.1.1.4.1":    "Enhanced MR Image Storage",
	"1.2.840.10008.5.1.4.1.1.6.1":    "Ultrasound Image Storage",
	"1.2.840.10008.5.1.4.1.1.7.1":    "Multi-frame Single Bit Secondary Capture Image Storage",
	"1.2.840.10008.5.1.4.1.1.7.2":    "Multi-frame Grayscale Byte Secondary Capture Image Storage",
	"1.2.840.10008.5.1.4.1.1.7.3":    "Multi-frame Grayscale Word Secondary Capture Image Storage",
	"1.2.840.10008.5.1.4.1.1.7.4":    "Multi-frame True Color Secondary Capture Image Storage",
	"1.2.840.10008.5.1.4.1.1.11.1":   "Grayscale Softcopy Presentation State Storage",
	"1.2.840.10008.5.1.4.1.1.12.1":   "X-Ray Angiographic Image Storage",
	"1.2.840.10008.5.1.4.1.1.12.2":   "X-Ray Radiofluoroscopic Image Storage",
	"1.2.840.10008.5.1.4.1.1.13.1.3": "Breast Tomosynthesis Image Storage",
	"1.2.840.10008.5.1.4.1.1.20":     "Nuclear Medicine Image Storage",
	"1.2.840.10008.5.1.4.1.1.66.4":   "Segmentation Storage",
	"1.2.840.10008.5.1.4.1.1.77.1.1": "VL Endoscopic Image Storage",
	"1.2.840.10008.5.1.4.1.1.77.1.2": "VL Microscopic Image Storage",
	"1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image Storage",
	"1.2.840.10008.5.1.4.1.1.88.11":  "Basic Text SR Storage",
	"1.2.840.10008.5.1.4.1.1.88.22":  "Enhanced SR Storage",
	"1.2.840.10008.5.1.4.1.1.88.33":  "Comprehensive SR Storage",
	"1.2.840.10008.5.1.4.1.1.88.59":  "Key Object Selection Document Storage",
	"1.2.840.10008.5.1.4.1.1.88.67":  "X-Ray Radiation Dose SR Storage",
	"1.2.840.10008.5.1.4.1.1.104.1":  "Encapsulated PDF Storage",
	"1.2.840.10008.5.1.4.1.1.128":    "Positron Emission Tomography Image Storage",
	"1.2.840.10008.5.1.4.1.1.481.1":  "RT Image Storage",
}

// UIDName is the name of a transfer syntax or SOP class, "" for one that is not in this package's table.
func UIDName(uid string) string { return uidNames[uid] }

// NamedUID is a UID with its name where that is known, for messages.
func NamedUID(uid string) string {
	if name := uidNames[uid]; name != "" {
		return uid + " (" + name + ")"
	}
	return uid
}

// Encapsulated tells transfer syntaxes whose pixel data comes in fragments of a compressed stream.
func Encapsulated(syntax string) bool {
	switch syntax {
	case ImplicitLittleEndian, ExplicitLittleEndian, DeflatedLittleEndian, ExplicitBigEndian:
		return false
	}
	return true
}

// ValidUID tells well-formed UIDs (PS3.5, 9.1): at most 64 characters, numbers separated by dots, none with a leading zero.
func ValidUID(uid string) bool {
	if uid == "" || len(uid) > 64 {
		return false
	}
	start := true
	for i := 0; i < len(uid); i++ {
		switch c := uid[i]; {
		case c == '.' && !start && i+1 < len(uid):
			start = true
		case c == '0' && start && i+1 < len(uid) && uid[i+1] != '.':
			return false
		case c >= '0' && c <= '9':
			start = false
		default:
			return false
		}
	}
	return !start
}
