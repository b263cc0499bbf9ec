package pipeline

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/draw"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

const (
	reducedMean  = 0.002 // the most that probabilities may change on average for a model to allow reduced decoding
	reencodeEach = 100   // of the training pictures, enlarged and encoded anew
)

// A model that allows reduced decoding must answer almost as if it did not: on the originals, and on pictures of 224 pixels that were enlarged and
// encoded as JPEG again. What it does to the others is logged: it is why they do not allow it.
func TestReducedDecodingKeepsTheAnswers(t *testing.T) {
	data := filepath.Join("..", "..", "..", "shared", "data")
	originals, _ := filepath.Glob(filepath.Join(data, "originals", "*", "*.jpeg"))
	small, _ := filepath.Glob(filepath.Join(data, "kermany", "train", "*", "*.jpeg"))
	if len(originals) == 0 || len(small) == 0 {
		t.Skipf("no X-rays beside the checkout, in %s", data)
	}
	var enlarged [][]byte
	for i := 0; i < len(small); i += reencodeEach {
		enlarged = append(enlarged, enlarge(t, small[i]))
	}
	var whole [][]byte
	for _, name := range originals {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, file)
	}
	for _, name := range models.Names() {
		m, err := OpenModel(t.Context(), name, model.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for what, files := range map[string][][]byte{"originals": whole, "enlarged and encoded anew": enlarged} {
			var sum, worst float64
			flips := 0
			for _, file := range files {
				full, reduced := answer(t, m.Model, file, false), answer(t, m.Model, file, true)
				d := math.Abs(full - reduced)
				sum, worst = sum+d, max(worst, d)
				if threshold := m.Description().DefaultThreshold(); (full >= threshold) != (reduced >= threshold) {
					flips++
				}
			}
			mean := sum / float64(len(files))
			t.Logf("%s, %d %s: probabilities change by %.5f on average, %.4f at worst, %d labels flip", name, len(files), what, mean, worst, flips)
			if m.Description().Preparation.ReducedDecoding && (mean >= reducedMean || flips > 0) {
				t.Errorf("%s allows reduced decoding, for which no label may flip and the mean change must stay below %v", name, reducedMean)
			}
		}
	}
}

// answer is the probability of a file that is decoded in full or, where it is large enough, at a fraction.
func answer(t *testing.T, m *model.Model, file []byte, reduced bool) float64 {
	t.Helper()
	var limits radiograph.Limits
	if p := m.Description().Preparation; reduced {
		limits.Target = image.Pt(p.Width, p.Height)
	}
	picture, err := radiograph.Decode(t.Context(), file, limits)
	if err != nil {
		t.Fatal(err)
	}
	pixels, err := prepare(m, nil, picture)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Infer(t.Context(), pixels, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Probability
}

// enlarge makes a JPEG of 1200 x 900 of a small picture.
func enlarge(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := radiograph.Decode(t.Context(), file, radiograph.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	large := image.NewGray(image.Rect(0, 0, 1200, 900))
	draw.CatmullRom.Scale(large, large.Bounds(), picture.Image, picture.Image.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, large, &jpeg.Options{Quality: 75}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
