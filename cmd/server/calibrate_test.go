package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/internal/testmodel"
)

// ward has pictures that a model tells apart but for a few, as a folder and as the rows of a CSV, two pictures a patient.
func ward(t *testing.T, model string, n int) (folder string, rows []string) {
	t.Helper()
	flat := t.TempDir()
	for i := range n {
		write(t, testmodel.PNG(200, 200, uint64(i)), flat, fmt.Sprintf("%d.png", i))
	}
	answers := lines(t, spikeray(t, nil, "predict", "--json", "--model", model, flat).out)
	slices.SortFunc(answers, func(a, b predicted) int { return cmp.Compare(*a.RawProbability, *b.RawProbability) })
	folder = t.TempDir()
	for i, a := range answers {
		class := normal
		if (i >= n/2) != (i%10 == 3) {
			class = pneumonia
		}
		data, err := os.ReadFile(a.File)
		if err != nil {
			t.Fatal(err)
		}
		path := write(t, data, folder, class, filepath.Base(a.File))
		relative, _ := filepath.Rel(folder, path)
		rows = append(rows, fmt.Sprintf("%s,%s,patient %d", relative, strings.ToLower(class), i/2))
	}
	return folder, rows
}

func TestAPlaceCalibratesAModelAndUsesIt(t *testing.T) {
	model := gatedModel(t)
	folder, rows := ward(t, model, 80)
	out := filepath.Join(t.TempDir(), "c.json")
	r := spikeray(t, nil, "calibrate", "--model", model, "--place=Ward 3", "--out", out, folder)
	if r.status != 0 || r.err != "" || !strings.Contains(r.out, "Ward 3") || !strings.Contains(r.out, "screening") || !strings.Contains(r.out, "Brier score") {
		t.Fatalf("%+v", r)
	}
	file, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	c, err := site.Parse(file)
	if err != nil || c.Data.Pictures != 80 || c.Data.Positive != 40 || c.Data.Patients != 0 || c.Place != "Ward 3" || c.Calibration.Prevalence != 0.5 {
		t.Fatalf("%+v, %v", c, err)
	}

	// The same pictures by a CSV with patients make the same calibration with other intervals.
	labels := write(t, []byte("\ufefffile,label,patient\n"+strings.Join(rows, "\n")), folder, "labels.csv")
	second := filepath.Join(t.TempDir(), "c.json")
	r = spikeray(t, nil, "calibrate", "--json", "--model", model, "--out", second, labels)
	byCSV, err := site.Parse([]byte(r.out))
	if err != nil || r.status != 0 || byCSV.Data.Patients != 40 || byCSV.Place != "unnamed" || byCSV.Validation == c.Validation {
		t.Fatalf("%+v: %v", r, err)
	}
	if d := byCSV.Calibration.Slope - c.Calibration.Slope; d > 1e-6 || d < -1e-6 {
		t.Errorf("slopes of %v and %v", byCSV.Calibration.Slope, c.Calibration.Slope)
	}

	var report struct {
		Threshold   float64
		Calibration struct {
			Digest string
		}
	}
	r = spikeray(t, nil, "evaluate", "--json", "--model", model, "--calibration", out, folder)
	if err := json.Unmarshal([]byte(r.out), &report); err != nil || report.Threshold != c.OperatingPoints[0].Threshold || report.Calibration.Digest != c.Digest() {
		t.Errorf("%+v: %v", r, err)
	}
	if r = spikeray(t, nil, "evaluate", "--model", model, "--calibration", out, folder); !strings.Contains(r.out, "calibrated for Ward 3, on 80 pictures") {
		t.Errorf("%+v", r)
	}
	r = spikeray(t, nil, "predict", "--csv", "--model", model, "--calibration", out, filepath.Join(folder, normal))
	if r.status != 0 || strings.Count(r.out, c.Digest()) != strings.Count(r.out, "\n")-1 {
		t.Errorf("%+v", r)
	}

	picture := testmodel.PNG(200, 200, 7)
	one := lines(t, spikeray(t, picture, "predict", "--json", "--model", model, "--calibration", out, "-").out)
	p := serve(t, []string{"SPIKERAY_CALIBRATION=" + out}, "--model", model)
	if served := p.predict(t, picture); served != *one[0].Probability {
		t.Errorf("%v over HTTP, %v from the file", served, *one[0].Probability)
	}
	if status, logs := p.end(t); status != 0 {
		t.Errorf("status %d\n%s", status, logs)
	}

	for name, args := range map[string][]string{
		"of another model": {"predict", "--calibration", out, folder}, "of none that is served": {"serve", "--calibration", out},
		"twice for one":      {"serve", "--model", model, "--calibration", out, "--calibration", second},
		"that is a model":    {"predict", "--model", model, "--calibration", model, folder},
		"that is not there":  {"predict", "--model", model, "--calibration", "nowhere", folder},
		"to be written over": {"calibrate", "--model", model, "--out", out, folder},
	} {
		if r := spikeray(t, nil, args...); r.status != 1 || r.err == "" || strings.HasPrefix(name, "of") && !strings.Contains(r.err, "mine 0.1.0") {
			t.Errorf("a calibration %s: %+v", name, r)
		}
	}
}

