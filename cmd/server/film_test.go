package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/dicom"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// TestFilmsOfADiscAreFound has films without an ending, as discs do, beside the file that lists them.
func TestFilmsOfADiscAreFound(t *testing.T) {
	dir := t.TempDir()
	film := testmodel.Film(testmodel.Picture(200, 200, 1), nil)
	var want []string
	for _, name := range []string{"IMAGES/IM000001", "IMAGES/IM000002", "film.dcm"} {
		want = append(want, write(t, film, dir, name))
	}
	write(t, []byte("a list of films"), dir, "DICOMDIR")
	write(t, []byte("a list of films"), dir, "old/dicomdir;1")
	want = append(want, write(t, testmodel.PNG(200, 200, 1), dir, "picture.png"))
	r := spikeray(t, nil, "predict", "--json", dir)
	var got []string
	var probabilities []float64
	for _, p := range lines(t, r.out) {
		got = append(got, p.File)
		if p.Error != "" {
			t.Fatalf("%s: %s", p.File, p.Error)
		}
		probabilities = append(probabilities, *p.Probability)
	}
	if r.status != 0 || !slices.Equal(got, want) || !strings.Contains(r.err, "2 hidden files, desktops' own (Thumbs.db and the like) and DICOMDIRs") {
		t.Errorf("%q, want %q; %s", got, want, r.err)
	}
	for i, p := range probabilities {
		if p != probabilities[0] {
			t.Errorf("%s has %v, and %s %v", got[i], p, got[0], probabilities[0])
		}
	}
	if !strings.Contains(r.out, `"dicom":{"sop_class":"`+dicom.CRImage+`"`) {
		t.Error("the answer does not tell what was read in the film")
	}
}

// TestEvaluateCountsFilmsThatSpeakAgainstThemselves counts a lateral view as the gate's own refusals are counted.
func TestEvaluateCountsFilmsThatSpeakAgainstThemselves(t *testing.T) {
	dir := t.TempDir()
	for _, class := range []string{normal, pneumonia} {
		for i := range uint64(2) {
			write(t, testmodel.Film(testmodel.Picture(200, 200, i), nil), dir, filepath.Join(class, string('a'+rune(i))))
		}
	}
	write(t, testmodel.Film(testmodel.Picture(200, 200, 3), func(d *dicom.Dataset) { d.SetStrings(dicom.ViewPosition, "LL") }), dir, normal+"/lateral")
	model := write(t, testmodel.GatedFile("tiny-gated"), t.TempDir(), "gated.safetensors")
	for gate, want := range map[string]string{"flag": "not accepted by the gate: 1 (1 view)", "refuse": "not accepted by the gate: 1 (1 view), and not in the report"} {
		if r := spikeray(t, nil, "evaluate", "--bootstrap", "50", "--model", model, "--gate", gate, dir); r.status != 0 || !strings.Contains(r.out, want) {
			t.Errorf("%s: %d %s %s", gate, r.status, r.out, r.err)
		}
	}
}
