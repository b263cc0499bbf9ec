package jpeg2000

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom/codec/codectest"
)

// film is a picture of a square of tiles that are all the one of a stream.
func film(tb testing.TB, name string, tiles int) []byte {
	data := goldenNamed(tb, name)
	h, err := readHeader(data)
	if err != nil {
		tb.Fatal(err)
	}
	out := append([]byte(nil), data[:h.first]...)
	const sizes = 8 // of the picture, behind SOC, SIZ, its length and its capabilities
	binary.BigEndian.PutUint32(out[sizes:], uint32(tiles*h.width))
	binary.BigEndian.PutUint32(out[sizes+4:], uint32(tiles*h.height))
	part := data[h.first:]
	part = part[:be32(part[6:])]
	for tile := range tiles * tiles {
		at := len(out)
		out = append(out, part...)
		binary.BigEndian.PutUint16(out[at+4:], uint16(tile))
	}
	return append(out, markerEOC>>8, markerEOC&0xFF)
}

func TestFilmIsItsTile(t *testing.T) {
	tile, want := decoded(t, goldenNamed(t, "film12"))
	h, got := decoded(t, film(t, "film12", 3))
	for i, v := range got {
		if x, y := i%h.Width%tile.Width, i/h.Width%tile.Height; v != want[y*tile.Width+x] {
			t.Fatalf("sample %d is %d, not %d", i, v, want[y*tile.Width+x])
		}
	}
}

// BenchmarkFilm decodes 3.7 megapixels, losslessly coded, on one core.
func BenchmarkFilm(b *testing.B) {
	for _, name := range []string{"film12", "film15"} {
		b.Run(name, func(b *testing.B) {
			data := film(b, name, 15)
			h, err := Inspect(data)
			if err != nil {
				b.Fatal(err)
			}
			codectest.Benchmark(b, h.Samples(), func(to []uint16) error { return Decode(context.Background(), data, to) })
		})
	}
}
