package oip

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Datatype is the type of a tensor's elements.
type Datatype string

// The datatypes. The elements of BYTES differ in size; those of the others do not.
const (
	Bool   Datatype = "BOOL"
	Uint8  Datatype = "UINT8"
	Uint16 Datatype = "UINT16"
	Uint32 Datatype = "UINT32"
	Uint64 Datatype = "UINT64"
	Int8   Datatype = "INT8"
	Int16  Datatype = "INT16"
	Int32  Datatype = "INT32"
	Int64  Datatype = "INT64"
	FP16   Datatype = "FP16" // as binary data only
	FP32   Datatype = "FP32"
	FP64   Datatype = "FP64"
	Bytes  Datatype = "BYTES"
)

var sizes = map[Datatype]int{
	Bool: 1, Uint8: 1, Uint16: 2, Uint32: 4, Uint64: 8, Int8: 1, Int16: 2, Int32: 4, Int64: 8, FP16: 2, FP32: 4, FP64: 8,
}

// Size is the bytes of an element, 0 for BYTES and for a type that is not known.
func (d Datatype) Size() int { return sizes[d] }

const (
	maxRank = 16
	// maxNumber bounds the JSON of a number with what separates it from the next, on average.
	maxNumber = 128
)

// Tensor is a named array, row-major.
type Tensor struct {
	Name       string
	Datatype   Datatype
	Shape      []int
	Parameters Parameters // without binary_data_size
	Data       []byte     // little-endian, as in the binary extension; nil for BYTES
	Elements   [][]byte   // of BYTES. In JSON they are strings
	// AsJSON puts the elements into the JSON when the tensor is encoded, instead of behind it.
	AsJSON bool
}

// bytes gives the size of the data that the shape asks for; for BYTES, the number of elements.
func (t *Tensor) bytes() (int, error) {
	size := t.Datatype.Size()
	if t.Datatype == Bytes {
		size = 1
	}
	if size == 0 {
		return 0, fmt.Errorf("%w %.40q of tensor %.80q is not known", ErrDatatype, t.Datatype, t.Name)
	}
	if len(t.Shape) > maxRank {
		return 0, malformed("tensor %.80q has %d dimensions, must be at most %d", t.Name, len(t.Shape), maxRank)
	}
	for _, n := range t.Shape {
		if n < 0 {
			return 0, malformed("tensor %.80q has a dimension of %d", t.Name, n)
		}
		if n > 0 && size > math.MaxInt32/n {
			return 0, fmt.Errorf("%w: tensor %.80q of shape %v", ErrTooLarge, t.Name, t.Shape)
		}
		size *= n
	}
	return size, nil
}

