package jpegls

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// radiograph is a picture the size of a film, smooth but for noise, with a frame of one value like a film's collimation.
func radiograph(width, height, bits int) []uint16 {
	r := rand.New(rand.NewPCG(7, 7))
	most := float64(int(1)<<bits - 1)
	v := make([]uint16, width*height)
	for y := range height {
		for x := range width {
			fx, fy := float64(x)/float64(width), float64(y)/float64(height)
			if fx < .04 || fx > .97 || fy < .03 {
				continue
			}
			s := .45 + .25*math.Sin(5*fx)*math.Cos(4*fy) + .05*math.Sin(60*fy)
			// Six bits a sample, as films of a computed radiography system have.
			v[y*width+x] = uint16(min(max(most*s+most/2600*8*r.NormFloat64(), 0), most))
		}
	}
	return v
}

func BenchmarkFilm(b *testing.B) {
	data := codectest.Frame(b, codectest.Real(b, "chest/RG1_JLSN.dcm"))
	codectest.Benchmark(b, 1955*1841, func(to []uint16) error { return Decode(context.Background(), data, to) })
}

func BenchmarkDecode(b *testing.B) {
	const width, height = 1955, 1841
	for _, e := range []encoder{{bits: 12}, {bits: 15}, {bits: 12, near: 2}, {bits: 8, count: 3, interleave: bySample}} {
		name := fmt.Sprintf("bits=%d/near=%d/components=%d", e.bits, e.near, max(e.count, 1))
		b.Run(name, func(b *testing.B) {
			e.width, e.height, e.count = width, height, max(e.count, 1)
			picture := radiograph(width*e.count, height, e.bits)
			data := e.encode(picture)
			codectest.Benchmark(b, len(picture), func(to []uint16) error { return Decode(context.Background(), data, to) })
			b.ReportMetric(8*float64(len(data))/float64(len(picture)), "bits/sample")
		})
	}
}
