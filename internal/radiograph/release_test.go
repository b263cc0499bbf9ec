package radiograph

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
)

func noise(side int) *image.Gray {
	random := rand.New(rand.NewPCG(1, 2))
	p := image.NewGray(image.Rect(0, 0, side, side))
	for i := range p.Pix {
		p.Pix[i] = uint8(random.Uint32())
	}
	return p
}

// A picture has its memory to itself until it is released, and whatever was left in it by another does not show.
func TestReleasedMemoryHoldsTheNextPicture(t *testing.T) {
	first, second := noise(64), image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range second.Pix {
		second.Pix[i] = uint8(i)
	}
	exif := append([]byte("Exif\x00\x00"), orientationTIFF(binary.LittleEndian, 6)...)
	formats := map[string]func(*image.Gray) []byte{
		"jpeg": func(p *image.Gray) []byte { return asJPEG(t, p) }, "turned jpeg": func(p *image.Gray) []byte { return withJPEGSegment(t, p, 0xe1, exif) },
		"png": func(p *image.Gray) []byte { return asPNG(t, p) }, "bmp": func(p *image.Gray) []byte { return asBMP(t, p) },
	}
	decode := func(data []byte) *Picture {
		p, err := Decode(context.Background(), data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, encode := range formats {
		want := slices.Clone(decode(encode(second)).Image.(*image.Gray).Pix)
		for other, encodeOther := range formats {
			decode(encodeOther(first)).Release()
			one, two := decode(encode(second)), decode(encode(first))
			if !bytes.Equal(one.Image.(*image.Gray).Pix, want) {
				t.Errorf("%s after %s: other pixels than before", name, other)
			}
			one.Release()
			two.Release()
			if one.Image != nil {
				t.Errorf("%s: a released picture is still there", name)
			}
		}
	}
}

// What nothing takes out of the pool again outlives two collections there, after each of which the heap may grow by more.
func TestReleasedPNGsDoNotAddUp(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(150))
	const side, most = 512, 80
	data := asPNG(t, noise(side))
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	for i := range 600 {
		p, err := Decode(context.Background(), data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p.Release()
		if runtime.ReadMemStats(&m); m.HeapAlloc > before+most*side*side {
			t.Fatalf("after %d pictures the heap has grown by %d of them", i+1, (m.HeapAlloc-before)/(side*side))
		}
	}
}
