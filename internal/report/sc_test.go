package report

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"strings"
	"testing"

	"golang.org/x/image/font"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/evidence"
)

// shape is a capture's size, and where the picture lies in it.
func shape(t *testing.T, d *dicom.Dataset) (width, height int, pixels []byte) {
	t.Helper()
	width, _ = d.Int(dicom.Columns)
	height, _ = d.Int(dicom.Rows)
	samples, _ := d.Int(dicom.SamplesPerPixel)
	pixels = d.Get(dicom.PixelData).Value
	if n := width * height * samples; len(pixels) != n+n%2 {
		t.Fatalf("%d bytes for %d x %d x %d", len(pixels), width, height, samples)
	}
	return width, height, pixels
}

func TestNothingIsDrawnOnThePicture(t *testing.T) {
	for _, size := range []image.Point{{600, 700}, {1024, 1}, {512, 1024}, {300, 301}, {1, 1}} {
		in := input(film())
		in.Picture = picture(size.X, size.Y)
		d := parsed(t, make1(t, KindSC, in))
		width, height, pixels := shape(t, d)
		if width != max(size.X, minWidth) || height <= size.Y {
			t.Fatalf("%v: %d x %d", size, width, height)
		}
		top, left := height-size.Y, (width-size.X)/2
		want := picture(size.X, size.Y)
		for y := range size.Y {
			row := pixels[(top+y)*width+left:][:size.X]
			if !bytes.Equal(row, want.Pix[y*want.Stride:][:size.X]) {
				t.Fatalf("%v: row %d is not the picture's", size, y)
			}
		}
		lit := 0
		for _, p := range pixels[:top*width] {
			if p > 128 {
				lit++
			}
		}
		if lit < 500 || lit > top*width/3 {
			t.Errorf("%v: %d bright pixels in a banner of %d", size, lit, top*width)
		}
	}
}

// The banner is what the words say: without the warnings it is lower.
func TestBannerSaysWhatMatters(t *testing.T) {
	in := input(film())
	lines := strings.Join(in.banner(), "\n")
	want := "spikeray 1.3.0 (spikeray 0.9.0)\nPneumonia: probability 0.461, label PNEUMONIA (threshold 0.37, operating point sensitive).\n" +
		"Warnings: patient-age, window\nResearch software. Not for diagnosis."
	if lines != want {
		t.Errorf("%s", lines)
	}
	_, warned, _ := shape(t, parsed(t, make1(t, KindSC, in)))
	in.Answer.Input.Warnings = nil
	if _, calm, _ := shape(t, parsed(t, make1(t, KindSC, in))); calm >= warned {
		t.Errorf("%d rows without warnings, %d with", calm, warned)
	}
}

// A probability is never rounded over the threshold.
func TestShownProbabilities(t *testing.T) {
	in := Input{}
	for _, c := range []struct {
		p, threshold float64
		want         string
	}{{0.46123, 0.37, "0.461"}, {0.36999, 0.37, "0.36999"}, {0.37, 0.37, "0.370"}, {0.3704, 0.3704, "0.3704"}, {0, 0.5, "0.000"}, {1, 0.5, "1.000"}, {0.4999999999999, 0.5, "0.4999999999999"}} {
		in.Answer.Threshold = &c.threshold
		if got := in.shown(c.p); got != c.want {
			t.Errorf("%v at %v: %s, want %s", c.p, c.threshold, got, c.want)
		}
	}
}

func TestPixelsBecomeSquare(t *testing.T) {
	cases := []struct {
		size   image.Point
		aspect float64
		want   image.Point
	}{
		{image.Pt(600, 400), 0, image.Pt(600, 400)},
		{image.Pt(600, 400), 1, image.Pt(600, 400)},
		{image.Pt(600, 400), 2, image.Pt(300, 400)},
		{image.Pt(600, 400), 0.5, image.Pt(600, 200)},
		{image.Pt(4096, 2048), 1, image.Pt(1024, 512)},
		{image.Pt(1, 5000), 1, image.Pt(1, 1024)},
		{image.Pt(1, 1), 10, image.Pt(1, 1)},
	}
	for _, c := range cases {
		if got, err := squared(c.size, c.aspect); err != nil || got != c.want {
			t.Errorf("%v, %v: %v, %v, want %v", c.size, c.aspect, got, err, c.want)
		}
	}
	in := input(film())
	in.Picture, in.Aspect = picture(600, 400), 2
	d := parsed(t, make1(t, KindSC, in))
	width, height, pixels := shape(t, d)
	if frame := pixels[(height-400)*width+width/2-150]; width != 512 || frame < 200 {
		t.Errorf("%d x %d; the frame's left side is %d", width, height, frame)
	}
}

