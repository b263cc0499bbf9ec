package model

import (
	"errors"
	"fmt"
	"strings"
)

// FormatError says which part of a model file is wrong, and how.
type FormatError struct {
	Field  string // "header", "layers[3].kernel", "tensor conv1.weights", …
	Reason string
}

func (e *FormatError) Error() string { return fmt.Sprintf("model file: %s: %s", e.Field, e.Reason) }

func formatError(field, reason string, args ...any) error {
	return &FormatError{Field: field, Reason: fmt.Sprintf(reason, args...)}
}

// within says of a file's error in which part of the description it was found. A tensor is the whole file's.
func within(part string, err error) error {
	var bad *FormatError
	if errors.As(err, &bad) && !strings.HasPrefix(bad.Field, "tensor ") {
		return &FormatError{Field: part + "." + bad.Field, Reason: bad.Reason}
	}
	return err
}

var (
	// ErrSteps is returned when a number of steps is asked for that the model does not have.
	ErrSteps = errors.New("model: no such number of steps")
	// ErrPicture is returned for a picture that cannot be prepared.
	ErrPicture = errors.New("model: picture cannot be prepared")
)
