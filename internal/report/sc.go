package report

import (
	"image"
	"image/draw"
	"reflect"
	"regexp"
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// SecondaryCapture makes a Secondary Capture Image: the picture with square pixels, and above it a banner that says which
// model answered what. It is in MONOCHROME2 if the picture is grey, and in RGB if not, with 8 bits a sample.
func SecondaryCapture(in Input) (*dicom.Dataset, error) {
	if err := in.checkFilm(); err != nil {
		return nil, err
	}
	if v := reflect.ValueOf(in.Picture); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil, ErrNoPicture
	}
	drawn, err := bannered(in.Picture, in.Aspect, in.banner())
	if err != nil {
		return nil, err
	}
	d := in.dataset(KindSC, dicom.SecondaryCaptureImage)
	// A modality of its own keeps routers from taking this for a film and sending it here.
	in.equip(d, KindSC, "OT", "Picture of results of", seriesNumberSC)

	// General Image and SC Image (PS3.3, C.7.6.1 and C.8.6.2).
	d.SetStrings(dicom.ConversionType, "WSD")
	d.SetStrings(dicom.ImageType, "DERIVED", "SECONDARY")
	d.SetStrings(dicom.PatientOrientation, in.orientation()...)
	d.SetStrings(dicom.BurnedInAnnotation, "YES")
	d.SetStrings(dicom.DerivationDescription, in.derivation())
	in.copyLoss(d)
	zone, _ := in.zone()
	setTime(d, dicom.DateOfSecondaryCapture, dicom.TimeOfSecondaryCapture, in.At.In(zone))
	d.SetStrings(dicom.SecondaryCaptureDeviceManufacturer, manufacturer)
	d.SetStrings(dicom.SecondaryCaptureDeviceManufacturerModelName, in.modelName())
	d.SetStrings(dicom.SecondaryCaptureDeviceSoftwareVersions, orUnknown(ascii(in.Version, maxName)), in.modelVersion())
	part := in.Film.String(dicom.BodyPartExamined)
	if bodyPart.MatchString(part) {
		d.SetStrings(dicom.BodyPartExamined, part)
	}
	if part != "CHEST" { // one of a pair, perhaps
		d.SetStrings(dicom.Laterality)
	}
	source := in.reference()
	source.SetItems(dicom.PurposeOfReferenceCodeSequence, sourceImage.dataset())
	d.SetItems(dicom.SourceImageSequence, source)
	setPixels(d, drawn)
	return d, nil
}

// bodyPart is what a code string may be (PS3.5, 6.2).
var bodyPart = regexp.MustCompile(`^[A-Z0-9_ ]{1,16}$`)

var orientationString = regexp.MustCompile(`^[ALPRHF]{1,3}\\[ALPRHF]{1,3}$`)

// banner is what stands above the picture.
func (in *Input) banner() []string {
	lines := []string{
		in.modelName() + " " + in.modelVersion() + " (" + manufacturer + " " + orUnknown(ascii(in.Version, maxName)) + ")",
		in.conclusion(),
	}
	var codes []string
	for _, w := range in.warnings() {
		codes = append(codes, warningCode(w))
	}
	if codes != nil {
		lines = append(lines, "Warnings: "+strings.Join(codes, ", "))
	}
	if in.Drawing != nil {
		lines = append(lines, ascii(in.Drawing.Legend, maxText), ascii(in.Drawing.Notice, maxText))
	}
	return append(lines, banner)
}

// derivation says what was done to the film.
func (in *Input) derivation() string {
	const film = "Grey levels as displayed, resized, with a banner of results above"
	if in.Drawing == nil {
		return film
	}
	return ascii(film+" and a drawing over it. "+in.Drawing.Legend+" "+in.Drawing.Notice, maxText)
}

// orientation is the patient's in the picture, none where it is unknown.
func (in *Input) orientation() []string {
	said := in.Orientation
	if said == "" && strings.Join(in.Film.Strings(dicom.PatientOrientation), `\`) == `L\F` {
		said = `L\F`
	}
	if !orientationString.MatchString(said) {
		return nil
	}
	return strings.Split(said, `\`)
}

// lossy are the methods of transfer syntaxes that lose something (PS3.3, C.7.6.1.1.5).
var lossy = map[string]string{
	dicom.JPEGBaseline:       "ISO_10918_1",
	dicom.JPEGExtended:       "ISO_10918_1",
	dicom.JPEGLSNearLossless: "ISO_14495_1",
}

// copyLoss says of the picture whether the film was ever compressed with a loss, and how.
func (in *Input) copyLoss(d *dicom.Dataset) {
	method := lossy[in.Syntax]
	switch said := in.Film.String(dicom.LossyImageCompression); {
	case said == "01":
		d.SetStrings(dicom.LossyImageCompression, "01")
		if in.Film.Has(dicom.LossyImageCompressionRatio) {
			copyText(d, in.Film, dicom.LossyImageCompressionRatio)
		}
		if in.Film.Has(dicom.LossyImageCompressionMethod) {
			copyText(d, in.Film, dicom.LossyImageCompressionMethod)
		} else if method != "" {
			d.SetStrings(dicom.LossyImageCompressionMethod, method)
		}
	case method != "":
		d.SetStrings(dicom.LossyImageCompression, "01")
		d.SetStrings(dicom.LossyImageCompressionMethod, method)
	case said == "00":
		d.SetStrings(dicom.LossyImageCompression, "00")
	}
}

// setPixels adds the module Image Pixel (PS3.3, C.7.6.3).
func setPixels(d *dicom.Dataset, m draw.Image) {
	size := m.Bounds().Size()
	d.SetInts(dicom.Rows, size.Y)
	d.SetInts(dicom.Columns, size.X)
	d.SetInts(dicom.BitsAllocated, 8)
	d.SetInts(dicom.BitsStored, 8)
	d.SetInts(dicom.HighBit, 7)
	d.SetInts(dicom.PixelRepresentation, 0)
	if grey, ok := m.(*image.Gray); ok {
		d.SetInts(dicom.SamplesPerPixel, 1)
		d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME2")
		d.SetBytes(dicom.PixelData, dicom.OB, grey.Pix)
		return
	}
	d.SetInts(dicom.SamplesPerPixel, 3)
	d.SetStrings(dicom.PhotometricInterpretation, "RGB")
	d.SetInts(dicom.PlanarConfiguration, 0)
	colour := m.(*image.RGBA)
	pixels := make([]byte, 0, size.X*size.Y*3)
	for i := 0; i < len(colour.Pix); i += 4 {
		pixels = append(pixels, colour.Pix[i:i+3]...)
	}
	d.SetBytes(dicom.PixelData, dicom.OB, pixels)
}
