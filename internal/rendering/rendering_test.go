package rendering

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testcontext"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// render is the way of a file to its rendering.
func render(t *testing.T, data []byte, longest int, limits radiograph.Limits) *image.Gray {
	t.Helper()
	p, err := radiograph.Decode(t.Context(), data, limits)
	if err != nil {
		t.Fatal(err)
	}
	grey, err := Grey(p, longest)
	if err != nil {
		t.Fatal(err)
	}
	return grey
}

// TestAFilmHasTheGreysOfItsObject: those that the film package shows, with the window and the polarity that the object says.
func TestAFilmHasTheGreysOfItsObject(t *testing.T) {
	for name, change := range map[string]func(*dicom.Dataset){
		"plain":    nil,
		"inverted": func(d *dicom.Dataset) { d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME1") },
		"windowed": func(d *dicom.Dataset) {
			d.SetStrings(dicom.WindowCenter, "100")
			d.SetStrings(dicom.WindowWidth, "120")
		},
		"12 bits": deepen,
	} {
		data := testmodel.Film(testmodel.Picture(150, 120, 3), change)
		f, err := film.Open(data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		shown, err := f.Decode(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := render(t, data, 1024, radiograph.Limits{})
		if got.Rect != shown.Image.Bounds() {
			t.Fatalf("%s: %v, the film %v", name, got.Rect, shown.Image.Bounds())
		}
		for y := range got.Rect.Dy() {
			for x := range got.Rect.Dx() {
				if want := nearest(shown.Image, x, y); got.GrayAt(x, y).Y != want {
					t.Fatalf("%s: %d at %d, %d, the film says %d", name, got.GrayAt(x, y).Y, x, y, want)
				}
			}
		}
	}
}

// deepen makes a film of 12 bits of one of 8, with detail below 8 bits.
func deepen(d *dicom.Dataset) {
	var deep []byte
	for i, v := range testmodel.Picture(150, 120, 3).Pix {
		deep = binary.LittleEndian.AppendUint16(deep, uint16(v)<<4|uint16(i%16))
	}
	for tag, n := range map[dicom.Tag]int{dicom.BitsAllocated: 16, dicom.BitsStored: 12, dicom.HighBit: 11} {
		d.SetInts(tag, n)
	}
	d.SetStrings(dicom.WindowCenter, "1500")
	d.SetStrings(dicom.WindowWidth, "2000")
	d.SetBytes(dicom.PixelData, dicom.OW, deep)
}

// nearest is a pixel as the nearest of 256 greys.
func nearest(picture image.Image, x, y int) uint8 {
	switch p := picture.(type) {
	case *image.Gray:
		return p.GrayAt(x, y).Y
	case *image.Gray16:
		return uint8((int(p.Gray16At(x, y).Y) + 128) / 257)
	}
	panic("neither 8 nor 16 bits")
}

func TestSixteenBitsBecomeTheNearestOfEight(t *testing.T) {
	p := image.NewGray16(image.Rect(0, 0, 256, 257))
	for i := range 256 * 257 {
		v := min(i, 65535)
		p.Pix[2*i], p.Pix[2*i+1] = byte(v>>8), byte(v)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, p); err != nil {
		t.Fatal(err)
	}
	got := render(t, file.Bytes(), 2048, radiograph.Limits{})
	for i := range 65536 {
		if want := uint8((i + 128) / 257); got.Pix[i] != want {
			t.Fatalf("%d becomes %d, want %d", i, got.Pix[i], want)
		}
	}
}

func TestSizesFit(t *testing.T) {
	for _, c := range []struct {
		width, height int
		aspect        float64
		longest       int
		want          image.Point
	}{
		{300, 200, 1, 1024, image.Pt(300, 200)},
		{300, 200, 0, 300, image.Pt(300, 200)},
		{3000, 2000, 1, 1024, image.Pt(1024, 682)},
		{2000, 3000, 1, 64, image.Pt(42, 64)},
		{16, 65535, 1, 64, image.Pt(1, 64)},
		{200, 100, 2, 1024, image.Pt(200, 200)},
		{200, 100, 0.5, 1024, image.Pt(400, 100)},
		{200, 100, 0.1, 1024, image.Pt(1024, 51)},
	} {
		if got := fit(c.width, c.height, c.aspect, c.longest); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestPixelsBecomeSquare(t *testing.T) {
	narrow := func(d *dicom.Dataset) { d.SetStrings(dicom.PixelSpacing, "0.2", "0.1") }
	data := testmodel.Film(testmodel.Picture(100, 90, 3), narrow)
	if got := render(t, data, 1024, radiograph.Limits{}).Rect.Size(); got != image.Pt(100, 180) {
		t.Errorf("%v", got)
	}
	if got := render(t, data, 90, radiograph.Limits{}).Rect.Size(); got != image.Pt(50, 90) {
		t.Errorf("%v within 90", got)
	}
}

// TestReducedDecodingShowsTheSameFilm, in the same place: a decoder that skips detail must not move the film by a pixel.
func TestReducedDecodingShowsTheSameFilm(t *testing.T) {
	for _, size := range []image.Point{{640, 480}, {641, 483}, {1203, 801}} {
		var file bytes.Buffer
		if err := jpeg.Encode(&file, testmodel.Picture(size.X, size.Y, 5), nil); err != nil {
			t.Fatal(err)
		}
		whole := render(t, file.Bytes(), 96, radiograph.Limits{})
		limits := radiograph.Limits{Target: image.Pt(96, 96)}
		p, err := radiograph.Decode(t.Context(), file.Bytes(), limits)
		if err != nil || p.Reduced == 1 {
			t.Fatalf("%v: decoded at 1/%d, %v", size, p.Reduced, err)
		}
		got := render(t, file.Bytes(), 96, limits)
		if got.Rect != whole.Rect {
			t.Fatalf("%v: %v, decoded whole %v", size, got.Rect, whole.Rect)
		}
		worst := 0
		for i, v := range got.Pix {
			worst = max(worst, int(v)-int(whole.Pix[i]), int(whole.Pix[i])-int(v))
		}
		if worst > 8 {
			t.Errorf("%v: differs by up to %d greys", size, worst)
		}
	}
}

func TestAPNGHoldsThePicture(t *testing.T) {
	want := testmodel.Picture(200, 150, 1)
	file, err := PNG(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(file))
	if grey, ok := got.(*image.Gray); err != nil || !ok || !bytes.Equal(grey.Pix, want.Pix) {
		t.Errorf("%T, %v", got, err)
	}
}

func TestAPNGEndsWithItsContext(t *testing.T) {
	noise := noise(400)
	for _, looks := range []int{0, 1, 3} {
		if _, err := PNG(testcontext.EndsAfter(looks), noise); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d looks: %v", looks, err)
		}
	}
	// What a stopped encoder leaves behind is in no later file.
	file, err := PNG(t.Context(), noise)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := png.Decode(bytes.NewReader(file)); err != nil || !bytes.Equal(got.(*image.Gray).Pix, noise.Pix) {
		t.Errorf("after stopped ones: %v", err)
	}
	late, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("why")
	cancel(cause)
	if _, err := PNG(late, noise); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

func noise(side int) *image.Gray {
	random := rand.New(rand.NewPCG(1, 2))
	p := image.NewGray(image.Rect(0, 0, side, side))
	for i := range p.Pix {
		p.Pix[i] = uint8(random.Uint32())
	}
	return p
}

// TestTheMemoryIsWhatIsAnnounced, for pictures that cannot be compressed: the file never grows beyond its first buffer.
func TestTheMemoryIsWhatIsAnnounced(t *testing.T) {
	for _, side := range []int{16, 64, 500, 1024} {
		file, err := PNG(t.Context(), noise(side))
		if err != nil {
			t.Fatal(err)
		}
		if len(file) > most(side, side) {
			t.Errorf("%d pixels: %d bytes, announced %d", side, len(file), most(side, side))
		}
	}
	h, err := radiograph.Inspect(testmodel.PNG(600, 300, 1), radiograph.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := Memory(h, 300); got < 300*150*4 || got > 300*150*5+3<<20 {
		t.Errorf("%d bytes", got)
	}
	if small, large := Work(h, 64), Work(h, 600); small <= 0 || large <= small {
		t.Errorf("work of %v and %v", small, large)
	}
}
