package pipeline_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPredictionIsDecodingPreparingAndInferring(t *testing.T) {
	data := testmodel.JPEG(150, 100, 3)
	for _, m := range []*model.Model{testmodel.Rows(t), testmodel.Steps(t, 4), testmodel.Plain(t)} {
		picture, err := radiograph.Decode(t.Context(), data, radiograph.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		pixels, err := m.Prepare(picture.Image)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Infer(t.Context(), pixels, model.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := pipeline.Predict(t.Context(), m, data, radiograph.Limits{}, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Probability != want.Probability || !slices.Equal(got.Probabilities, want.Probabilities) || got.Steps != want.Steps {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got.Timing.Decode <= 0 || got.Timing.Prepare <= 0 || got.Timing.Infer <= 0 || got.Warnings == nil {
			t.Errorf("timing %+v, warnings %v", got.Timing, got.Warnings)
		}
	}
}

func TestPredictErrorsAreThoseOfTheirStage(t *testing.T) {
	m := testmodel.Rows(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		data []byte
		opt  pipeline.Options
		want error
	}{
		"no picture":      {t.Context(), []byte("x"), pipeline.Options{}, radiograph.ErrNotPicture},
		"no radiograph":   {t.Context(), testmodel.PNG(1, 1, 1), pipeline.Options{}, radiograph.ErrNotRadiograph},
		"steps of a rows": {t.Context(), testmodel.PNG(64, 64, 1), pipeline.Options{Steps: 2}, model.ErrSteps},
		"caller gone":     {gone, testmodel.PNG(64, 64, 1), pipeline.Options{}, context.Canceled},
	} {
		if _, err := pipeline.Predict(c.ctx, m, c.data, radiograph.Limits{}, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestCatalogueHasTheShippedModels(t *testing.T) {
	for _, first := range models.Names() {
		c, err := pipeline.OpenCatalogue(t.Context(), []string{first}, model.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if c.Default().Name() != first || len(c.All()) != len(models.Names()) || !c.Default().Shipped {
			t.Errorf("%s: %d models, the default is %s", first, len(c.All()), c.Default().Name())
		}
		for _, name := range models.Names() {
			e, err := c.Get(name)
			if err != nil || e.Name() != name {
				t.Errorf("%s: %v", name, err)
			} else if spikes := len(e.SpikingLayers()) > 0; (e.Rates != nil) != spikes {
				t.Errorf("%s: spikes %v, rates %+v", name, spikes, e.Rates)
			}
		}
		if _, err := c.Get("none"); !errors.Is(err, pipeline.ErrUnknownModel) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAFilesModelTakesTheShippedOnesPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m")
	if err := os.WriteFile(path, testmodel.File(models.Default, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := pipeline.OpenCatalogue(t.Context(), []string{path}, model.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Get(models.Default)
	if err != nil || e != c.Default() || e.Shipped || e.Card != "" || e.Rates != nil || len(c.All()) != len(models.Names()) {
		t.Errorf("%v: shipped %v with card %q of %d", err, e.Shipped, e.Card, len(c.All()))
	}
}

func TestModelsThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("not a model file"), 0o600); err != nil {
		t.Fatal(err)
	}
	var format *model.FormatError
	if _, err := pipeline.OpenModel(t.Context(), bad, model.DecodeOptions{}); !errors.As(err, &format) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := pipeline.OpenModel(t.Context(), filepath.Join(dir, "none"), model.DecodeOptions{}); !errors.Is(err, pipeline.ErrUnknownModel) {
		t.Errorf("missing: %v", err)
	}
	if _, err := pipeline.OpenModel(t.Context(), dir, model.DecodeOptions{}); err == nil {
		t.Error("a folder is taken for a model")
	}
}

func TestInOrderKeepsTheOrderAndTheBound(t *testing.T) {
	for _, workers := range []int{0, 1, 3, 100} {
		var running, most atomic.Int32
		var got []int
		pipeline.InOrder(40, workers, func(i int) int {
			now := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
			}
			time.Sleep(time.Duration(i%3) * time.Millisecond)
			return i * i
		}, func(i, square int) {
			if square != i*i {
				t.Errorf("%d came with %d", i, square)
			}
			got = append(got, i)
		})
		if !slices.IsSorted(got) || len(got) != 40 {
			t.Errorf("%d workers: %v", workers, got)
		}
		if most.Load() > int32(max(workers, 1)) {
			t.Errorf("%d workers: %d at a time", workers, most.Load())
		}
	}
	pipeline.InOrder(0, 2, func(int) int { t.Error("called"); return 0 }, func(int, int) { t.Error("called") })
}

func TestStreamTakesItemsWhenThereIsAWorkerAndEndsEarly(t *testing.T) {
	taken := 0 // by the goroutine of the items alone, and read once it has ended
	items := func(yield func(int) bool) {
		for ; yield(taken); taken++ {
		}
	}
	var running, after atomic.Int32
	var ended atomic.Bool
	var got []int
	pipeline.Stream(items, 3, func(i int) int {
		if running.Add(1) > 3 {
			t.Error("more at a time than workers")
		}
		defer running.Add(-1)
		if ended.Load() {
			after.Add(1)
		}
		if i == 0 { // those behind it go on
			time.Sleep(50 * time.Millisecond)
		}
		return i
	}, func(i int) bool {
		got = append(got, i)
		if len(got) == 7 {
			ended.Store(true)
		}
		return len(got) < 7
	})
	if !slices.Equal(got, []int{0, 1, 2, 3, 4, 5, 6}) {
		t.Errorf("%v", got)
	}
	if running.Load() != 0 {
		t.Error("returned while work was under way")
	}
	if taken > 7+8*3+3 || after.Load() > 3 {
		t.Errorf("%d items were taken, and %d worked on after the end", taken, after.Load())
	}
}

func TestReadPictureIsBounded(t *testing.T) {
	if data, err := pipeline.ReadPicture(strings.NewReader("12345"), 5); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := pipeline.ReadPicture(strings.NewReader("123456"), 5); !errors.Is(err, radiograph.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}
