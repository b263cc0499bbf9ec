package model

import (
	"errors"
	"fmt"
	"strings"
)

// FormatError says which part of a model file is wrong, and why.
type FormatError struct {
	Field  string // "header", "layers[3].kernel", "tensor conv1.weights", …
	Reason string
}

func (e *FormatError) Error() string { return fmt.Sprintf("model file: %s: %s", e.Field, e.Reason) }

func formatError(field, reason string, args ...any) error {
	return &FormatError{Field: field, Reason: fmt.Sprintf(reason, args...)}
}

// within adds to an error the part of the description in which it was found. Tensors belong to the whole file.
func within(part string, err error) error {
	var bad *FormatError
	if errors.As(err, &bad) && !strings.HasPrefix(bad.Field, "tensor ") {
		return &FormatError{Field: part + "." + bad.Field, Reason: bad.Reason}
	}
	return err
}

var (
	// ErrSteps is returned when a number of steps is asked for that the model cannot run.
	ErrSteps = errors.New("model: no such number of steps")
	// ErrPicture is returned for a picture that cannot be prepared.
	ErrPicture = errors.New("model: picture cannot be prepared")
)
