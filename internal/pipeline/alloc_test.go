//go:build !race

package pipeline

import (
	"bytes"
	"image/png"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

// TestAPredictionAllocatesLittle allows a picture half of the 128 by 128 pixels that the network is shown, however large it
// comes. What is pooled is let go of by a collection, and under the race detector at random.
func TestAPredictionAllocatesLittle(t *testing.T) {
	const runs, objects, most = 20, 32, 128 * 128 / 2
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	e, err := OpenModel(t.Context(), models.Default, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var asPNG bytes.Buffer
	if err := png.Encode(&asPNG, testmodel.Picture(300, 300, 1)); err != nil {
		t.Fatal(err)
	}
	for name, picture := range map[string][]byte{"224 pixels": testmodel.JPEG(224, 224, 1), "1200 pixels": testmodel.JPEG(1200, 1200, 1), "PNG": asPNG.Bytes()} {
		var before, after runtime.MemStats
		for i := range 1 + runs {
			if i == 1 { // the first has filled the pools
				runtime.ReadMemStats(&before)
			}
			if _, err := Predict(t.Context(), e.Model, picture, radiograph.Limits{}, Options{}); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		if n, size := (after.Mallocs-before.Mallocs)/runs, (after.TotalAlloc-before.TotalAlloc)/runs; n > objects || size > most {
			t.Errorf("%s: %d objects of %d bytes a prediction, at most %d of %d are expected", name, n, size, objects, most)
		}
	}
}
