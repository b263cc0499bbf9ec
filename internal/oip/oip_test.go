package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocumentedExample decodes the example of the binary tensor extension's own text, a request of two inputs, one in
// JSON and one as bytes.
func TestDocumentedExample(t *testing.T) {
	head := `{"model_name":"mymodel","inputs":[` +
		`{"name":"input0","shape":[2,2],"datatype":"UINT32","parameters":{"binary_data_size":16}},` +
		`{"name":"input1","shape":[3],"datatype":"BOOL","parameters":{"binary_data_size":3}}],` +
		`"outputs":[{"name":"output0","parameters":{"binary_data":true}}]}`
	data := "\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00" + "\x01\x00\x01"
	r, err := DecodeRequest([]byte(head+data), itoa(len(head)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := &InferRequest{
		Inputs: []Tensor{
			{Name: "input0", Datatype: Uint32, Shape: []int{2, 2}, Parameters: Parameters{}, Data: []byte(data[:16])},
			{Name: "input1", Datatype: Bool, Shape: []int{3}, Parameters: Parameters{}, Data: []byte(data[16:])},
		},
		Outputs: []RequestedOutput{{Name: "output0", Parameters: Parameters{"binary_data": true}}},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestJSONData(t *testing.T) {
	for _, c := range []struct {
		datatype Datatype
		data     string
		want     []byte
	}{
		{Uint8, `[[1,2],[3,255]]`, []byte{1, 2, 3, 255}},
		{Int16, `[-1,2,-32768,32767]`, []byte{255, 255, 2, 0, 0, 128, 255, 127}},
		{Bool, `[true,[false],true,false]`, []byte{1, 0, 1, 0}},
		{FP32, `[1,0.5,-2e0,0]`, []byte{0, 0, 128, 63, 0, 0, 0, 63, 0, 0, 0, 192, 0, 0, 0, 0}},
		{Int64, `[0,-1,9223372036854775807,1]`, append(append(make([]byte, 8), 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 127), 1, 0, 0, 0, 0, 0, 0, 0)},
		{FP64, `[1,1,1,1]`, []byte(strings.Repeat("\x00\x00\x00\x00\x00\x00\xf0\x3f", 4))},
	} {
		r, err := DecodeRequest([]byte(`{"inputs":[{"name":"x","shape":[2,2],"datatype":"`+string(c.datatype)+`","data":`+c.data+`}]}`), "", Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.datatype, err)
			continue
		}
		if diff := cmp.Diff(c.want, r.Inputs[0].Data); diff != "" {
			t.Errorf("%s: %s", c.datatype, diff)
		}
		body, header, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeRequest(body, header, Limits{})
		if err != nil || !cmp.Equal(r, again) {
			t.Errorf("%s: %s is read as another request: %v", c.datatype, body, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	tensor := func(s string) string { return `{"model_name":"m","outputs":[{"name":"x",` + s + `}]}` }
	for name, c := range map[string]struct {
		body, header string
		want         error
	}{
		"no JSON":              {"spikes", "", ErrMessage},
		"nothing":              {"", "", ErrMessage},
		"cut off":              {`{"model_name":"m","outp`, "", ErrMessage},
		"header beyond body":   {"{}", "3", ErrMessage},
		"header negative":      {"{}", "-1", ErrMessage},
		"header no number":     {"{}", "two", ErrMessage},
		"header enormous":      {"{}", "99999999999999999999", ErrMessage},
		"behind the end":       {`{"outputs":[]}x`, "14", ErrMessage},
		"unknown type":         {tensor(`"shape":[1],"datatype":"SPIKE","data":[1]`), "", ErrDatatype},
		"bytes":                {tensor(`"shape":[1],"datatype":"BYTES","data":["a"]`), "", ErrDatatype},
		"half in JSON":         {tensor(`"shape":[1],"datatype":"FP16","data":[1]`), "", ErrDatatype},
		"negative dimension":   {tensor(`"shape":[-1],"datatype":"UINT8","data":[]`), "", ErrMessage},
		"enormous":             {tensor(`"shape":[65536,65536],"datatype":"UINT8","data":[]`), "", ErrTooLarge},
		"overflow":             {tensor(`"shape":[4611686018427387904,8],"datatype":"UINT8","data":[]`), "", ErrTooLarge},
		"more than announced":  {tensor(`"shape":[1000000],"datatype":"UINT8","data":[1]`), "", ErrMessage},
		"too many dimensions":  {tensor(`"shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"datatype":"UINT8","data":[1]`), "", ErrMessage},
		"no data":              {tensor(`"shape":[1],"datatype":"UINT8"`), "", ErrMessage},
		"data twice":           {tensor(`"shape":[1],"datatype":"UINT8","data":[1],"parameters":{"binary_data_size":1}`), "", ErrMessage},
		"another size":         {tensor(`"shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":2}`) + "ab", itoa(len(tensor(`"shape":[1],"datatype":"UINT8","parameters":{"binary_data_size":2}`))), ErrMessage},
		"a smaller size":       {tensor(`"shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":1}`) + "ab", itoa(len(tensor(`"shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":1}`))), ErrMessage},
		"half sent":            {tensor(`"shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}`) + "a", itoa(len(tensor(`"shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2}`))), ErrMessage},
		"size no number":       {tensor(`"shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":"2"}`), "", ErrMessage},
		"size no whole number": {tensor(`"shape":[2],"datatype":"UINT8","parameters":{"binary_data_size":2.5}`), "", ErrMessage},
		"out of range":         {tensor(`"shape":[1],"datatype":"UINT8","data":[256]`), "", ErrMessage},
		"fraction":             {tensor(`"shape":[1],"datatype":"INT32","data":[1.5]`), "", ErrMessage},
		"too few":              {tensor(`"shape":[2],"datatype":"UINT8","data":[256]`), "", ErrMessage},
		"too many":             {tensor(`"shape":[2],"datatype":"UINT8","data":[1,2,3]`), "", ErrMessage},
		"a string":             {tensor(`"shape":[1],"datatype":"UINT8","data":["1"]`), "", ErrMessage},
		"an object":            {tensor(`"shape":[1],"datatype":"UINT8","data":[{"a":1}]`), "", ErrMessage},
		"a number":             {tensor(`"shape":[1],"datatype":"UINT8","data":1`), "", ErrMessage},
		"a number as bool":     {tensor(`"shape":[1],"datatype":"BOOL","data":[1]`), "", ErrMessage},
		"a bool as number":     {tensor(`"shape":[1],"datatype":"UINT8","data":[true]`), "", ErrMessage},
		"nested parameter":     {`{"outputs":[],"parameters":{"a":{"b":1}}}`, "", ErrMessage},
		"long JSON":            {`{"id":"` + strings.Repeat("a", 2000) + `"}`, "", ErrTooLarge},
		"many tensors":         {`{"outputs":[{},{},{},{},{}]}`, "", ErrTooLarge},
	} {
		if _, err := DecodeResponse([]byte(c.body), c.header, Limits{JSON: 1000, Tensors: 4}); !errors.Is(err, c.want) || !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, tensor := range map[string]Tensor{
		"short":   {Datatype: Uint8, Shape: []int{2}, Data: []byte{1}},
		"unknown": {Datatype: "BYTES", Shape: []int{1}, Data: []byte{1}},
		"not JSON's": {Datatype: FP64, Shape: []int{1}, AsJSON: true, Data: func() []byte {
			b := math.Float64bits(math.Inf(1))
			return []byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24), byte(b >> 32), byte(b >> 40), byte(b >> 48), byte(b >> 56)}
		}()},
		"half in JSON": {Datatype: FP16, Shape: []int{1}, AsJSON: true, Data: []byte{0, 0}},
	} {
		if _, _, err := (&InferResponse{Outputs: []Tensor{tensor}}).Encode(); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		size int64
		most int
		ok   bool
	}{{5, 5, true}, {-1, 5, true}, {-1, 4, false}, {5, 4, false}, {1 << 40, 5, false}, {2, 5, true}} {
		body, err := Read(strings.NewReader("spike"), c.size, c.most)
		if c.ok && (err != nil || string(body) != "spike") || !c.ok && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%+v: %q, %v", c, body, err)
		}
	}
}

func TestParameters(t *testing.T) {
	var p Parameters
	if err := json.Unmarshal([]byte(`{"n":9007199254740993,"x":0.25,"big":1e999,"s":"a","b":true}`), &p); err != nil {
		t.Fatal(err)
	}
	if n, ok, err := p.Int("n"); n != 9007199254740993 || !ok || err != nil {
		t.Error(n, ok, err)
	}
	if x, ok, err := p.Float("x"); x != 0.25 || !ok || err != nil {
		t.Error(x, ok, err)
	}
	if s, err := p.Text("s"); s != "a" || err != nil {
		t.Error(s, err)
	}
	if _, ok, err := p.Float("none"); ok || err != nil {
		t.Error(ok, err)
	}
	_, _, fraction := p.Int("x")
	_, _, word := p.Float("s")
	_, _, infinite := p.Float("big")
	_, truth := p.Text("b")
	for _, err := range []error{fraction, word, infinite, truth} {
		if !errors.Is(err, ErrMessage) {
			t.Error(err)
		}
	}
}

// FuzzDecode: whatever comes is refused as the protocol's error, or is a message that encodes to the same message.
func FuzzDecode(f *testing.F) {
	body, header, err := (&InferResponse{ModelName: "m", ID: "1", Parameters: Parameters{"energy_joules": 0.5}, Outputs: []Tensor{
		{Name: "out", Datatype: Uint8, Shape: []int{2, 3}, Data: make([]byte, 6)},
		{Name: "json", Datatype: FP32, Shape: []int{1}, Data: make([]byte, 4), AsJSON: true},
	}}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, header)
	f.Add([]byte(`{"id":"1","inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":["a",["b"]]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`), "")
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}]}`+"\x03\x00\x00\x00abc\x00\x00\x00\x00"), "91")
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[2,2],"datatype":"INT64","data":[[1,2],[3,-4]]}]}`), "")
	f.Fuzz(func(t *testing.T, body []byte, header string) {
		if r, err := DecodeResponse(body, header, Limits{}); err == nil {
			again, header, err := r.Encode()
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			back, err := DecodeResponse(again, header, Limits{JSON: math.MaxInt32})
			if err != nil {
				t.Fatal(err)
			}
			for i := range r.Outputs {
				if string(r.Outputs[i].Data) != string(back.Outputs[i].Data) {
					t.Fatalf("%v is read as %v", r.Outputs[i], back.Outputs[i])
				}
			}
		} else if !errors.Is(err, ErrMessage) {
			t.Fatal(err)
		}
		if r, err := DecodeRequest(body, header, Limits{Elements: 16}); err == nil {
			again, header, err := r.Encode()
			if err != nil {
				if !errors.Is(err, ErrMessage) { // strings that JSON cannot hold came as bytes
					t.Fatal(err)
				}
				return
			}
			back, err := DecodeRequest(again, header, Limits{JSON: math.MaxInt32, Elements: 16})
			if err != nil {
				t.Fatalf("%v in %s", err, again)
			}
			for i := range r.Inputs {
				if string(r.Inputs[i].Data) != string(back.Inputs[i].Data) || !slices.EqualFunc(r.Inputs[i].Elements, back.Inputs[i].Elements, bytes.Equal) {
					t.Fatalf("%v is read as %v", r.Inputs[i], back.Inputs[i])
				}
			}
		} else if !errors.Is(err, ErrMessage) {
			t.Fatal(err)
		}
	})
}
