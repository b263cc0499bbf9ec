package pipeline_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

func TestProblemsOfPicturesHaveNames(t *testing.T) {
	for want, err := range map[string]error{
		"not-a-picture": radiograph.ErrNotPicture, "too-large": radiograph.ErrTooLarge, "unsupported-format": radiograph.ErrUnknownFormat,
		"not-a-radiograph": model.ErrPicture, "sample-depth": radiograph.ErrDepth, "gate-refused": new(pipeline.RefusedError),
		"": errors.New("another"),
	} {
		if got := pipeline.Problem(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
	if got := pipeline.Problem(radiograph.ErrNotRadiograph); got != "not-a-radiograph" || pipeline.Problem(nil) != "" {
		t.Errorf("%q", got)
	}
}
