package node

import (
	"errors"
	"fmt"
	"image"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/dicom/film"
	"github.com/spikeray/spikeray/internal/evidence"
	"github.com/spikeray/spikeray/internal/node/target"
	"github.com/spikeray/spikeray/internal/outbox"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/report"
	"github.com/spikeray/spikeray/internal/testfilm"
	"github.com/spikeray/spikeray/internal/testmodel"
)

func ptr[T any](v T) *T { return &v }

// result is one of a film.
func result(t *testing.T, n int) Result {
	t.Helper()
	f, err := film.Open(testfilm.File(n, 64, 64))
	if err != nil {
		t.Fatal(err)
	}
	return Result{Film: f, Positive: "PNEUMONIA", ID: "ID.0", At: time.Now(), Picture: image.NewGray(image.Rect(0, 0, 64, 64)), Answer: pipeline.Answer{
		Model:       pipeline.ModelReference{Name: "net", Version: "1.0.0", Digest: "sha256:4f1c0a5be7c9a3d2f0b1e6d8c7a9584736251403f2e1d0c9b8a7968574635241"},
		Probability: ptr(0.7), RawProbability: 0.8, Label: ptr("PNEUMONIA"), Threshold: ptr(0.5), Notice: pipeline.Notice,
		Probabilities: map[string]float64{"NORMAL": 0.3, "PNEUMONIA": 0.7}, Input: pipeline.InputAnswer{Format: "dicom", Width: 64, Height: 64},
	}}
}

func targets(t *testing.T, texts ...string) (all []target.Target) {
	t.Helper()
	for _, text := range texts {
		one, err := target.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func box(t *testing.T, o outbox.Options) (*outbox.Outbox, string) {
	t.Helper()
	dir := t.TempDir()
	b, err := outbox.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b, dir
}

func waiting(t *testing.T, dir string) (all []string) {
	t.Helper()
	list, err := outbox.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		all = append(all, l.Kind+" for "+l.Target)
	}
	slices.Sort(all)
	return all
}

func TestEachTargetGetsTheKindsThatItWants(t *testing.T) {
	b, dir := box(t, outbox.Options{})
	n := New(b, targets(t, "pacs:sr,sc=dicom://PACS@pacs", "web:sr=https://pacs/dicom-web", "ris:hl7=mllp://ris", "ehr:fhir=fhir+https://ehr/r4"), "1.2.3", slog.New(slog.DiscardHandler))
	if !n.Pictures() {
		t.Error("a secondary capture needs a picture")
	}
	want := []string{"fhir for ehr", "hl7 for ris", "sc for pacs", "sr for pacs", "sr for web"}
	for _, again := range []string{"first", "again"} {
		if err := n.Deliver(t.Context(), result(t, 1)); err != nil {
			t.Fatal(err)
		}
		if got := waiting(t, dir); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", again, got, want)
		}
	}
	other := result(t, 1) // the same film, decided otherwise
	other.Answer.Threshold = ptr(0.9)
	for _, r := range []Result{result(t, 2), other} {
		if err := n.Deliver(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		want = append(want, "fhir for ehr", "hl7 for ris", "sc for pacs", "sr for pacs", "sr for web")
	}
	slices.Sort(want)
	if got := waiting(t, dir); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if New(b, targets(t, "pacs:sr=dicom://PACS@pacs"), "1.2.3", slog.New(slog.DiscardHandler)).Pictures() {
		t.Error("a report alone needs no picture")
	}
}

func TestAResultIsPutWholeOrNotAtAll(t *testing.T) {
	b, dir := box(t, outbox.Options{MaxItems: 3})
	n := New(b, targets(t, "pacs:sr,sc=dicom://PACS@pacs"), "1.2.3", slog.New(slog.DiscardHandler))
	if err := n.Deliver(t.Context(), result(t, 1)); err != nil {
		t.Fatal(err)
	}
	if err := n.Deliver(t.Context(), result(t, 2)); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("%v", err)
	}
	if got := waiting(t, dir); len(got) != 2 {
		t.Errorf("%q", got)
	}
	nameless := result(t, 3)
	nameless.Film.Dataset.Delete(dicom.StudyInstanceUID)
	if err := n.Deliver(t.Context(), nameless); !errors.Is(err, report.ErrFilm) {
		t.Errorf("a film without a study: %v", err)
	}
}