func TestColourStaysColour(t *testing.T) {
	in := input(film())
	m := image.NewRGBA(image.Rect(10, 20, 610, 720)) // it need not begin at 0
	for y := range 700 {
		for x := range 600 {
			m.SetRGBA(10+x, 20+y, color.RGBA{R: 200, G: uint8(x), B: uint8(y), A: 255})
		}
	}
	in.Picture = m
	d := parsed(t, make1(t, KindSC, in))
	width, height, pixels := shape(t, d)
	if d.String(dicom.PhotometricInterpretation) != "RGB" || width != 600 {
		t.Fatalf("%s, %d wide", d.String(dicom.PhotometricInterpretation), width)
	}
	if got := pixels[((height-700+5)*width+7)*3:][:3]; !bytes.Equal(got, []byte{200, 7, 5}) {
		t.Errorf("% d", got)
	}
}

// TestADrawingIsSaidToBeOne, above the picture and in the object, and the capture is another than that of the film alone.
func TestADrawingIsSaidToBeOne(t *testing.T) {
	in := input(film())
	alone := parsed(t, make1(t, KindSC, in))
	in.Drawing = &Drawing{Name: "map", Legend: "Colours: what they mean.", Notice: evidence.Notice + " Grün."}
	drawn := parsed(t, make1(t, KindSC, in))
	lines := in.banner()
	if n := len(lines); n < 3 || lines[n-3] != "Colours: what they mean." || !strings.HasPrefix(lines[n-2], evidence.Notice) || lines[n-1] != banner {
		t.Errorf("%q", lines)
	}
	face, err := faceFor(minWidth)
	if err != nil {
		t.Fatal(err)
	}
	defer face.Close()
	if rows := wrap(face, evidence.Notice, minWidth-2*(face.Metrics().Height.Ceil()/2)); strings.HasSuffix(rows[len(rows)-1], "...") {
		t.Errorf("the notice is cut: %q", rows)
	}
	_, before, _ := shape(t, alone)
	if _, after, _ := shape(t, drawn); after <= before {
		t.Errorf("%d rows with a legend and a notice, %d without", after, before)
	}
	derivation := drawn.String(dicom.DerivationDescription)
	if !strings.Contains(derivation, "drawing") || !strings.Contains(derivation, evidence.Notice) || strings.Contains(alone.String(dicom.DerivationDescription), "drawing") {
		t.Errorf("%q, alone %q", derivation, alone.String(dicom.DerivationDescription))
	}
	other := input(film())
	other.Drawing = &Drawing{Name: "other"}
	uids := map[string]bool{}
	for _, d := range []*dicom.Dataset{alone, drawn, parsed(t, make1(t, KindSC, other))} {
		uids[d.String(dicom.SOPInstanceUID)] = true
		if d.String(dicom.SeriesInstanceUID) != alone.String(dicom.SeriesInstanceUID) {
			t.Error("captures of one study are of two series")
		}
	}
	if len(uids) != 3 {
		t.Errorf("three captures have %d UIDs", len(uids))
	}
	plain := input(film())
	if with, without := make1(t, KindSR, in), make1(t, KindSR, plain); with.SOPInstance != without.SOPInstance {
		t.Error("a report depends on what a capture shows")
	}
}

