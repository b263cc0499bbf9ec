package testmodel

import (
	"image"

	"github.com/spikeray/spikeray/internal/dicom"
)

// Film is a picture as a DICOM file of a CR film of 8 bits, in explicit VR little endian. change may change the data set; nil
// changes nothing.
func Film(picture *image.Gray, change func(*dicom.Dataset)) []byte {
	return FilmIn(dicom.ExplicitLittleEndian, picture, change)
}

// FilmIn is [Film] in another transfer syntax of little endian.
func FilmIn(syntax string, picture *image.Gray, change func(*dicom.Dataset)) []byte {
	d := Dataset(picture)
	if change != nil {
		change(d)
	}
	file, err := dicom.EncodeFile(d, syntax)
	if err != nil {
		panic(err)
	}
	return file
}

// Dataset is a picture as the data set of a CR film of 8 bits.
func Dataset(picture *image.Gray) *dicom.Dataset {
	d := new(dicom.Dataset)
	d.SetStrings(dicom.SOPClassUID, dicom.CRImage)
	d.SetStrings(dicom.SOPInstanceUID, "2.25.3")
	d.SetStrings(dicom.StudyInstanceUID, "2.25.1")
	d.SetStrings(dicom.SeriesInstanceUID, "2.25.2")
	d.SetStrings(dicom.Modality, "CR")
	d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME2")
	size := picture.Rect.Size()
	for tag, n := range map[dicom.Tag]int{dicom.SamplesPerPixel: 1, dicom.Rows: size.Y, dicom.Columns: size.X,
		dicom.BitsAllocated: 8, dicom.BitsStored: 8, dicom.HighBit: 7, dicom.PixelRepresentation: 0} {
		d.SetInts(tag, n)
	}
	d.SetBytes(dicom.PixelData, dicom.OB, picture.Pix)
	return d
}
