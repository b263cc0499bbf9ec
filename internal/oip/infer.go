package oip

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// InferRequest is the body of POST v2/models/NAME/infer.
type InferRequest struct {
	ID         string
	Parameters Parameters
	Inputs     []Tensor
	// Outputs names the outputs that the client asks for; none means all.
	Outputs []RequestedOutput
}

// RequestedOutput asks for an output tensor, as binary data where the parameter binary_data is true.
type RequestedOutput struct {
	Name       string     `json:"name"`
	Parameters Parameters `json:"parameters,omitempty"`
}

// InferResponse answers it.
type InferResponse struct {
	ModelName    string
	ModelVersion string
	ID           string
	Parameters   Parameters
	Outputs      []Tensor
}

type wireRequest struct {
	ID         string            `json:"id,omitempty"`
	Parameters Parameters        `json:"parameters,omitempty"`
	Inputs     []wireTensor      `json:"inputs"`
	Outputs    []RequestedOutput `json:"outputs,omitempty"`
}

type wireResponse struct {
	ModelName    string       `json:"model_name"`
	ModelVersion string       `json:"model_version,omitempty"`
	ID           string       `json:"id,omitempty"`
	Parameters   Parameters   `json:"parameters,omitempty"`
	Outputs      []wireTensor `json:"outputs"`
}

// Encode gives the body, and the value of its header [HeaderLength].
func (r *InferRequest) Encode() (body []byte, header string, err error) {
	w := wireRequest{ID: r.ID, Parameters: r.Parameters, Outputs: r.Outputs}
	if w.Inputs, err = wire(r.Inputs); err != nil {
		return nil, "", err
	}
	return join(w, r.Inputs)
}

// Encode gives the body, and the value of its header [HeaderLength].
func (r *InferResponse) Encode() (body []byte, header string, err error) {
	w := wireResponse{ModelName: r.ModelName, ModelVersion: r.ModelVersion, ID: r.ID, Parameters: r.Parameters}
	if w.Outputs, err = wire(r.Outputs); err != nil {
		return nil, "", err
	}
	return join(w, r.Outputs)
}

// DecodeRequest reads a body whose header [HeaderLength] is as given, empty where there was none: the body is all JSON
// then. Tensors share the body's memory. What it takes beside is at most three times the JSON, whatever that says. Errors
// wrap [ErrMessage].
func DecodeRequest(body []byte, header string, l Limits) (*InferRequest, error) {
	head, rest, err := split(body, header, l)
	if err != nil {
		return nil, err
	}
	w, err := parseRequest(head, l)
	if err != nil {
		return nil, err
	}
	r := &InferRequest{ID: w.ID, Parameters: w.Parameters, Outputs: w.Outputs}
	r.Inputs, err = tensors(w.Inputs, rest, l)
	return r, err
}

// DecodeResponse reads the answer's body by the same rules. It is for the answers of a server that was chosen, not for
// those of anybody: it takes what the JSON asks for.
func DecodeResponse(body []byte, header string, l Limits) (*InferResponse, error) {
	var w wireResponse
	head, rest, err := split(body, header, l)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(head, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	r := &InferResponse{ModelName: w.ModelName, ModelVersion: w.ModelVersion, ID: w.ID, Parameters: w.Parameters}
	r.Outputs, err = tensors(w.Outputs, rest, l)
	return r, err
}

func wire(all []Tensor) ([]wireTensor, error) {
	out := make([]wireTensor, len(all))
	for i := range all {
		var err error
		if out[i], err = all[i].encode(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func join(message any, all []Tensor) ([]byte, string, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, "", malformed("%v", err)
	}
	header := strconv.Itoa(len(body))
	for _, t := range all {
		if !t.AsJSON {
			body = append(body, t.Data...)
			body = appendPrefixed(body, t.Elements)
		}
	}
	return body, header, nil
}

// split parts a body into its JSON and the bytes behind it.
func split(body []byte, header string, l Limits) (head, rest []byte, err error) {
	length := len(body)
	if header != "" {
		n, err := strconv.ParseUint(header, 10, 31)
		if err != nil || int(n) > len(body) {
			return nil, nil, malformed("header %s is %.40q, but the body has %d bytes", HeaderLength, header, len(body))
		}
		length = int(n)
	}
	if length > l.json() {
		return nil, nil, fmt.Errorf("%w: %d bytes of JSON, must be at most %d", ErrTooLarge, length, l.json())
	}
	return body[:length], body[length:], nil
}

func tensors(all []wireTensor, rest []byte, l Limits) ([]Tensor, error) {
	if len(all) > l.tensors() {
		return nil, fmt.Errorf("%w: %d tensors, must be at most %d", ErrTooLarge, len(all), l.tensors())
	}
	out := make([]Tensor, len(all))
	for i := range all {
		var err error
		if out[i], rest, err = all[i].decode(rest, l); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, malformed("%d bytes follow the last tensor", len(rest))
	}
	return out, nil
}
