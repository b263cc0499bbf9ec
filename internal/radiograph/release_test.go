package radiograph

import (
	"context"
	"encoding/binary"
	"image"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
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

func TestOnlyWhatTheNextJPEGCanTakeIsKept(t *testing.T) {
	picture := noise(64)
	exif := func(orientation uint16) []byte {
		return append([]byte("Exif\x00\x00"), orientationTIFF(binary.LittleEndian, orientation)...)
	}
	for name, c := range map[string]struct {
		data   []byte
		pooled bool
	}{
		"jpeg": {asJPEG(t, picture), true}, "upright jpeg": {withJPEGSegment(t, picture, 0xe1, exif(1)), true},
		"turned jpeg": {withJPEGSegment(t, picture, 0xe1, exif(6)), false}, "png": {asPNG(t, picture), false}, "bmp": {asBMP(t, picture), false},
	} {
		p, err := Decode(context.Background(), c.data, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if p.pooled != c.pooled {
			t.Errorf("%s: pooled is %v", name, p.pooled)
		}
		p.Release()
		if p.Image != nil || p.pooled {
			t.Errorf("%s: a released picture is still there", name)
		}
	}
}

// What nothing takes out of the pool again outlives two collections there, after each of which the heap may grow by more.
func TestReleasedPNGsAreNotKept(t *testing.T) {
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
