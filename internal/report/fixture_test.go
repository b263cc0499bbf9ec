package report

import (
	"image"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// Names that are planted in films, to be looked for where they must not be.
const (
	plantedName    = "PLANTED^NAME"
	plantedID      = "PLANTED-ID-4711"
	plantedDoctor  = "PLANTED^DOCTOR"
	plantedComment = "PLANTED COMMENT"
)

func ptr[T any](v T) *T { return &v }

// answer is one as the model in the binary gives it.
func answer() pipeline.Answer {
	return pipeline.Answer{
		Model:          pipeline.ModelReference{Name: "spikeray", Version: "1.3.0", Digest: "sha256:4f1c0a5be7c9a3d2f0b1e6d8c7a9584736251403f2e1d0c9b8a7968574635241"},
		Backend:        pipeline.Backend{Name: "simulator"},
		Probability:    ptr(0.4612345678901234),
		RawProbability: 0.8125,
		Label:          ptr("PNEUMONIA"),
		Threshold:      ptr(0.37),
		OperatingPoint: ptr("sensitive"),
		Probabilities:  map[string]float64{"NORMAL": 0.5387654321098766, "PNEUMONIA": 0.4612345678901234},
		Input: pipeline.InputAnswer{Format: "dicom", Width: 2000, Height: 2500, Warnings: []string{
			"patient-age: the patient is 62 years old; the model is for children of one to five",
			"window: the film has two windows – the first was used",
		}},
		Steps:  ptr(4),
		Spikes: &pipeline.SpikesAnswer{Steps: 4, Total: 123456},
		Notice: pipeline.Notice + " For chest X-rays of children aged one to five.",
	}
}

// film is a whole CR film.
func film() *dicom.Dataset {
	d := &dicom.Dataset{}
	d.SetStrings(dicom.SpecificCharacterSet, "ISO_IR 100")
	d.SetStrings(dicom.SOPClassUID, dicom.CRImage)
	d.SetStrings(dicom.SOPInstanceUID, "1.2.826.0.1.3680043.8.498.1")
	d.SetStrings(dicom.StudyInstanceUID, "1.2.826.0.1.3680043.8.498.2")
	d.SetStrings(dicom.SeriesInstanceUID, "1.2.826.0.1.3680043.8.498.3")
	d.SetStrings(dicom.StudyDate, "20250317")
	d.SetStrings(dicom.StudyTime, "081522.250")
	d.SetStrings(dicom.AccessionNumber, "ACC-0815")
	d.SetStrings(dicom.Modality, "CR")
	d.SetStrings(dicom.ReferringPhysicianName, plantedDoctor)
	d.SetStrings(dicom.TimezoneOffsetFromUTC, "+0100")
	d.SetStrings(dicom.StudyDescription, "Thorax")
	d.Set(dicom.Element{Tag: dicom.PatientName, VR: dicom.PN, Value: []byte("M\xFCller^Zo\xEB^^Dr.")}) // in Latin-1
	d.SetStrings(dicom.PatientID, plantedID)
	d.SetStrings(dicom.IssuerOfPatientID, "HOSPITAL")
	d.SetStrings(dicom.PatientBirthDate, "20220102")
	d.SetStrings(dicom.PatientSex, "F")
	d.SetStrings(dicom.PatientAge, "003Y")
	d.SetStrings(dicom.PatientComments, plantedComment)
	d.SetStrings(dicom.OperatorsName, plantedName)
	d.SetStrings(dicom.BodyPartExamined, "CHEST")
	d.SetStrings(dicom.StudyID, "S-1")
	d.SetInts(dicom.InstanceNumber, 7)
	d.SetStrings(dicom.PatientOrientation, "L", "F")
	d.SetStrings(dicom.LossyImageCompression, "01")
	d.SetStrings(dicom.LossyImageCompressionRatio, "8.5")
	d.SetStrings(dicom.LossyImageCompressionMethod, "ISO_15444_1")
	procedure := code{"36554-4", "LN", "XR Chest Single view"}
	d.SetItems(dicom.ProcedureCodeSequence, procedure.dataset())
	r := &dicom.Dataset{}
	r.SetStrings(dicom.RequestedProcedureID, "RP-1")
	r.SetStrings(dicom.RequestedProcedureDescription, "Thorax p.a.")
	r.SetItems(dicom.RequestedProcedureCodeSequence, procedure.dataset())
	d.SetItems(dicom.RequestAttributesSequence, r)
	d.SetStrings(dicom.PlacerOrderNumberImagingServiceRequest, "PLACER-1")
	d.SetStrings(dicom.FillerOrderNumberImagingServiceRequest, "FILLER-1")
	return d
}

// bare is a film with nothing but its UIDs.
func bare() *dicom.Dataset {
	d := &dicom.Dataset{}
	d.Copy(film(), dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.StudyInstanceUID, dicom.SeriesInstanceUID)
	return d
}

// korean is a film of ISO_IR 149, utf8 one of ISO_IR 192.
func korean() *dicom.Dataset {
	d := film()
	d.Set(dicom.Element{Tag: dicom.SpecificCharacterSet, VR: dicom.CS, Value: []byte(`\ISO 2022 IR 149`)})
	d.Set(dicom.Element{Tag: dicom.PatientName, VR: dicom.PN, Value: []byte("Hong^Gildong=\x1B$)C\xFB\xF3^\x1B$)C\xD1\xCE\xD4\xD7=\x1B$)C\xC8\xAB^\x1B$)C\xB1\xE6\xB5\xBF ")})
	return d
}

func utf8() *dicom.Dataset {
	d := film()
	d.SetStrings(dicom.SpecificCharacterSet, "ISO_IR 192")
	d.SetStrings(dicom.PatientName, "Yamada^Tarou=山田^太郎=やまだ^たろう")
	return d
}

// picture is a grey ramp with a bright frame.
func picture(width, height int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Pix[y*m.Stride+x] = uint8(40 + 120*x/width)
			if x == 0 || y == 0 || x == width-1 || y == height-1 {
				m.Pix[y*m.Stride+x] = 255
			}
		}
	}
	return m
}

