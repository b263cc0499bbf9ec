package main

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/rates"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/pkg/model"
)

// folder has a model file that spikes and, in folders below, pictures; it gives the paths of both.
func folder(t *testing.T, pictures map[string][]byte) (file, dir string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "model")
	dir = filepath.Join(dir, "pictures")
	all := map[string][]byte{file: testmodel.EarlyFile("tiny-early")}
	for name, data := range pictures {
		all[filepath.Join(dir, name)] = data
	}
	for path, data := range all {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return file, dir
}

// TestRatesAreThoseOfThePictures: of the whole network, the mean over pictures and the layers' neurons is the one that the
// answers tell.
func TestRatesAreThoseOfThePictures(t *testing.T) {
	pictures := map[string][]byte{"a/1.png": testmodel.PNG(64, 64, 1), "b/2.png": testmodel.PNG(60, 80, 2), "b/3.png": testmodel.PNG(50, 50, 3)}
	file, dir := folder(t, pictures)
	var out bytes.Buffer
	if err := run(t.Context(), &out, file, dir, "three pictures"); err != nil {
		t.Fatal(err)
	}
	r, err := rates.Parse(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	m := testmodel.Early(t)
	if err := r.Check(m); err != nil || r.Pictures != 3 || r.Source != "three pictures" {
		t.Errorf("%v, %+v", err, r)
	}
	neurons, sum := 0.0, 0.0
	for i, l := range m.SpikingLayers() {
		n := float64(l.Shape.Len())
		neurons += n
		sum += n * r.Layers[i].Mean
	}
	want := 0.0
	for _, data := range pictures {
		p, err := radiograph.Decode(t.Context(), data, radiograph.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		prepared, err := m.Prepare(p.Image)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := m.Infer(t.Context(), prepared, model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want += answer.Spikes.Rate / float64(len(pictures))
	}
	if got := sum / neurons; math.Abs(got-want) > 1e-5*want {
		t.Errorf("a neuron fires %v times a step, the answers say %v", got, want)
	}
}

func TestWhatIsNoPictureIsAnError(t *testing.T) {
	file, dir := folder(t, map[string][]byte{"1.png": testmodel.PNG(64, 64, 1), "notes.txt": []byte("no picture")})
	if err := run(t.Context(), &bytes.Buffer{}, file, dir, "x"); !errors.Is(err, radiograph.ErrNotPicture) {
		t.Errorf("%v", err)
	}
	file, dir = folder(t, map[string][]byte{"1.png": testmodel.PNG(64, 64, 1)})
	if err := run(t.Context(), &bytes.Buffer{}, file, dir, "x"); !errors.Is(err, rates.ErrFile) {
		t.Errorf("one picture: %v", err)
	}
}
