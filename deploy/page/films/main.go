// Films makes the files that the tests of the page give to it, from the synthetic pictures of examples: pictures, DICOM films, what is
// none of them, and files whose texts would run script in a page that took them for markup.
//
//	films EXAMPLES FOLDER
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testfilm"
)

// crafted is markup that marks the page if it is taken for such. Each text of a file has it, with a word for where it came from.
func crafted(from string) string {
	return fmt.Sprintf(`<img src=x class=crafted-%s onerror="window.crafted='%[1]s'"><script class=crafted-%[1]s>window.crafted='%[1]s'</script>`, from)
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("films: name the folder of the examples and one for the files")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal("films: ", err)
	}
}

func run(examples, folder string) error {
	normal, err := read(filepath.Join(examples, "synthetic-normal.png"))
	if err != nil {
		return err
	}
	ill, err := read(filepath.Join(examples, "synthetic-pneumonia.png"))
	if err != nil {
		return err
	}
	jpg := inJPEG(ill)
	files := map[string][]byte{
		"normal.png":          inPNG(normal),
		"pneumonia.png":       inPNG(ill),
		"pneumonia.jpg":       jpg,
		"film.dcm":            inDICOM(ill, 1, nil),
		"crafted-dicom.dcm":   inDICOM(normal, 2, plant),
		"crafted-exif.jpg":    withSegment(jpg, 0xe1, exif(crafted("exif"))),
		"crafted-comment.jpg": withSegment(jpg, 0xfe, []byte(crafted("comment"))),
		"crafted-text.png":    withText(inPNG(normal), crafted("text")),
		"no-picture.png":      []byte("This is a text, though its name says otherwise. " + crafted("body")),
		"cut.png":             inPNG(normal)[:9000],
		"large.png":           inPNG(image.NewGray(image.Rect(0, 0, 6000, 5000))),
		"heavy.png":           append(inPNG(normal), make([]byte, 3<<20)...),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	return labelled(filepath.Join(folder, "labelled"), normal, ill)
}

// labelled writes pictures whose classes are known: mixtures of a normal and an ill one, each with a name that is markup.
func labelled(folder string, normal, ill *image.Gray) error {
	random := rand.New(rand.NewPCG(1, 2))
	// One after the other, so that the pictures are the same each time.
	for n, class := range []string{"NORMAL", "PNEUMONIA"} {
		from := 0.3 * float64(n)
		if err := os.MkdirAll(filepath.Join(folder, class), 0o755); err != nil {
			return err
		}
		for i := range 30 {
			share := from + 0.35*random.Float64()
			picture := image.NewGray(normal.Rect)
			for j := range picture.Pix {
				v := (1-share)*float64(normal.Pix[j]) + share*float64(ill.Pix[j]) + 4*random.NormFloat64()
				picture.Pix[j] = uint8(min(max(v, 0), 255))
			}
			name := fmt.Sprintf(`%02d <img src=x onerror="window.crafted='name'">.png`, i)
			if err := os.WriteFile(filepath.Join(folder, class, name), inPNG(picture), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

func read(name string) (*image.Gray, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	grey, ok := picture.(*image.Gray)
	if !ok {
		return nil, fmt.Errorf("%s is not of 8-bit grey", name)
	}
	return grey, nil
}

func inPNG(picture image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		panic(err) // memory takes every byte
	}
	return b.Bytes()
}

func inJPEG(picture image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func inDICOM(picture *image.Gray, n int, change func(*dicom.Dataset)) []byte {
	d := testfilm.Dataset(n, 16, 16)
	size := picture.Rect.Size()
	d.SetInts(dicom.Rows, size.Y)
	d.SetInts(dicom.Columns, size.X)
	d.SetBytes(dicom.PixelData, dicom.OB, picture.Pix)
	if change != nil {
		change(d)
	}
	file, err := dicom.EncodeFile(d, dicom.ExplicitLittleEndian)
	if err != nil {
		panic(err)
	}
	return file
}

// plant puts markup into the texts of a film that a viewer might show.
func plant(d *dicom.Dataset) {
	for tag, from := range map[dicom.Tag]string{
		dicom.PatientName: "name", dicom.SeriesDescription: "series", dicom.StudyDescription: "study", dicom.PatientComments: "comments",
		dicom.InstitutionName: "institution", dicom.ReferringPhysicianName: "physician", dicom.BodyPartExamined: "part", dicom.ViewPosition: "view",
	} {
		d.SetStrings(tag, crafted(from))
	}
}
