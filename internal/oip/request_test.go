package oip

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// BYTES travel in JSON as strings, and behind it with their lengths in front (Binary Tensor Data Extension).
func TestBytes(t *testing.T) {
	elements := [][]byte{[]byte("PNEUMONIA"), {}, []byte("a\"b")}
	in := Tensor{Name: "x", Datatype: Bytes, Shape: []int{3, 1}, Elements: elements}
	body, _, err := (&InferRequest{Inputs: []Tensor{in}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if tail := "\x09\x00\x00\x00PNEUMONIA\x00\x00\x00\x00\x03\x00\x00\x00a\"b"; !strings.HasSuffix(string(body), tail) {
		t.Errorf("%q does not end with %q", body, tail)
	}
	for _, asJSON := range []bool{false, true} {
		in.AsJSON = asJSON
		body, header, err := (&InferRequest{Inputs: []Tensor{in}}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		r, err := DecodeRequest(body, header, Limits{Elements: 3})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(elements, r.Inputs[0].Elements); diff != "" {
			t.Error(diff)
		}
		if _, err := DecodeRequest(body, header, Limits{Elements: 2}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("three elements where two are taken: %v", err)
		}
		if _, err := DecodeRequest(body, header, Limits{}); !errors.Is(err, ErrDatatype) {
			t.Errorf("BYTES where none are taken: %v", err)
		}
	}
	in.Elements = [][]byte{{0xff}, {}, {}}
	if _, _, err := (&InferRequest{Inputs: []Tensor{in}}).Encode(); !errors.Is(err, ErrMessage) {
		t.Errorf("what is not UTF-8, in JSON: %v", err)
	}
}

func TestMalformedRequests(t *testing.T) {
	bytesOf := func(shape, data string) string {
		head := `{"inputs":[{"name":"x","datatype":"BYTES","shape":` + shape + `,"parameters":{"binary_data_size":` + itoa(len(data)) + `}}]}`
		return head + data
	}
	input := func(s string) string { return `{"inputs":[{"name":"x",` + s + `}]}` }
	for name, c := range map[string]struct {
		body, header string
		want         error
	}{
		"no inputs":           {`{"id":"1"}`, "", ErrMessage},
		"an array":            {`[]`, "", ErrMessage},
		"two objects":         {`{"inputs":[]}{"inputs":[]}`, "", ErrMessage},
		"a key twice":         {`{"inputs":[],"inputs":[]}`, "", ErrMessage},
		"inputs no array":     {`{"inputs":{}}`, "", ErrMessage},
		"an input no object":  {`{"inputs":[1]}`, "", ErrMessage},
		"an id that is none":  {`{"inputs":[],"id":1}`, "", ErrMessage},
		"a long id":           {`{"inputs":[],"id":"` + strings.Repeat("a", 2000) + `"}`, "", ErrTooLarge},
		"a long parameter":    {`{"inputs":[],"parameters":{"a":"` + strings.Repeat("a", 2000) + `"}}`, "", ErrTooLarge},
		"a list as parameter": {`{"inputs":[],"parameters":{"a":[1]}}`, "", ErrMessage},
		"a fraction in shape": {input(`"shape":[1.5],"datatype":"UINT8","data":[1]`), "", ErrMessage},
		"a word in shape":     {input(`"shape":["1"],"datatype":"UINT8","data":[1]`), "", ErrMessage},
		"cut off":             {`{"inputs":[{"name":"x","shape":[1`, "", ErrMessage},
		"an unknown key":      {`{"inputs":[],"parametrs":{"steps":1}}`, "", ErrMessage},
		"one of an input":     {input(`"shape":[1],"datatype":"UINT8","data":[1],"contents":{}`), "", ErrMessage},
		"one of an output":    {`{"inputs":[],"outputs":[{"name":"x","classification":2}]}`, "", ErrMessage},
		"many inputs":         {`{"inputs":[{},{},{}]}`, "", ErrTooLarge},
		"many outputs":        {`{"inputs":[],"outputs":[{},{},{}]}`, "", ErrTooLarge},
		"shared memory":       {input(`"shape":[1],"datatype":"UINT8","parameters":{"shared_memory_region":"a"}`), "", ErrMessage},
		"numbers as BYTES":    {input(`"shape":[1],"datatype":"BYTES","data":[1]`), "", ErrMessage},
		"BYTES no array":      {input(`"shape":[1],"datatype":"BYTES","data":"a"`), "", ErrMessage},
		"many numbers":        {input(`"shape":[65],"datatype":"UINT8","data":[1]`), "", ErrTooLarge},
		"null as UINT8":       {input(`"shape":[1],"datatype":"UINT8","data":[null]`), "", ErrMessage},
		"element cut off":     {bytesOf(`[1]`, "\x05\x00\x00\x00abc"), "behind", ErrMessage},
		"element enormous":    {bytesOf(`[1]`, "\xff\xff\xff\xffabc"), "behind", ErrMessage},
		"length cut off":      {bytesOf(`[2]`, "\x01\x00\x00\x00abc"), "behind", ErrMessage},
		"one too many":        {bytesOf(`[1]`, "\x00\x00\x00\x00\x00\x00\x00\x00"), "behind", ErrMessage},
	} {
		if c.header == "behind" {
			c.header = itoa(strings.LastIndex(c.body, "}]}") + 3)
		}
		if _, err := DecodeRequest([]byte(c.body), c.header, Limits{Tensors: 2, Elements: 4, Numbers: 64}); !errors.Is(err, c.want) || !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// What is small in JSON and large in memory is refused before it takes more than the JSON did.
func TestRequestsTakeNoMoreThanTheirLength(t *testing.T) {
	const size = 4 << 20
	for name, body := range map[string]string{
		"inputs":     `{"inputs":[` + strings.Repeat("{},", size/3) + `{}]}`,
		"outputs":    `{"outputs":[` + strings.Repeat("{},", size/3) + `{}]}`,
		"parameters": `{"parameters":{` + strings.Repeat(`"a":1,`, size/6) + `"b":1}}`,
		"shape":      `{"inputs":[{"shape":[` + strings.Repeat("1,", size/2) + `1]}]}`,
		"elements":   `{"inputs":[{"name":"x","datatype":"BYTES","shape":[16],"data":[` + strings.Repeat(`"",`, size/3) + `""]}]}`,
		"nesting":    `{"inputs":[{"x":` + strings.Repeat("[", size) + `}]}`,
		"a number":   `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[` + strings.Repeat("1", size) + `]}]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := DecodeRequest([]byte(body), "", Limits{JSON: 2 * size, Tensors: 32, Elements: 16, Numbers: 1 << 20})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
		// All that was ever allocated, which is more than was there at a time: the body's copy for the call, a buffer that grew, and data.
		if took := after.TotalAlloc - before.TotalAlloc; took > 8*size {
			t.Errorf("%s: %d bytes were allocated for %d", name, took, len(body))
		}
	}
}
