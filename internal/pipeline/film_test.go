package pipeline_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

func predicted(t *testing.T, m *model.Model, file []byte, gate pipeline.GateMode) pipeline.Prediction {
	t.Helper()
	p, err := pipeline.Predict(t.Context(), m, file, radiograph.Limits{}, pipeline.Options{Gate: gate})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func asPNG(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bigEndian is a film's data set as explicit VR big endian has it, its pixels in words. It knows the elements of
// testmodel.Film alone.
func bigEndian(t *testing.T, file []byte) []byte {
	t.Helper()
	parsed, err := dicom.Parse(file, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out := append(make([]byte, 128), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.2\x00"...)
	for _, e := range parsed.Dataset.Elements() {
		value := bytes.Clone(e.Value)
		if e.Tag == dicom.PixelData {
			e.VR = dicom.OW
		}
		if e.VR == dicom.US || e.VR == dicom.OW {
			for i := 0; i+1 < len(value); i += 2 {
				value[i], value[i+1] = value[i+1], value[i]
			}
		}
		out = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(out, e.Tag.Group()), e.Tag.Element())
		if out = append(out, e.VR...); e.VR == dicom.OW {
			out = binary.BigEndian.AppendUint32(append(out, 0, 0), uint32(len(value)))
		} else {
			out = binary.BigEndian.AppendUint16(out, uint16(len(value)))
		}
		out = append(out, value...)
	}
	return out
}

// TestTheSamePixelsGiveTheSameAnswer sends one picture of 8 bits as PNG and as a film in every native syntax.
func TestTheSamePixelsGiveTheSameAnswer(t *testing.T) {
	e, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	picture := testmodel.Picture(301, 203, 5)
	negative := image.NewGray(picture.Rect)
	for i, v := range picture.Pix {
		negative.Pix[i] = ^v
	}
	words := make([]byte, 0, 2*len(picture.Pix))
	for _, v := range picture.Pix {
		words = append(words, v, 0)
	}
	want := predicted(t, e.Model, asPNG(t, picture), pipeline.GateFlag)
	if want.Film != nil {
		t.Errorf("a PNG has %+v", want.Film)
	}
	for name, file := range map[string][]byte{
		"explicit":   testmodel.Film(picture, nil),
		"implicit":   testmodel.FilmIn(dicom.ImplicitLittleEndian, picture, nil),
		"big endian": bigEndian(t, testmodel.Film(picture, nil)),
		"bare":       testmodel.Film(picture, nil)[132:],
		"inverted": testmodel.Film(negative, func(d *dicom.Dataset) {
			d.SetStrings(dicom.PhotometricInterpretation, "MONOCHROME1")
			d.SetStrings(dicom.PresentationLUTShape, "INVERSE")
		}),
		"8 bits in 16": testmodel.Film(picture, func(d *dicom.Dataset) {
			d.SetInts(dicom.BitsAllocated, 16)
			d.SetBytes(dicom.PixelData, dicom.OW, words)
		}),
		"the whole window": testmodel.Film(picture, func(d *dicom.Dataset) {
			d.SetStrings(dicom.WindowCenter, "128")
			d.SetStrings(dicom.WindowWidth, "256")
		}),
	} {
		got := predicted(t, e.Model, file, pipeline.GateFlag)
		if got.Probability != want.Probability || got.RawProbability != want.RawProbability || *got.Gate != *want.Gate {
			t.Errorf("%s: %v, as PNG %v", name, got.Probability, want.Probability)
		}
		if got.Input.Format != "dicom" || got.Film == nil || got.Film.Modality != "CR" {
			t.Errorf("%s: %+v, %+v", name, got.Input, got.Film)
		}
	}
}

// TestAWindowGivesWhatAViewerShows holds a film of 12 bits against the PNG of 8 bits that a viewer would save of it.
func TestAWindowGivesWhatAViewerShows(t *testing.T) {
	e, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(4) {
		picture := testmodel.Picture(400, 300, seed)
		shown := image.NewGray(picture.Rect)
		var words []byte
		for i, v := range picture.Pix {
			sample := 600 + 10*int(v)
			words = binary.LittleEndian.AppendUint16(words, uint16(sample))
			shown.Pix[i] = uint8(math.Round(min(max((float64(sample)-(1900-0.5))/(2000-1)+0.5, 0), 1) * 255))
		}
		film := predicted(t, e.Model, testmodel.Film(picture, func(d *dicom.Dataset) {
			for tag, n := range map[dicom.Tag]int{dicom.BitsAllocated: 16, dicom.BitsStored: 12, dicom.HighBit: 11} {
				d.SetInts(tag, n)
			}
			d.SetBytes(dicom.PixelData, dicom.OW, words)
			d.SetStrings(dicom.WindowCenter, "1900")
			d.SetStrings(dicom.WindowWidth, "2000")
		}), pipeline.GateFlag)
		want := predicted(t, e.Model, asPNG(t, shown), pipeline.GateFlag)
		if d := math.Abs(film.Probability - want.Probability); d > 0.01 {
			t.Errorf("seed %d: %.4f, as PNG %.4f", seed, film.Probability, want.Probability)
		}
		if w := film.Film.Window; w.Function != "LINEAR" || w.Center != 1900 || w.Width != 2000 {
			t.Errorf("%+v", w)
		}
	}
}

// TestPixelsThatAreNotSquareNeedNoCorrection holds a film whose pixels are twice as high as wide against the film of square
// pixels that it was made of: a model that squashes its picture sees the same.
func TestPixelsThatAreNotSquareNeedNoCorrection(t *testing.T) {
	e, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(4) {
		square := testmodel.Picture(500, 800, seed)
		flat := image.NewGray(image.Rect(0, 0, 500, 400))
		for i := range flat.Pix {
			x, y := i%500, i/500
			flat.Pix[i] = uint8((int(square.Pix[2*y*500+x]) + int(square.Pix[(2*y+1)*500+x]) + 1) / 2)
		}
		got := predicted(t, e.Model, testmodel.Film(flat, func(d *dicom.Dataset) { d.SetStrings(dicom.PixelSpacing, "0.3", "0.15") }), pipeline.GateFlag)
		want := predicted(t, e.Model, testmodel.Film(square, nil), pipeline.GateFlag)
		if d := math.Abs(got.Probability - want.Probability); d > 0.01 {
			t.Errorf("seed %d: %.4f, of square pixels %.4f", seed, got.Probability, want.Probability)
		}
	}
}

func TestFilmsAreTurnedUpright(t *testing.T) {
	m := testmodel.Gated(t)
	upright := testmodel.Picture(90, 60, 9)
	mirrored := image.NewGray(upright.Rect)
	for i := range upright.Pix {
		mirrored.Pix[i] = upright.Pix[i/90*90+89-i%90]
	}
	got := predicted(t, m, testmodel.Film(mirrored, func(d *dicom.Dataset) { d.SetStrings(dicom.PatientOrientation, "R", "F") }), pipeline.GateFlag)
	want := predicted(t, m, testmodel.Film(upright, func(d *dicom.Dataset) { d.SetStrings(dicom.PatientOrientation, "L", "F") }), pipeline.GateFlag)
	if got.Probability != want.Probability || got.Film.Orientation != 2 || !has(got.Warnings, "orientation") || has(want.Warnings, "orientation") {
		t.Errorf("%v and %v, %+v, %q", got.Probability, want.Probability, got.Film, got.Warnings)
	}
}

func has(warnings []string, code string) bool {
	return slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, code+": ") })
}