type wireTensor struct {
	Name       string          `json:"name"`
	Shape      []int           `json:"shape"`
	Datatype   Datatype        `json:"datatype"`
	Parameters Parameters      `json:"parameters,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
}

const (
	sizeParameter   = "binary_data_size"
	sharedParameter = "shared_memory_region" // of an extension that is not spoken
)

func (t *Tensor) encode() (wireTensor, error) {
	w := wireTensor{Name: t.Name, Shape: t.Shape, Datatype: t.Datatype, Parameters: t.Parameters}
	size, err := t.bytes()
	if err != nil {
		return w, err
	}
	has, unit := len(t.Data), "bytes"
	if t.Datatype == Bytes {
		has, unit = len(t.Elements), "elements"
	}
	if size != has {
		return w, malformed("tensor %.80q has %d %s, but shape %v of %s needs %d", t.Name, has, unit, t.Shape, t.Datatype, size)
	}
	if w.Shape == nil {
		w.Shape = []int{}
	}
	if t.AsJSON {
		if t.Datatype == Bytes {
			w.Data, err = t.strings()
		} else {
			w.Data, err = t.numbers()
		}
		return w, err
	}
	if t.Datatype == Bytes {
		size = prefixed(t.Elements)
	}
	w.Parameters = Parameters{sizeParameter: size}
	for name, v := range t.Parameters {
		w.Parameters[name] = v
	}
	return w, nil
}

// decode takes the tensor's data out of its JSON, or off the front of binary, and returns what is left of that.
func (w *wireTensor) decode(rest []byte, l Limits) (t Tensor, left []byte, err error) {
	t = Tensor{Name: w.Name, Datatype: w.Datatype, Shape: w.Shape, Parameters: w.Parameters}
	want, err := t.bytes()
	if err != nil {
		return t, nil, err
	}
	if t.Datatype == Bytes && want > l.Elements {
		if l.Elements == 0 {
			return t, nil, fmt.Errorf("%w BYTES of tensor %.80q is not taken here", ErrDatatype, t.Name)
		}
		return t, nil, fmt.Errorf("%w: tensor %.80q has %d elements, must be at most %d", ErrTooLarge, t.Name, want, l.Elements)
	}
	if _, elsewhere := w.Parameters[sharedParameter]; elsewhere {
		return t, nil, malformed("tensor %.80q is said to be in shared memory; shared memory is not supported: send tensors in the body", t.Name)
	}
	size, behind, err := w.Parameters.Int(sizeParameter)
	switch {
	case err != nil:
		return t, nil, err
	case behind == (w.Data != nil):
		return t, nil, malformed("tensor %.80q must have its data exactly once, in the JSON or after it", t.Name)
	case !behind:
		t.AsJSON = true
		switch {
		case t.Datatype == Bytes:
			t.Elements, err = parseStrings(w.Data, want)
		case l.Numbers > 0 && want > l.Numbers:
			err = fmt.Errorf("%w: its data is %d bytes, must be at most %d in JSON", ErrTooLarge, want, l.Numbers)
		default:
			t.Data, err = parseNumbers(w.Data, t.Datatype, want)
		}
		if err != nil {
			err = fmt.Errorf("tensor %.80q: %w", t.Name, err)
		}
		return t, rest, err
	case t.Datatype == Bytes:
		if size < 0 || size > int64(len(rest)) {
			return t, nil, malformed("tensor %.80q has %d bytes, but the body ends after %d", t.Name, size, len(rest))
		}
		delete(t.Parameters, sizeParameter)
		if t.Elements, err = parsePrefixed(rest[:size:size], want); err != nil {
			return t, nil, fmt.Errorf("tensor %.80q: %w", t.Name, err)
		}
		return t, rest[size:], nil
	case size != int64(want):
		return t, nil, malformed("tensor %.80q has %d bytes, but shape %v of %s needs %d", t.Name, size, t.Shape, t.Datatype, want)
	case want > len(rest):
		return t, nil, malformed("tensor %.80q has %d bytes, but the body ends after %d", t.Name, want, len(rest))
	}
	delete(t.Parameters, sizeParameter)
	t.Data = rest[:want:want]
	return t, rest[want:], nil
}

// numbers writes the data as a flat JSON array, in which NaN is null.
func (t *Tensor) numbers() ([]byte, error) {
	out := []byte{'['}
	size := t.Datatype.Size()
	for at := 0; at < len(t.Data); at += size {
		if at > 0 {
			out = append(out, ',')
		}
		e := t.Data[at:]
		switch t.Datatype {
		case Bool:
			out = strconv.AppendBool(out, e[0] != 0)
		case Uint8:
			out = strconv.AppendUint(out, uint64(e[0]), 10)
		case Uint16:
			out = strconv.AppendUint(out, uint64(binary.LittleEndian.Uint16(e)), 10)
		case Uint32:
			out = strconv.AppendUint(out, uint64(binary.LittleEndian.Uint32(e)), 10)
		case Uint64:
			out = strconv.AppendUint(out, binary.LittleEndian.Uint64(e), 10)
		case Int8:
			out = strconv.AppendInt(out, int64(int8(e[0])), 10)
		case Int16:
			out = strconv.AppendInt(out, int64(int16(binary.LittleEndian.Uint16(e))), 10)
		case Int32:
			out = strconv.AppendInt(out, int64(int32(binary.LittleEndian.Uint32(e))), 10)
		case Int64:
			out = strconv.AppendInt(out, int64(binary.LittleEndian.Uint64(e)), 10)
		case FP32, FP64:
			var v float64
			if t.Datatype == FP32 {
				v = float64(math.Float32frombits(binary.LittleEndian.Uint32(e)))
			} else {
				v = math.Float64frombits(binary.LittleEndian.Uint64(e))
			}
			switch {
			case math.IsNaN(v):
				out = append(out, "null"...)
			case math.IsInf(v, 0):
				return nil, malformed("tensor %.80q holds %v, which JSON cannot represent", t.Name, v)
			default:
				out = strconv.AppendFloat(out, v, 'g', -1, 8*size)
			}
		default:
			return nil, fmt.Errorf("%w %s of tensor %.80q cannot be sent as JSON", ErrDatatype, t.Datatype, t.Name)
		}
	}
	return append(out, ']'), nil
}

// parseNumbers reads an array, flat or nested, whose elements take want bytes.
func parseNumbers(raw []byte, d Datatype, want int) ([]byte, error) {
	switch n := want / d.Size(); {
	case n > len(raw): // an element is a byte of JSON at least
		return nil, malformed("fewer than %d elements", n)
	case len(raw)/maxNumber > n+1:
		return nil, fmt.Errorf("%w: %d bytes of JSON for %d numbers", ErrTooLarge, len(raw), n)
	}
	out := make([]byte, 0, want)
	err := elements(raw, want/d.Size(), func(v any) (err error) {
		out, err = appendElement(out, d, v)
		return err
	})
	return out, err
}

// elements gives each of an array, flat or nested, of so many.
func elements(raw []byte, want int, give func(any) error) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for depth, n := 0, 0; ; {
		token, err := dec.Token()
		if err == io.EOF {
			if n != want {
				return malformed("%d elements, expected %d", n, want)
			}
			return nil
		}
		if err != nil {
			return malformed("%v", err)
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '[' {
				depth++
			} else if v == ']' {
				depth--
			} else {
				return malformed("an object among the elements")
			}
			if depth > maxRank {
				return malformed("elements nested more than %d deep", maxRank)
			}
		default:
			if depth == 0 {
				return malformed("data is not an array")
			}
			if n == want {
				return malformed("more than %d elements", want)
			}
			n++
			if err := give(v); err != nil {
				return err
			}
		}
	}
}

func appendElement(out []byte, d Datatype, v any) ([]byte, error) {
	if v == nil && (d == FP32 || d == FP64) {
		v = json.Number("NaN")
	}
	if _, text := v.(string); v == nil || text {
		return nil, malformed("an element is not a valid %s", d)
	}
	if b, ok := v.(bool); ok != (d == Bool) {
		return nil, malformed("an element is not a valid %s", d)
	} else if ok {
		if b {
			return append(out, 1), nil
		}
		return append(out, 0), nil
	}
	text, bits := string(v.(json.Number)), 8*d.Size()
	var whole uint64
	var err error
	switch d {
	case FP32, FP64:
		var x float64
		if x, err = strconv.ParseFloat(text, bits); d == FP32 {
			whole = uint64(math.Float32bits(float32(x)))
		} else {
			whole = math.Float64bits(x)
		}
	case Uint8, Uint16, Uint32, Uint64:
		whole, err = strconv.ParseUint(text, 10, bits)
	case Int8, Int16, Int32, Int64:
		var n int64
		n, err = strconv.ParseInt(text, 10, bits)
		whole = uint64(n)
	default:
		return nil, fmt.Errorf("%w %s cannot be sent as JSON", ErrDatatype, d)
	}
	if err != nil {
		return nil, malformed("%.40q is not a valid %s", text, d)
	}
	for range d.Size() {
		out = append(out, byte(whole))
		whole >>= 8
	}
	return out, nil
}
