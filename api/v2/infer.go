package v2

import (
	"net/http"
	"strconv"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
)

// rawLength is the value of [oip.HeaderLength] of a body that is a picture's file and nothing else.
const rawLength = "0"

// request is an inference as it is asked for.
type request struct {
	id      string
	outputs []wanted
}

// wanted is an output that is asked for.
type wanted struct {
	output
	binary bool
}

func (h *Handler) infer(w http.ResponseWriter, r *http.Request, e *pipeline.Entry) error {
	if r.URL.RawQuery != "" {
		return refuse(Parameter, "an inference takes no query; its parameters belong into \"parameters\" of the request's JSON")
	}
	if len(r.Header[http.CanonicalHeaderKey(oip.HeaderLength)]) > 1 {
		return refuse(Malformed, "the request has the header %s more than once", oip.HeaderLength)
	}
	var asked request
	outcomes, err := h.Service.Predict(w, r, e, func(body []byte, options pipeline.Options) (*Question, error) {
		q := &Question{Options: options}
		var err error
		if header := r.Header.Get(oip.HeaderLength); header == rawLength {
			err = asked.raw(body, e, q)
		} else {
			err = asked.read(body, header, e, q, h.Config)
		}
		if err != nil {
			return nil, err
		}
		for i, p := range q.Pictures {
			if n := int64(len(p.File)); n > h.MaxPictureBytes {
				return nil, refuse(TooLarge, "picture %d of %d has %d bytes, must be at most %d", i+1, len(q.Pictures), n, h.MaxPictureBytes)
			}
		}
		return q, q.Options.Check(e.Description())
	})
	if err != nil {
		return err
	}
	for i, o := range outcomes {
		if o.Err != nil {
			return &PictureError{i + 1, len(outcomes), o.Err}
		}
	}
	return asked.answer(w, e, outcomes)
}

// Memory is how many bytes reading a request takes beside its body, which is only known once a body of length has come.
func Memory(r *http.Request, length int) int64 {
	switch header := r.Header.Get(oip.HeaderLength); header {
	case rawLength:
		return 0
	case "":
		return 3 * int64(length)
	default:
		n, err := strconv.ParseUint(header, 10, 31)
		if err != nil {
			return 0 // it is refused
		}
		return 3 * min(int64(n), int64(length))
	}
}

// raw takes the body for a picture. All outputs are answered, as bytes.
func (a *request) raw(body []byte, e *pipeline.Entry, q *Question) error {
	q.Pictures = []Picture{{File: body}}
	for _, o := range outputs(e.Description()) {
		a.outputs = append(a.outputs, wanted{o, true})
	}
	return nil
}

// read reads the request's JSON and tensors.
func (a *request) read(body []byte, header string, e *pipeline.Entry, q *Question, c Config) error {
	p := e.Description().Preparation
	m, err := oip.DecodeRequest(body, header, oip.Limits{
		JSON: int(c.MaxBytes), Tensors: 32, Elements: c.MaxPictures, Numbers: c.MaxPictures * p.Width * p.Height * oip.FP32.Size(),
	})
	if err != nil {
		if header == "" && len(body) > 0 && body[0] != '{' {
			return refuse(Malformed, "the body is neither JSON nor told apart from it: a body that is a picture's file needs the header %s: %s",
				oip.HeaderLength, rawLength)
		}
		return err
	}
	a.id = m.ID
	binary, err := readParameters(m.Parameters, q)
	if err != nil {
		return err
	}
	if a.outputs, err = choose(outputs(e.Description()), m.Outputs, binary); err != nil {
		return err
	}
	if q.Pictures, err = readInputs(m.Inputs, p.Width, p.Height, c.MaxPictures); err != nil {
		return err
	}
	if m.Inputs[0].Name == inputPixels && q.Options.Bits != 0 {
		return refuse(Parameter, "parameter bits is for files: pictures that come prepared have 8 bits")
	}
	return nil
}

// choose finds the outputs that are asked for; none means all. binary is the form of those that say none.
func choose(has []output, asked []oip.RequestedOutput, binary bool) ([]wanted, error) {
	var all []wanted
	if len(asked) == 0 {
		for _, o := range has {
			all = append(all, wanted{o, binary})
		}
		return all, nil
	}
	for _, a := range asked {
		w := wanted{binary: binary}
		for _, o := range has {
			if o.name == a.Name {
				w.output = o
			}
		}
		if w.fill == nil {
			names := make([]string, len(has))
			for i, o := range has {
				names[i] = o.name
			}
			return nil, refuse(Parameter, "the model has no output %.40q; its outputs are %q", a.Name, names)
		}
		for _, other := range all {
			if other.name == a.Name {
				return nil, refuse(Parameter, "output %.40q is asked for twice", a.Name)
			}
		}
		for name, v := range a.Parameters {
			switch name {
			case "binary_data":
				var ok bool
				if w.binary, ok = v.(bool); !ok {
					return nil, refuse(Parameter, "binary_data of output %s must be true or false", a.Name)
				}
			case "classification":
				return nil, refuse(Parameter, "the classification extension is not spoken: ask for the outputs label, probability and logits")
			default:
				return nil, unknownParameter("output "+a.Name, name)
			}
		}
		all = append(all, w)
	}
	return all, nil
}

// answer writes the outcomes, all of which are answers.
func (a *request) answer(w http.ResponseWriter, e *pipeline.Entry, outcomes []Outcome) error {
	m := oip.InferResponse{
		ModelName: e.Name(), ModelVersion: e.Description().Version, ID: a.id, Parameters: responseParameters(e, outcomes),
	}
	binary := false
	for _, o := range a.outputs {
		t := oip.Tensor{Name: o.name, Datatype: o.datatype, Shape: []int{len(outcomes), o.width}, AsJSON: !o.binary}
		for i := range outcomes {
			o.fill(&t, &outcomes[i])
		}
		m.Outputs = append(m.Outputs, t)
		binary = binary || o.binary
	}
	body, length, err := m.Encode()
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	if binary {
		head.Set("Content-Type", "application/octet-stream")
		head.Set(oip.HeaderLength, length)
	}
	head.Set("Cache-Control", "no-store")
	head.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the error means that the client has left
	return nil
}
