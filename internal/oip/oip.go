// Package oip encodes and decodes messages of the Open Inference Protocol, version 2, over HTTP: the bodies of an inference,
// with tensors as JSON or, by the binary tensor extension, as bytes after the JSON, and the small objects around them.
//
// Source: KServe, "Open Inference Protocol (V2)" and "Binary Tensor Data Extension"; the load request is that of Triton's
// "Model Repository Extension".
package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// HeaderLength is the HTTP header that holds the length of the JSON in a body that has binary tensors behind it.
const HeaderLength = "Inference-Header-Content-Length"

// Names of extensions, as a server lists them.
const (
	BinaryTensorData   = "binary_tensor_data"
	ModelRepository    = "model_repository"
	ModelConfiguration = "model_configuration"
	Statistics         = "statistics"
	SchedulePolicy     = "schedule_policy"
)

var (
	// ErrMessage is wrapped by every error about a body that is not as the protocol has it.
	ErrMessage = errors.New("oip: malformed message")
	// ErrTooLarge is wrapped by the error about a body or a part of it that is larger than the limits. It is an ErrMessage too.
	ErrTooLarge = fmt.Errorf("%w: too large", ErrMessage)
	// ErrDatatype is wrapped by the error about a tensor of a type that is not known, or has no such form. It is an ErrMessage too.
	ErrDatatype = fmt.Errorf("%w: datatype", ErrMessage)
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMessage, fmt.Sprintf(format, args...))
}

// Limits bound what is decoded.
type Limits struct {
	JSON     int // bytes of the JSON part; 1 MiB if 0
	Tensors  int // of a message; 256 if 0
	Elements int // of a tensor of BYTES; 0 refuses such tensors
	Numbers  int // bytes that the numbers of a tensor in JSON may become; 0 is no bound but the JSON's length
}

func (l Limits) json() int    { return orElse(l.JSON, 1<<20) }
func (l Limits) tensors() int { return orElse(l.Tensors, 256) }

func orElse(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// Read reads a body of at most so many bytes to its end. size is what the body is said to have, or -1.
func Read(r io.Reader, size int64, most int) ([]byte, error) {
	if size > int64(most) {
		return nil, fmt.Errorf("%w: %d bytes, must be at most %d", ErrTooLarge, size, most)
	}
	var body bytes.Buffer
	if size > 0 {
		body.Grow(int(min(size, 1<<20)) + bytes.MinRead) // what is only announced is not all set aside
	}
	if _, err := body.ReadFrom(io.LimitReader(r, int64(most)+1)); err != nil {
		return nil, err
	}
	if body.Len() > most {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return body.Bytes(), nil
}

// Parameters are strings, booleans and numbers (json.Number once decoded) by name.
type Parameters map[string]any

// UnmarshalJSON refuses values of other types.
func (p *Parameters) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var all map[string]any
	if err := dec.Decode(&all); err != nil {
		return err
	}
	for name, v := range all {
		switch v.(type) {
		case string, bool, json.Number:
		default:
			return malformed("parameter %.40q must be a string, a number or a boolean", name)
		}
	}
	*p = all
	return nil
}

// Int gives a whole number, or false where there is none of that name.
func (p Parameters) Int(name string) (n int64, ok bool, err error) {
	v, ok := p[name]
	if !ok {
		return 0, false, nil
	}
	number, is := v.(json.Number)
	if !is {
		return 0, true, malformed("parameter %.40q is not a number", name)
	}
	if n, err = number.Int64(); err != nil {
		return 0, true, malformed("parameter %.40q is %.40q, must be a whole number", name, number)
	}
	return n, true, nil
}

// Float gives a finite number, or false where there is none of that name.
func (p Parameters) Float(name string) (x float64, ok bool, err error) {
	v, ok := p[name]
	if !ok {
		return 0, false, nil
	}
	number, is := v.(json.Number)
	if !is {
		return 0, true, malformed("parameter %.40q is not a number", name)
	}
	if x, err = number.Float64(); err != nil || math.IsInf(x, 0) {
		return 0, true, malformed("parameter %.40q is out of range", name)
	}
	return x, true, nil
}

// Text gives a string, empty where there is none of that name.
func (p Parameters) Text(name string) (string, error) {
	v, ok := p[name]
	s, is := v.(string)
	if ok && !is {
		return "", malformed("parameter %.40q is not a string", name)
	}
	return s, nil
}

// ServerMetadata answers GET v2.
type ServerMetadata struct {
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Extensions []string   `json:"extensions"`
	Parameters Parameters `json:"parameters,omitempty"`
}

// ModelMetadata answers GET v2/models/NAME.
type ModelMetadata struct {
	Name       string           `json:"name"`
	Versions   []string         `json:"versions,omitempty"`
	Platform   string           `json:"platform"`
	Inputs     []TensorMetadata `json:"inputs"`
	Outputs    []TensorMetadata `json:"outputs"`
	Parameters Parameters       `json:"parameters,omitempty"`
}

// TensorMetadata is a tensor without its data; a dimension of -1 varies.
type TensorMetadata struct {
	Name     string   `json:"name"`
	Datatype Datatype `json:"datatype"`
	Shape    []int64  `json:"shape"`
}

// RepositoryRequest is the body of POST v2/repository/models/NAME/load and unload. For a load, the parameter "config" is
// a JSON object as a string, and one named "file:PATH" a file of the model in base64.
type RepositoryRequest struct {
	Parameters Parameters `json:"parameters,omitempty"`
}

// ErrorResponse is the body of every answer that is no success.
type ErrorResponse struct {
	Error string `json:"error"`
}
