package v2

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spikeray/spikeray/internal/oip"
)

// PictureError is the error of a picture, which is that of its whole request: the protocol knows no answer in part.
type PictureError struct {
	Index, Of int // the first is 1
	Err       error
}

func (e *PictureError) Error() string { return e.Err.Error() }

// Unwrap gives the picture's error.
func (e *PictureError) Unwrap() error { return e.Err }

// where says which picture it was, where there were several.
func (e *PictureError) where() string {
	if e.Of == 1 {
		return ""
	}
	return fmt.Sprintf("picture %d of %d: ", e.Index, e.Of)
}

// Speaks tells whether a path is the protocol's, whose errors are written by [WriteError].
func Speaks(path string) bool { return path == "/v2" || strings.HasPrefix(path, "/v2/") }

// WriteError answers with an error of such a status, and the text that may be told of it.
func WriteError(w http.ResponseWriter, status int, text string, err error) {
	if at := (*PictureError)(nil); errors.As(err, &at) {
		text = at.where() + text
	}
	write(w, status, oip.ErrorResponse{Error: text})
}

// elsewhere are the paths of extensions that are not spoken, and why.
var elsewhere = map[string]string{
	"/v2/systemsharedmemory/": "shared memory is not supported: send and take tensors in the body",
	"/v2/cudasharedmemory/":   "shared memory is not supported: send and take tensors in the body",
	"/v2/trace/":              "traces are not controlled by this interface",
	"/v2/logging":             "logging is set when the server is started, by --log-level and --log-format",
}

// Missing says what is wrong with a path of the protocol that has no route.
func Missing(path string) string {
	for prefix, why := range elsewhere {
		if strings.HasPrefix(path, prefix) {
			return why
		}
	}
	return "there is nothing at this path; GET /v2 lists the extensions that are spoken, and /openapi.yaml the paths"
}
