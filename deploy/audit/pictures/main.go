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
	"image/jpeg"
	"image/png"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testfilm"
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
		picture, err := testfilm.Read(path)
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
		data, err = dicom.EncodeFile(testfilm.Of(number, p), dicom.ExplicitLittleEndian)
		return data, ".dcm", err
	}
	err = png.Encode(&file, p)
	return file.Bytes(), ".png", err
}
