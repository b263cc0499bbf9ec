//go:build !race

package pipeline

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
)

// TestAPredictionAllocatesLittle allows a JPEG twice the 128 by 128 pixels that the network is shown, however large it
// comes. What is pooled is let go of by a collection, and under the race detector at random.
func TestAPredictionAllocatesLittle(t *testing.T) {
	const runs, objects, bytes = 20, 32, 2 * 128 * 128
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	e, err := OpenModel(models.Default, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []int{224, 1200} {
		picture := testmodel.JPEG(side, side, 1)
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
		if n, size := (after.Mallocs-before.Mallocs)/runs, (after.TotalAlloc-before.TotalAlloc)/runs; n > objects || size > bytes {
			t.Errorf("%d pixels wide: %d objects of %d bytes a prediction, at most %d of %d are wanted", side, n, size, objects, bytes)
		}
	}
}
