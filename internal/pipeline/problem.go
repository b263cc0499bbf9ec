package pipeline

import (
	"errors"

	"github.com/spikeray/spikeray/internal/radiograph"
	"github.com/spikeray/spikeray/pkg/model"
)

// Problem names what is wrong with a picture that has no answer, for programs: "not-a-picture", "too-large",
// "unsupported-format", "not-a-radiograph", "sample-depth" or "gate-refused", the same over HTTP (api/openapi.yaml) and on the
// command line. It is "" for an error that is not the picture's.
func Problem(err error) string {
	switch {
	case errors.Is(err, radiograph.ErrNotPicture):
		return "not-a-picture"
	case errors.Is(err, radiograph.ErrTooLarge):
		return "too-large"
	case errors.Is(err, radiograph.ErrUnknownFormat):
		return "unsupported-format"
	case errors.Is(err, radiograph.ErrNotRadiograph), errors.Is(err, model.ErrPicture):
		return "not-a-radiograph"
	case errors.Is(err, radiograph.ErrDepth):
		return "sample-depth"
	case errors.As(err, new(*RefusedError)):
		return "gate-refused"
	}
	return ""
}
