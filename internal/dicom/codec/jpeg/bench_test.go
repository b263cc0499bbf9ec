package jpeg

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	stdjpeg "image/jpeg"
	"math"
	mathbits "math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

const filmWidth, filmHeight, filmBits = 1841, 1955, 15

// film makes a picture of the size, depth and noise of a radiograph.
func film() []uint16 {
	r := rand.New(rand.NewPCG(14, 1))
	samples := make([]uint16, filmWidth*filmHeight)
	for y := range filmHeight {
		for x := range filmWidth {
			v := 16384 + 12000*math.Sin(float64(x)/180)*math.Cos(float64(y)/240) + 40*r.NormFloat64()
			samples[y*filmWidth+x] = uint16(max(0, min(v, 1<<filmBits-1)))
		}
	}
	return samples
}

// encoded is a lossless stream of the film. The codes are of the lengths that dcmtk chooses for such films.
func encoded(samples []uint16, selection int) []byte {
	lengths := []int{7, 7, 6, 5, 4, 3, 2, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14} // by category
	var counts [16]byte
	var symbols []byte
	var codes [17]uint32
	code := uint32(0)
	for n := 1; n <= 16; n++ {
		for category, length := range lengths {
			if length == n {
				counts[n-1]++
				symbols = append(symbols, byte(category))
				codes[category] = code
				code++
			}
		}
		code <<= 1
	}
	data := []byte{0xff, soi, 0xff, dht, 0, byte(2 + 1 + 16 + len(symbols)), 0}
	data = append(append(data, counts[:]...), symbols...)
	data = append(data, 0xff, sof3, 0, 11, filmBits, filmHeight>>8, filmHeight&255, filmWidth>>8, filmWidth&255, 1, 1, 0x11, 0)
	data = append(data, 0xff, sos, 0, 8, 1, 1, 0, byte(selection), 0, 0)
	acc, n := uint64(0), 0
	put := func(v uint32, count int) {
		acc, n = acc<<count|uint64(v), n+count
		for ; n >= 8; n -= 8 {
			data = append(data, byte(acc>>(n-8)))
			if byte(acc>>(n-8)) == 0xff {
				data = append(data, 0)
			}
		}
	}
	above := []uint16(nil)
	for y := range filmHeight {
		row := samples[y*filmWidth:][:filmWidth]
		for x := range row {
			var p int
			switch {
			case y == 0 && x == 0:
				p = 1 << (filmBits - 1)
			case y == 0:
				p = int(row[x-1])
			case x == 0:
				p = int(above[0])
			default:
				ra, rb, rc := int(row[x-1]), int(above[x]), int(above[x-1])
				p = []int{0, ra, rb, rc, ra + rb - rc, ra + (rb-rc)>>1, rb + (ra-rc)>>1, (ra + rb) >> 1}[selection]
			}
			d := int32(int16(int(row[x]) - p))
			category := mathbits.Len32(uint32(max(d, -d)))
			put(codes[category], lengths[category])
			if category < 16 && category > 0 {
				put(uint32(d+d>>31)&(1<<category-1), category)
			}
		}
		above = row
	}
	put(0x7f, 7)
	return append(data, 0xff, eoi)
}

func benchmark(b *testing.B, data []byte, want []uint16) {
	h, err := Inspect(data)
	if err != nil {
		b.Fatal(err)
	}
	to := codectest.Benchmark(b, h.Samples(), func(to []uint16) error { return Decode(context.Background(), data, to) })
	if want != nil && !slices.Equal(to, want) {
		b.Fatal("samples differ")
	}
}

func BenchmarkLossless(b *testing.B) {
	samples := film()
	for selection := 1; selection <= 7; selection++ {
		b.Run(string(rune('0'+selection)), func(b *testing.B) { benchmark(b, encoded(samples, selection), samples) })
	}
}

func BenchmarkBaseline(b *testing.B) {
	grey := image.NewGray(image.Rect(0, 0, filmWidth, filmHeight))
	for i, v := range film() {
		grey.Pix[i] = byte(v >> (filmBits - 8))
	}
	var data bytes.Buffer
	if err := stdjpeg.Encode(&data, grey, &stdjpeg.Options{Quality: 90}); err != nil {
		b.Fatal(err)
	}
	benchmark(b, data.Bytes(), nil)
}

// BenchmarkInspect reads the headers of a stream that is full of tables and tells its height at its end.
func BenchmarkInspect(b *testing.B) {
	data := encoded(film(), 1)
	at := bytes.Index(data, []byte{0xff, sof3})
	table := data[2:at]
	data[at+5], data[at+6] = 0, 0
	end := binary.BigEndian.AppendUint16([]byte{0xff, dnl, 0, 4}, filmHeight)
	data = slices.Concat(data[:2], bytes.Repeat(table, 1<<16), data[2:len(data)-2], end, data[len(data)-2:])
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if h, err := Inspect(data); err != nil || h.Height != filmHeight {
			b.Fatal(h, err)
		}
	}
}