func TestCalibrateSaysWhatIsLeftOut(t *testing.T) {
	model := gatedModel(t)
	folder, _ := ward(t, model, 70)
	write(t, []byte("no picture"), folder, normal, "bad.png")
	one, err := filepath.Glob(filepath.Join(folder, normal, "*.png"))
	if err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(one[0])
	write(t, data, folder, normal, "copy.png")
	write(t, testmodel.Shade(200, 200, 1, 0.1), folder, normal, "dark.png")
	out := filepath.Join(t.TempDir(), "c.json")
	r := spikeray(t, nil, "calibrate", "--json", "--gate=refuse", "--model", model, "--out", out, folder)
	c, err := site.Parse([]byte(r.out))
	if err != nil || r.status != 1 || c.Data.Unread != 1 || c.Data.Duplicates != 1 || c.Data.Refused != 1 || c.Data.Pictures != 70 || !strings.Contains(r.err, "bad.png") {
		t.Errorf("%+v: %v", r, err)
	}
	// One picture cannot be of both classes.
	write(t, data, folder, pneumonia, "copy.png")
	r = spikeray(t, nil, "calibrate", "--model", model, "--out", filepath.Join(t.TempDir(), "c.json"), folder)
	if r.status != 1 || !strings.Contains(r.err, "the same picture") {
		t.Errorf("%+v", r)
	}
}

func TestCalibrateRefusesTooFewAndWritesNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "c.json")
	r := spikeray(t, nil, "calibrate", "--model", gatedModel(t), "--out", out, folder(t, 6))
	if _, err := os.Stat(out); r.status != 1 || !strings.Contains(r.err, "24 more of NORMAL and 24 more of PNEUMONIA") || !os.IsNotExist(err) {
		t.Errorf("%+v: %v", r, err)
	}
}

func TestLabelsThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no names": "a.png,NORMAL\n", "no label": "file\na.png\n", "another column": "file,label,age\na.png,NORMAL,3\n",
		"a column twice": "file,label,label\na.png,NORMAL,NORMAL\n", "another label": "file,label\na.png,maybe\n", "no file": "file,label\n,NORMAL\n",
		"twice": "file,label\na.png,NORMAL\na.png,NORMAL\n", "no patient": "file,label,patient\na.png,NORMAL,\n", "a field more": "file,label\na.png,NORMAL,x\n",
		"no rows": "file,label\n", "an open quote": "file,label\n\"a.png,NORMAL\n",
	} {
		if set, err := parseLabels(strings.NewReader(text), "."); err == nil {
			t.Errorf("%s: %+v", name, set)
		}
	}
	for _, text := range []string{"file,label\na.png,NORMAL\nb.png,pneumonia\n", "\ufefffile;label;patient\r\na.png;Normal;1\r\nb.png;PNEUMONIA;1\r\n", "label,file\nNORMAL,a.png\nPNEUMONIA,b.png"} {
		set, err := parseLabels(strings.NewReader(text), "dir")
		if err != nil || len(set.pictures) != 2 || set.pictures[1].class != pneumonia || set.pictures[1].path != filepath.Join("dir", "b.png") {
			t.Errorf("%q: %+v, %v", text, set, err)
		}
	}
}

func FuzzLabels(f *testing.F) {
	f.Add("file,label,patient\na.png,NORMAL,1\n")
	f.Add("\ufefffile;label\na;pneumonia\n")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := parseLabels(strings.NewReader(text), "/nowhere")
		if err != nil {
			return
		}
		for _, p := range set.pictures {
			if p.class != normal && p.class != pneumonia || p.path == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

// Pictures of twelve bits that do not say so are read by --bits alone, and --prevalence is the place's, whatever the
// pictures' is.
func TestCalibrateHeedsBitsAndPrevalence(t *testing.T) {
	model, flat := gatedModel(t), t.TempDir()
	for i := range 70 {
		grey := testmodel.Picture(40, 40, uint64(i))
		deep := image.NewGray16(grey.Rect)
		for j, v := range grey.Pix {
			s := max(int(v)*4095/255-j%7, 0)
			deep.Pix[2*j], deep.Pix[2*j+1] = byte(s>>8), byte(s)
		}
		var file bytes.Buffer
		if err := png.Encode(&file, deep); err != nil {
			t.Fatal(err)
		}
		write(t, file.Bytes(), flat, fmt.Sprintf("%d.png", i))
	}
	answers := lines(t, spikeray(t, nil, "predict", "--json", "--bits=12", "--model", model, flat).out)
	slices.SortFunc(answers, func(a, b predicted) int { return cmp.Compare(*a.RawProbability, *b.RawProbability) })
	labels := "file,label\n"
	for i, a := range answers {
		class := normal
		if (i >= 35) != (i%10 == 3) {
			class = pneumonia
		}
		labels += a.File + "," + class + "\n"
	}
	csv := write(t, []byte(labels), flat, "labels.csv")
	calibrate := func(args ...string) ran {
		return spikeray(t, nil, append([]string{"calibrate", "--json", "--model", model, "--out", filepath.Join(t.TempDir(), "c.json"), csv}, args...)...)
	}
	r := calibrate("--bits=12", "--prevalence=0.125")
	c, err := site.Parse([]byte(r.out))
	if err != nil || r.status != 0 || c.Data.Pictures != 70 || c.Calibration.Prevalence != 0.125 {
		t.Errorf("%+v: %v", r, err)
	}
	if r := calibrate(); r.status != 1 || !strings.Contains(r.err, "bits=") {
		t.Errorf("without --bits: %+v", r)
	}
}