// TestAFilmThatSpeaksAgainstItselfGoesByTheGatesRule has the model be for ages of 1 to 5.
func TestAFilmThatSpeaksAgainstItselfGoesByTheGatesRule(t *testing.T) {
	m := decoded(t, testmodel.ChangedFile("tiny-aged", func(d map[string]any) { d["ages"] = []int{1, 5} }))
	set := func(tag dicom.Tag, value string) []byte {
		return testmodel.Film(testmodel.Picture(150, 120, 9), func(d *dicom.Dataset) { d.SetStrings(tag, value) })
	}
	for name, c := range map[string]struct {
		file []byte
		code string // "" for a film that is as it should be
	}{
		"lateral": {set(dicom.ViewPosition, "LL"), "view"}, "a hand": {set(dicom.BodyPartExamined, "HAND"), "body-part"},
		"an adult": {set(dicom.PatientAge, "041Y"), "age"}, "an infant": {set(dicom.PatientAge, "011M"), "age"}, "six": {set(dicom.PatientAge, "006Y"), "age"},
		"one": {set(dicom.PatientAge, "012M"), ""}, "five": {set(dicom.PatientAge, "005Y"), ""}, "of no age": {set(dicom.BodyPartExamined, "CHEST"), ""},
	} {
		flagged := predicted(t, m, c.file, pipeline.GateFlag)
		off := predicted(t, m, c.file, pipeline.GateOff)
		_, err := pipeline.Predict(t.Context(), m, c.file, radiograph.Limits{}, pipeline.Options{Gate: pipeline.GateRefuse})
		refused := (*pipeline.RefusedError)(nil)
		if c.code == "" {
			if len(flagged.Warnings)+len(flagged.Doubts) > 0 || err != nil {
				t.Errorf("%s: %q, %v", name, flagged.Warnings, err)
			}
			continue
		}
		if !has(flagged.Warnings, c.code) || !slices.Equal(flagged.Doubts, []string{c.code}) || len(off.Warnings) > 0 || !errors.As(err, &refused) {
			t.Errorf("%s: %q, %q, off %q, refused %v", name, flagged.Warnings, flagged.Doubts, off.Warnings, err)
		}
	}
	// A model that does not say for whom it is does not look.
	if p := predicted(t, testmodel.Gated(t), set(dicom.PatientAge, "041Y"), pipeline.GateFlag); len(p.Warnings) > 0 {
		t.Errorf("%q", p.Warnings)
	}
}

func decoded(t *testing.T, file []byte) *model.Model {
	t.Helper()
	m, err := model.Decode(t.Context(), file, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestAnInvertedLookThatTagsDoNotExplainIsAnAlarm has a gate call dark pictures inverted.
func TestAnInvertedLookThatTagsDoNotExplainIsAnAlarm(t *testing.T) {
	m := decoded(t, testmodel.ChangedFile("tiny-inverted", func(d map[string]any) {
		d["gate"].(map[string]any)["labels"] = []string{"other_part", "chest", "inverted"}
	}))
	dark := testmodel.Picture(150, 120, 9)
	for i, v := range dark.Pix {
		dark.Pix[i] = v / 8
	}
	for _, photometric := range []string{"MONOCHROME1", "MONOCHROME2"} {
		p := predicted(t, m, testmodel.Film(dark, func(d *dicom.Dataset) { d.SetStrings(dicom.PhotometricInterpretation, photometric) }), pipeline.GateFlag)
		if alarm := photometric == "MONOCHROME2"; has(p.Warnings, "polarity") != alarm {
			t.Errorf("%s: %q", photometric, p.Warnings)
		}
	}
	if p := predicted(t, m, asPNG(t, dark), pipeline.GateFlag); has(p.Warnings, "polarity") || !has(p.Warnings, "gate") {
		t.Errorf("PNG: %q", p.Warnings)
	}
}