var epoch = time.Date(2025, 3, 17, 9, 30, 5, 0, time.UTC)

func input(film *dicom.Dataset) Input {
	return Input{
		Film: film, Answer: answer(), Positive: "PNEUMONIA", ID: "request.0", Version: "0.9.0", Picture: picture(600, 700),
		At: epoch,
	}
}

// films are all kinds of films, with optional attributes and without, in several character sets.
func films() map[string]*dicom.Dataset {
	return map[string]*dicom.Dataset{"whole": film(), "bare": bare(), "korean": korean(), "utf8": utf8()}
}

// variants are answers of all kinds.
func variants() map[string]func(*Input) {
	return map[string]func(*Input){
		"positive": func(*Input) {},
		"negative": func(in *Input) {
			in.Answer.Probability, in.Answer.Label, in.Answer.Input.Warnings = ptr(0.03), ptr("NORMAL"), nil
		},
		"uncalibrated": func(in *Input) {
			in.Answer.Probability, in.Answer.Label, in.Answer.Threshold, in.Answer.OperatingPoint, in.Answer.Probabilities = nil, nil, nil, nil, nil
		},
		"site": func(in *Input) {
			in.Answer.Calibration = &pipeline.SiteCalibration{Place: "here", Made: "2025-01-01", Pictures: 200, Digest: "sha256:00aa"}
			in.Answer.Degraded, in.Answer.OperatingPoint = ptr("busy"), nil
		},
		"other label": func(in *Input) {
			in.Answer.Label, in.Positive = ptr("Pleural effusion on the left"), "Pleural effusion on the left"
		},
		"unknown label": func(in *Input) {
			in.Answer.Label, in.Positive, in.Answer.Probabilities, in.Answer.Threshold = nil, "", nil, nil
		},
		"colour": func(in *Input) {
			m := image.NewRGBA(image.Rect(0, 0, 300, 200))
			for i := range m.Pix {
				m.Pix[i] = uint8(i)
			}
			in.Picture, in.Aspect = m, 1.5
			in.Drawing = &Drawing{Name: "map", Legend: "Colours: what they mean.", Notice: "What they do not mean."}
		},
	}
}

// realFilms are the films beside a checkout, none where there is no such folder. It may be named by SPIKERAY_SHARED.
func realFilms(t *testing.T) map[string]*dicom.File {
	t.Helper()
	folder := os.Getenv("SPIKERAY_SHARED")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared")
	}
	paths, _ := filepath.Glob(filepath.Join(folder, "data", "dicom", "chest", "*.dcm"))
	if len(paths) == 0 {
		t.Log("no real films here: ../shared/data/dicom/chest is absent")
	}
	out := map[string]*dicom.File{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Parse(data, dicom.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", filepath.Base(path), err)
		}
		out[filepath.Base(path)] = f
	}
	return out
}
