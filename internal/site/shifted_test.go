package site_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spikeray/spikeray/internal/evaluate"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/site"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// A hundred pictures of another stretch of time are to make the model better on the rest of them.
func TestAHundredPicturesOfAShiftedPlaceArePaidBack(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "data", "kermany", "shifted")
	e, err := pipeline.OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var pictures []site.Picture
	var before []evaluate.Case
	for _, class := range []string{"NORMAL", "PNEUMONIA"} {
		files, _ := filepath.Glob(filepath.Join(root, class, "*.jpeg"))
		if len(files) == 0 {
			t.Skipf("no X-rays beside the checkout, in %s", root)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := pipeline.Predict(t.Context(), e.Model, data, radiograph.Limits{}, pipeline.Options{})
			if err != nil {
				t.Fatal(err)
			}
			pictures = append(pictures, site.Picture{LogOdds: p.LogOdds, Positive: class == "PNEUMONIA"})
			before = append(before, evaluate.Case{Positive: class == "PNEUMONIA", Probability: p.Probability, Raw: p.RawProbability})
		}
	}
	const draws, fitted = 20, 100
	random := rand.New(rand.NewPCG(1, 0))
	var accuracy, ece [2]float64
	for made := 0; made < draws; {
		order := random.Perm(len(pictures))
		var some []site.Picture
		for _, i := range order[:fitted] {
			some = append(some, pictures[i])
		}
		document, err := site.Make(site.Request{Model: e.Model, Pictures: some, Place: "shifted", Made: time.Now()})
		if err != nil {
			if !errors.Is(err, site.ErrTooFew) { // of a class fewer than 30 were drawn
				t.Fatal(err)
			}
			continue
		}
		made++
		_, c, err := document.Encode()
		if err != nil {
			t.Fatal(err)
		}
		calibrated, err := e.Calibrated(c)
		if err != nil {
			t.Fatal(err)
		}
		var as, by []evaluate.Case
		for _, i := range order[fitted:] {
			as = append(as, before[i])
			p := 1 / (1 + math.Exp(-c.Calibration.LogOdds(pictures[i].LogOdds)))
			by = append(by, evaluate.Case{Positive: pictures[i].Positive, Probability: p, Raw: p})
		}
		for k, cases := range [][]evaluate.Case{as, by} {
			threshold := []float64{e.Description().DefaultThreshold(), calibrated.Description().DefaultThreshold()}[k]
			r, err := evaluate.Score(cases, threshold, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			accuracy[k] += float64(r.Accuracy) / draws
			ece[k] += float64(r.ECE) / draws
		}
	}
	t.Logf("%s: accuracy at balanced %.4f, calibrated %.4f; calibration error %.4f, calibrated %.4f", e.Name(), accuracy[0], accuracy[1], ece[0], ece[1])
	// The model's threshold is right here already, so that accuracy has nothing to gain from a hundred pictures, and may not lose.
	if accuracy[1] < accuracy[0]-0.005 || ece[1] >= ece[0] {
		t.Error("the calibration bought nothing")
	}
}