func TestOnlyATurnedFilmIsKnownToBeUpright(t *testing.T) {
	r := result(t, 1)
	for orientation, want := range map[int]string{1: "", 3: `L\F`} {
		r.Answer.DICOM = &pipeline.DICOMAnswer{Orientation: orientation}
		if got := Input(r, "1").Orientation; got != want {
			t.Errorf("turned by %d: %q, want %q", orientation, got, want)
		}
	}
	if in := Input(Result{ID: "x"}, "1"); in.Film != nil || in.Picture != nil || in.ID != "x" {
		t.Errorf("%+v", in)
	}
}

// explained is a result whose capture is to show a map.
func explained(t *testing.T) Result {
	t.Helper()
	m := testmodel.Steps(t, 4)
	p := m.Description().Preparation
	e, err := evidence.Explain(t.Context(), m, testmodel.Picture(p.Width, p.Height, 1).Pix, Explanation(0))
	if err != nil {
		t.Fatal(err)
	}
	r := result(t, 1)
	r.Picture, r.Evidence = testmodel.Picture(600, 700, 1), e
	return r
}

func TestACaptureShowsTheMap(t *testing.T) {
	r := explained(t)
	in := Input(r, "1")
	colour, ok := in.Picture.(*image.RGBA)
	if !ok || colour.Rect.Size() != r.Picture.Rect.Size() {
		t.Fatalf("%T", in.Picture)
	}
	reds, blues := 0, 0
	for i := 0; i < len(colour.Pix); i += 4 {
		switch red, blue := colour.Pix[i], colour.Pix[i+2]; {
		case red > blue:
			reds++
		case blue > red:
			blues++
		}
	}
	if reds == 0 || blues == 0 {
		t.Errorf("%d pixels are vermillion, %d blue", reds, blues)
	}
	_, scale := r.Evidence.Occlusion.Over(r.Picture, r.Evidence.Region, evidence.FillBlur, 1)
	if d := in.Drawing; d == nil || d.Notice != evidence.Notice || !strings.Contains(d.Legend, "for PNEUMONIA") || !strings.Contains(d.Legend, fmt.Sprintf("%.2f", scale)) {
		t.Errorf("%+v", d)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	object, err := report.Make(report.KindSC, Input(r, "1"))
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if took := int64(after.TotalAlloc - before.TotalAlloc); took > ColourMemory(r.Picture) {
		t.Errorf("it takes %d bytes, announced are %d", took, ColourMemory(r.Picture))
	}
	f, err := dicom.Parse(object.Body, dicom.Limits{})
	if err != nil || f.Dataset.String(dicom.PhotometricInterpretation) != "RGB" {
		t.Errorf("%v", err)
	}
}

// TestACaptureWithoutAMapSaysWhy, where one was asked for.
func TestACaptureWithoutAMapSaysWhy(t *testing.T) {
	r := explained(t)
	r.Evidence.Occlusion, r.Evidence.LeftOut = nil, []evidence.LeftOut{{Part: "anytime", Reason: "other"}, {Part: "occlusion", Reason: "the board is busy"}}
	in := Input(r, "1")
	if _, grey := in.Picture.(*image.Gray); !grey || in.Drawing == nil || in.Drawing.Legend != "No occlusion map: the board is busy." {
		t.Errorf("%T, %+v", in.Picture, in.Drawing)
	}
}

func TestMapsAreForWhoGetsCaptures(t *testing.T) {
	b, _ := box(t, outbox.Options{})
	for kinds, want := range map[string]bool{"sr": false, "sr,sc": true} {
		n := New(b, targets(t, "pacs:"+kinds+"=dicom://PACS@pacs"), "1", slog.New(slog.DiscardHandler))
		if n.Maps() {
			t.Errorf("%s: a map that nobody asked for", kinds)
		}
		if n.Map = true; n.Maps() != want {
			t.Errorf("%s: %v", kinds, n.Maps())
		}
		if err := n.Deliver(t.Context(), explained(t)); err != nil {
			t.Errorf("%s: %v", kinds, err)
		}
	}
}
