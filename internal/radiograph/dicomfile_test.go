package radiograph

import (
	"errors"
	"image"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func TestFilmsAreWithinTheLimits(t *testing.T) {
	file := testmodel.Film(testmodel.Picture(200, 100, 1), nil)
	h, err := Inspect(file, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if h.Film == nil || h.Format != "dicom" || h.Width != 200 || h.Height != 100 || h.Work <= 0 || h.Memory < 2*200*100 {
		t.Errorf("%+v", h)
	}
	for name, c := range map[string]struct {
		limits Limits
		file   []byte
		want   error
	}{
		"pixels":        {Limits{MaxPixels: 200*100 - 1}, file, ErrTooLarge},
		"memory":        {Limits{MaxMemory: h.Memory - 1}, file, ErrTooLarge},
		"bits":          {Limits{Bits: 12}, file, ErrDepth},
		"small":         {Limits{}, testmodel.Film(testmodel.Picture(15, 100, 1), nil), ErrNotRadiograph},
		"another":       {Limits{}, testmodel.Film(testmodel.Picture(200, 100, 1), func(d *dicom.Dataset) { d.SetStrings(dicom.Modality, "CT") }), ErrNotRadiograph},
		"cut short":     {Limits{}, file[:len(file)-100], ErrNotPicture},
		"no pixels":     {Limits{}, testmodel.Film(testmodel.Picture(200, 100, 1), func(d *dicom.Dataset) { d.Delete(dicom.PixelData) }), ErrNotPicture},
		"a directory":   {Limits{}, testmodel.Film(testmodel.Picture(200, 100, 1), func(d *dicom.Dataset) { d.SetStrings(dicom.SOPClassUID, dicom.MediaStorageDirectory) }), ErrUnknownFormat},
		"all one grey":  {Limits{}, testmodel.Film(image.NewGray(image.Rect(0, 0, 200, 100)), nil), ErrNotRadiograph},
		"two of frames": {Limits{}, testmodel.Film(testmodel.Picture(200, 100, 1), func(d *dicom.Dataset) { d.SetStrings(dicom.NumberOfFrames, "2") }), ErrNotRadiograph},
	} {
		if _, err := Decode(t.Context(), c.file, c.limits); !errors.Is(err, c.want) || !strings.HasPrefix(err.Error(), "dicom: ") {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestAPreambleMayImitateAnotherFormat has the preamble of a film begin as a TIFF does, as files for two kinds of readers do.
func TestAPreambleMayImitateAnotherFormat(t *testing.T) {
	file := testmodel.Film(testmodel.Picture(200, 100, 1), nil)
	for _, magic := range []string{"II*\x00", "BM", "\xff\xd8\xff", pngMagic} {
		copy(file, magic)
		if p, err := Decode(t.Context(), file, everything); err != nil || p.Format != "dicom" {
			t.Errorf("%q: %v", magic, err)
		}
	}
}

func TestATurnedFilmHasItsPixelsTurned(t *testing.T) {
	for orientation, want := range map[string]float64{"L": 2, "F": 0.5} {
		p, err := Decode(t.Context(), testmodel.Film(testmodel.Picture(200, 100, 1), func(d *dicom.Dataset) {
			down := map[string]string{"L": "F", "F": "L"}[orientation]
			d.SetStrings(dicom.PatientOrientation, orientation, down)
			d.SetStrings(dicom.PixelSpacing, "0.4", "0.2")
		}), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if p.PixelAspect != want || warned(p, "orientation") != (orientation == "F") || (p.Image.Bounds().Dx() == 200) != (orientation == "L") {
			t.Errorf("%s: %v, %v, %q", orientation, p.PixelAspect, p.Image.Bounds(), p.Warnings)
		}
	}
}
