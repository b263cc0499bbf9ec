// Films makes DICOM films of a PNG picture of 8 bits, for trials: the picture as it is, each film a study of its own with UIDs
// derived from its number, and with names that a search of logs can look for.
//
//	films -n 1000 -first 1 -modality DX -o FOLDER PICTURE.png
package main

import (
	"flag"
	"fmt"
	"image"
	"log"
	"os"
	"path/filepath"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testfilm"
)

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 1, "how many films")
	first := flag.Int("first", 1, "number of the first")
	out := flag.String("o", ".", "folder for the files")
	modality := flag.String("modality", "DX", "modality that they say")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("films: name one picture")
	}
	picture, err := testfilm.Read(flag.Arg(0))
	if err != nil {
		log.Fatal("films: ", err)
	}
	for i := *first; i < *first+*n; i++ {
		file, err := dicom.EncodeFile(film(picture, *modality, i), dicom.ExplicitLittleEndian)
		if err == nil {
			err = os.WriteFile(filepath.Join(*out, fmt.Sprintf("film%06d.dcm", i)), file, 0o600)
		}
		if err != nil {
			log.Fatal("films: ", err)
		}
	}
}

// root is what the films' UIDs begin with, made once at random.
const root = "2.25.310047233461482150733651893251436147207"

func film(picture *image.Gray, modality string, i int) *dicom.Dataset {
	d := new(dicom.Dataset)
	for tag, value := range map[dicom.Tag]string{
		dicom.SpecificCharacterSet:      "ISO_IR 100",
		dicom.ImageType:                 `ORIGINAL\PRIMARY`,
		dicom.SOPClassUID:               dicom.DXImageForPresentation,
		dicom.SOPInstanceUID:            fmt.Sprintf("%s.%d.3", root, i),
		dicom.StudyInstanceUID:          fmt.Sprintf("%s.%d.1", root, i),
		dicom.SeriesInstanceUID:         fmt.Sprintf("%s.%d.2", root, i),
		dicom.StudyDate:                 "20240229",
		dicom.ContentDate:               "20240229",
		dicom.StudyTime:                 "101112",
		dicom.ContentTime:               "101113",
		dicom.AccessionNumber:           fmt.Sprintf("PLANTEDACC%d", i),
		dicom.Modality:                  modality,
		dicom.PresentationIntentType:    "FOR PRESENTATION",
		dicom.Manufacturer:              "spikeray",
		dicom.ReferringPhysicianName:    "PLANTEDDOCTOR^Ada",
		dicom.PatientName:               fmt.Sprintf("PLANTEDNAME^Child^%d", i),
		dicom.PatientID:                 fmt.Sprintf("PLANTEDID%d", i),
		dicom.PatientBirthDate:          "20210115",
		dicom.PatientSex:                "O",
		dicom.PatientAge:                "003Y",
		dicom.BodyPartExamined:          "CHEST",
		dicom.ViewPosition:              "AP",
		dicom.StudyID:                   fmt.Sprint(i),
		dicom.SeriesNumber:              "1",
		dicom.InstanceNumber:            "1",
		dicom.PatientOrientation:        `L\F`,
		dicom.ImageLaterality:           "U",
		dicom.PhotometricInterpretation: "MONOCHROME2",
		dicom.BurnedInAnnotation:        "NO",
		dicom.PresentationLUTShape:      "IDENTITY",
		dicom.LossyImageCompression:     "00",
	} {
		d.SetStrings(tag, value)
	}
	d.SetInts(dicom.SamplesPerPixel, 1)
	d.SetInts(dicom.Rows, picture.Rect.Dy())
	d.SetInts(dicom.Columns, picture.Rect.Dx())
	d.SetInts(dicom.BitsAllocated, 8)
	d.SetInts(dicom.BitsStored, 8)
	d.SetInts(dicom.HighBit, 7)
	d.SetInts(dicom.PixelRepresentation, 0)
	d.SetBytes(dicom.PixelData, dicom.OW, picture.Pix)
	return d
}
