// Package testfilm makes small chest films as DICOM objects for tests. What identifies a patient in them is planted, to be
// looked for where it must not be.
package testfilm

import (
	"fmt"
	"image"
	"image/draw"
	_ "image/jpeg" // formats of Read
	_ "image/png"
	"os"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// Planted are texts that identify a patient or an examination in each film: names, numbers, dates, UIDs' beginnings and free text.
var Planted = []string{
	"PLANTED", "Plantagenet", "4711-0815", "19870605", "20241231", "235958", "2.25.1122334455", "ACCESSION77", "WARD-SIX",
}

// UID is the SOP instance UID of the film with a number.
func UID(n int) string { return fmt.Sprintf("2.25.1122334455%d", n) }

// Dataset is a CR film of a size, whose pixels and UID are its number's.
func Dataset(n, width, height int) *dicom.Dataset {
	return Of(n, testmodel.Picture(width, height, uint64(n)))
}

// Of is a CR film of a picture, whose UID is its number's.
func Of(n int, picture *image.Gray) *dicom.Dataset {
	d := testmodel.Dataset(picture)
	d.SetStrings(dicom.SOPInstanceUID, UID(n))
	d.SetStrings(dicom.StudyInstanceUID, fmt.Sprintf("2.25.11223344558%d", n))
	d.SetStrings(dicom.SeriesInstanceUID, fmt.Sprintf("2.25.11223344559%d", n))
	d.SetStrings(dicom.StudyDate, "20241231")
	d.SetStrings(dicom.StudyTime, "235958")
	d.SetStrings(dicom.AccessionNumber, "ACCESSION77")
	d.SetStrings(dicom.ReferringPhysicianName, "PLANTED^DOCTOR")
	d.SetStrings(dicom.StudyDescription, "PLANTED DESCRIPTION")
	d.SetStrings(dicom.PatientName, "Plantagenet^PLANTED")
	d.SetStrings(dicom.PatientID, "4711-0815")
	d.SetStrings(dicom.PatientBirthDate, "19870605")
	d.SetStrings(dicom.PatientSex, "O")
	d.SetStrings(dicom.PatientAge, "003Y")
	d.SetStrings(dicom.PatientComments, "PLANTED COMMENT")
	d.SetStrings(dicom.OperatorsName, "PLANTED^OPERATOR")
	d.SetStrings(dicom.InstitutionName, "WARD-SIX")
	d.SetStrings(dicom.BodyPartExamined, "CHEST")
	d.SetStrings(dicom.ViewPosition, "AP")
	d.SetStrings(dicom.StudyID, "PLANTED")
	d.SetInts(dicom.InstanceNumber, 1)
	d.SetStrings(dicom.PatientOrientation, "L", "F")
	return d
}

// File is the film as a file.
func File(n, width, height int) []byte {
	data, err := dicom.EncodeFile(Dataset(n, width, height), dicom.ExplicitLittleEndian)
	if err != nil {
		panic(err)
	}
	return data
}

// Read reads a picture, PNG or JPEG, in 8 bits of grey.
func Read(path string) (*image.Gray, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	grey := image.NewGray(image.Rect(0, 0, picture.Bounds().Dx(), picture.Bounds().Dy()))
	draw.Draw(grey, grey.Rect, picture, picture.Bounds().Min, draw.Src)
	return grey, nil
}