func TestWhatACaptureSaysOfItself(t *testing.T) {
	d := parsed(t, make1(t, KindSC, input(film())))
	for tag, want := range map[dicom.Tag]string{
		dicom.SOPClassUID: dicom.SecondaryCaptureImage, dicom.Modality: "OT", dicom.ConversionType: "WSD", dicom.BurnedInAnnotation: "YES",
		dicom.ImageType: `DERIVED\SECONDARY`, dicom.PatientOrientation: `L\F`, dicom.LossyImageCompression: "01",
		dicom.LossyImageCompressionRatio: "8.5", dicom.LossyImageCompressionMethod: "ISO_15444_1", dicom.BodyPartExamined: "CHEST", dicom.InstanceNumber: "7",
	} {
		if got := strings.Join(d.Strings(tag), `\`); got != want {
			t.Errorf("%v is %q, want %q", tag, got, want)
		}
	}
	source := d.Items(dicom.SourceImageSequence)
	if len(source) != 1 || source[0].String(dicom.ReferencedSOPInstanceUID) != film().String(dicom.SOPInstanceUID) {
		t.Errorf("%d source images", len(source))
	}
	if d.Has(dicom.PixelSpacing) || d.Has(dicom.OperatorsName) {
		t.Error("it has what was true of the film only")
	}
}

func TestOrientationIsNotInvented(t *testing.T) {
	for _, c := range []struct{ said, film, want string }{
		{"", `L\F`, `L\F`}, {"", `R\F`, ""}, {"", "", ""}, {`L\F`, `R\F`, `L\F`}, {`L\F`, "", `L\F`}, {"sideways", "", ""}, {`A\F`, "", `A\F`},
	} {
		in := input(film())
		in.Orientation = c.said
		in.Film.SetStrings(dicom.PatientOrientation, c.film)
		if got := strings.Join(in.orientation(), `\`); got != c.want {
			t.Errorf("picture %q, film %q: %q, want %q", c.said, c.film, got, c.want)
		}
	}
}

func TestLossIsToldWhereTheFilmForgetsTo(t *testing.T) {
	for _, c := range []struct{ syntax, said, want, method string }{
		{dicom.JPEGBaseline, "", "01", "ISO_10918_1"}, {dicom.JPEGLSNearLossless, "00", "01", "ISO_14495_1"},
		{dicom.ExplicitLittleEndian, "00", "00", ""}, {dicom.ExplicitLittleEndian, "", "", ""}, {dicom.JPEGLosslessSV1, "01", "01", ""},
	} {
		in := input(bare())
		in.Syntax = c.syntax
		if c.said != "" {
			in.Film.SetStrings(dicom.LossyImageCompression, c.said)
		}
		d := parsed(t, make1(t, KindSC, in))
		if got, method := d.String(dicom.LossyImageCompression), d.String(dicom.LossyImageCompressionMethod); got != c.want || method != c.method {
			t.Errorf("%s, %q: %q by %q", c.syntax, c.said, got, method)
		}
	}
}

func TestPicturesThatAreNone(t *testing.T) {
	var none *image.Gray
	for name, m := range map[string]image.Image{"nil": nil, "a nil picture": none, "an empty one": image.NewGray(image.Rectangle{})} {
		in := input(film())
		in.Picture = m
		if _, err := Make(KindSC, in); !errors.Is(err, ErrNoPicture) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Make(KindSR, in); err != nil {
			t.Errorf("%s: a report needs none: %v", name, err)
		}
	}
	for _, aspect := range []float64{-1, 0.01, 100} {
		in := input(film())
		in.Aspect = aspect
		if _, err := Make(KindSC, in); !errors.Is(err, ErrNoPicture) {
			t.Errorf("aspect %v: %v", aspect, err)
		}
	}
}

func TestWrap(t *testing.T) {
	face, err := faceFor(512)
	if err != nil {
		t.Fatal(err)
	}
	defer face.Close()
	for _, text := range []string{"", "short", strings.Repeat("many words ", 8), strings.Repeat("w", 100), strings.Repeat("many words ", 200), strings.Repeat("w", 5000)} {
		rows := wrap(face, text, 400)
		if len(rows) > maxRows {
			t.Errorf("%d rows", len(rows))
		}
		for _, row := range rows {
			if w := font.MeasureString(face, row).Ceil(); w > 400 || row == "" {
				t.Errorf("%q is %d wide", row, w)
			}
		}
		whole := strings.Join(rows, "")
		if cut := strings.HasSuffix(whole, " ..."); cut != (len(text) > 1000) {
			t.Errorf("%.20q of %d characters is cut: %v", text, len(text), cut)
		} else if !cut && strings.ReplaceAll(whole, " ", "") != strings.ReplaceAll(text, " ", "") {
			t.Errorf("%q became %q", text, rows)
		}
	}
}
