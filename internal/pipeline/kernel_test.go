package pipeline

import (
	"reflect"
	"testing"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestPicturesAreDecodedOnTheModelsKernel: with --kernel generic, no assembly makes a pixel. What radiograph hands to its
// decoder is looked at, since the pixels are the same.
func TestPicturesAreDecodedOnTheModelsKernel(t *testing.T) {
	jpeg := testmodel.JPEG(64, 64, 1)
	for _, kernel := range spike.Kernels() {
		c, err := OpenCatalogue(t.Context(), []string{models.Default}, model.DecodeOptions{Kernel: kernel})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range c.All() {
			if e.Kernel() != kernel {
				t.Errorf("%s is on %s, want %s", e.Name(), e.Kernel(), kernel)
			}
			h, err := Inspect(e.Model, jpeg, radiograph.Limits{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			decoder := reflect.ValueOf(h).FieldByName("header").FieldByName("jpeg").Elem()
			if generic := decoder.FieldByName("Generic").Bool(); generic != (kernel == "generic") {
				t.Errorf("%s on %s: pictures are decoded by plain Go: %v", e.Name(), kernel, generic)
			}
		}
	}
}
