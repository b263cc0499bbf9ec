package oip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

const (
	// maxKeys bounds the keys of an object, and so the parameters.
	maxKeys = 64
	// maxText bounds a name, an id and a parameter that is a string.
	maxText = 1024
)

// parseRequest reads a request's JSON piece by piece: a hostile one must not take more than its length, however often it
// repeats what is small in JSON and large in memory.
func parseRequest(head []byte, l Limits) (*wireRequest, error) {
	p := parser{json.NewDecoder(bytes.NewReader(head)), l}
	p.dec.UseNumber()
	var r wireRequest
	inputs := false
	err := p.object("the request", func(key string) (err error) {
		switch key {
		case "id":
			r.ID, err = p.text(key)
		case "parameters":
			r.Parameters, err = p.parameters()
		case "inputs":
			inputs = true
			err = p.array(key, l.tensors(), func() error {
				t, err := p.input()
				r.Inputs = append(r.Inputs, t)
				return err
			})
		case "outputs":
			err = p.array(key, l.tensors(), func() error {
				o, err := p.output()
				r.Outputs = append(r.Outputs, o)
				return err
			})
		case "model_name", "model_version": // which KServe's client sends: the path names the model
			err = p.skip()
		default:
			err = unknownKey("the request", key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return nil, malformed("more follows the request's JSON")
	}
	if !inputs {
		return nil, malformed("the request has no \"inputs\"")
	}
	return &r, nil
}

// parser reads JSON by tokens.
type parser struct {
	dec    *json.Decoder
	limits Limits
}

func (p *parser) token() (json.Token, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, malformed("the JSON is cut off or not valid: %v", err)
	}
	return t, nil
}

// object reads an object, whose values field reads. null is an object without keys.
func (p *parser) object(what string, field func(key string) error) error {
	switch t, err := p.token(); {
	case err != nil:
		return err
	case t == nil:
		return nil
	case t != json.Delim('{'):
		return malformed("%s must be a JSON object", what)
	}
	seen := map[string]bool{}
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // nothing else is a key
		switch {
		case len(seen) == maxKeys:
			return fmt.Errorf("%w: %s has more than %d keys", ErrTooLarge, what, maxKeys)
		case len(key) > maxText:
			return fmt.Errorf("%w: a key of %s has more than %d bytes", ErrTooLarge, what, maxText)
		case seen[key]:
			return malformed("%s has %.80q twice", what, key)
		}
		seen[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// array reads an array of at most so many, whose elements element reads. null is an empty array.
func (p *parser) array(what string, most int, element func() error) error {
	switch t, err := p.token(); {
	case err != nil:
		return err
	case t == nil:
		return nil
	case t != json.Delim('['):
		return malformed("%q must be a JSON array", what)
	}
	for n := 0; p.dec.More(); n++ {
		if n == most {
			return fmt.Errorf("%w: %q has more than %d elements", ErrTooLarge, what, most)
		}
		if err := element(); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// text reads a string. null is an empty one.
func (p *parser) text(what string) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	switch {
	case !ok && t != nil:
		return "", malformed("%q must be a string", what)
	case len(s) > maxText:
		return "", fmt.Errorf("%w: %q has %d bytes, must be at most %d", ErrTooLarge, what, len(s), maxText)
	}
	return s, nil
}

// unknownKey refuses what would change nothing: it may be the name of something that was asked for, mistyped.
func unknownKey(of, key string) error {
	return malformed("%s has the key %.40q, which is not known", of, key)
}

// skip passes over a value.
func (p *parser) skip() error {
	_, err := p.raw()
	return err
}

// raw reads a value as it is.
func (p *parser) raw() (json.RawMessage, error) {
	var raw json.RawMessage
	if err := p.dec.Decode(&raw); err != nil {
		return nil, malformed("the JSON is cut off or not valid: %v", err)
	}
	return raw, nil
}

func (p *parser) parameters() (Parameters, error) {
	var all Parameters
	err := p.object("parameters", func(key string) error {
		t, err := p.token()
		if err != nil {
			return err
		}
		switch v := t.(type) {
		case bool, json.Number:
		case string:
			if len(v) > maxText {
				return fmt.Errorf("%w: parameter %.40q has %d bytes, must be at most %d", ErrTooLarge, key, len(v), maxText)
			}
		default:
			return malformed("parameter %.40q must be a string, a number or a boolean", key)
		}
		if all == nil {
			all = Parameters{}
		}
		all[key] = t
		return nil
	})
	return all, err
}

func (p *parser) input() (t wireTensor, err error) {
	err = p.object("an input", func(key string) (err error) {
		switch key {
		case "name":
			t.Name, err = p.text(key)
		case "datatype":
			var d string
			d, err = p.text(key)
			t.Datatype = Datatype(d)
		case "shape":
			err = p.array(key, maxRank, func() error {
				token, err := p.token()
				if err != nil {
					return err
				}
				number, _ := token.(json.Number)
				n, err := number.Int64()
				if err != nil || int64(int(n)) != n {
					return malformed("a dimension must be a whole number")
				}
				t.Shape = append(t.Shape, int(n))
				return nil
			})
		case "parameters":
			t.Parameters, err = p.parameters()
		case "data":
			if t.Data, err = p.raw(); string(t.Data) == "null" {
				t.Data = nil
			}
		default:
			err = unknownKey("an input", key)
		}
		return err
	})
	return t, err
}

func (p *parser) output() (o RequestedOutput, err error) {
	err = p.object("an output", func(key string) (err error) {
		switch key {
		case "name":
			o.Name, err = p.text(key)
		case "parameters":
			o.Parameters, err = p.parameters()
		default:
			err = unknownKey("an output", key)
		}
		return err
	})
	return o, err
}
