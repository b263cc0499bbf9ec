// Pictures makes many pictures of a few, for trials of the audit log: each is one of those given, shifted, with its contrast
// changed and with noise, as PNG, as JPEG or as a DICOM film. The same number makes the same picture.
//
//	pictures -n 1000 -o FOLDER PICTURE…
package main

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
	"image/png"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/spikeray/spikeray/internal/dicom"
)

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 1000, "how many pictures")
	out := flag.String("o", ".", "folder for the files")
	flag.Parse()
	if flag.NArg() == 0 {
		log.Fatal("pictures: name at least one picture")
	}
	var from []*image.Gray
	for _, path := range flag.Args() {
		picture, err := read(path)
		if err != nil {
			log.Fatal("pictures: ", err)
		}
		from = append(from, picture)
	}
	for i := range *n {
		data, ending, err := encode(vary(from[i%len(from)], i), i)
		if err == nil {
			err = os.WriteFile(filepath.Join(*out, fmt.Sprintf("%06d%s", i, ending)), data, 0o600)
		}
		if err != nil {
			log.Fatal("pictures: ", err)
		}
	}
}

func read(path string) (*image.Gray, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	picture, _, err := image.Decode(f)
	if err != nil {
		return nil, err
	}
	grey := image.NewGray(image.Rect(0, 0, picture.Bounds().Dx(), picture.Bounds().Dy()))
	draw.Draw(grey, grey.Rect, picture, picture.Bounds().Min, draw.Src)
	return grey, nil
}

// vary is another picture of the same size.
func vary(p *image.Gray, number int) *image.Gray {
	random := rand.New(rand.NewPCG(1, uint64(number)))
	width, height := p.Rect.Dx(), p.Rect.Dy()
	dx, dy := random.IntN(width/8)-width/16, random.IntN(height/8)-height/16
	contrast, brightness, noise := 0.6+0.8*random.Float64(), 40*random.Float64()-20, 12*random.Float64()
	out := image.NewGray(p.Rect)
	for y := range height {
		for x := range width {
			v := float64(p.GrayAt(min(max(x+dx, 0), width-1), min(max(y+dy, 0), height-1)).Y)
			v = 128 + (v-128)*contrast + brightness + noise*(random.Float64()-0.5)
			out.Pix[y*out.Stride+x] = uint8(min(max(v, 0), 255))
		}
	}
	return out
}

// encode is the picture in one of three formats.
func encode(p *image.Gray, number int) (data []byte, ending string, err error) {
	var file bytes.Buffer
	switch number % 4 {
	case 0:
		err = jpeg.Encode(&file, p, &jpeg.Options{Quality: 60 + number%40})
		return file.Bytes(), ".jpeg", err
	case 1:
		data, err = dicom.EncodeFile(film(p, number), dicom.ExplicitLittleEndian)
		return data, ".dcm", err
	}
	err = png.Encode(&file, p)
	return file.Bytes(), ".png", err
}

// root is what the films' UIDs begin with, made once at random; no log may have it, nor PLANTED.
const root = "2.25.197740230114926402934216830047815523094"

// film is the picture as an object of its own.
func film(p *image.Gray, number int) *dicom.Dataset {
	d := new(dicom.Dataset)
	for tag, value := range map[dicom.Tag]string{
		dicom.SOPClassUID:               dicom.DXImageForPresentation,
		dicom.SOPInstanceUID:            fmt.Sprintf("%s.%d.3", root, number),
		dicom.StudyInstanceUID:          fmt.Sprintf("%s.%d.1", root, number),
		dicom.SeriesInstanceUID:         fmt.Sprintf("%s.%d.2", root, number),
		dicom.PatientName:               fmt.Sprintf("PLANTEDNAME^Child^%d", number),
		dicom.PatientID:                 fmt.Sprintf("PLANTEDID%d", number),
		dicom.PatientAge:                "003Y",
		dicom.Modality:                  "DX",
		dicom.BodyPartExamined:          "CHEST",
		dicom.ViewPosition:              "AP",
		dicom.PresentationIntentType:    "FOR PRESENTATION",
		dicom.PhotometricInterpretation: "MONOCHROME2",
		dicom.PresentationLUTShape:      "IDENTITY",
	} {
		d.SetStrings(tag, value)
	}
	d.SetInts(dicom.SamplesPerPixel, 1)
	d.SetInts(dicom.Rows, p.Rect.Dy())
	d.SetInts(dicom.Columns, p.Rect.Dx())
	d.SetInts(dicom.BitsAllocated, 8)
	d.SetInts(dicom.BitsStored, 8)
	d.SetInts(dicom.HighBit, 7)
	d.SetInts(dicom.PixelRepresentation, 0)
	d.SetBytes(dicom.PixelData, dicom.OW, p.Pix)
	return d
}
