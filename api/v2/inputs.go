package v2

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/oip"
)

// readInputs makes pictures of a request's input: files, or prepared pictures of such a size.
func readInputs(inputs []oip.Tensor, width, height, most int) ([]Picture, error) {
	if len(inputs) != 1 {
		return nil, refuse(Malformed, "the request has %d inputs; it must have one, %q or %q", len(inputs), inputFile, inputPixels)
	}
	t := &inputs[0]
	for name, v := range t.Parameters {
		if name != "content_type" || v != "base64" || t.Datatype != oip.Bytes || !t.AsJSON {
			return nil, unknownParameter("input "+t.Name, name)
		}
	}
	var pictures []Picture
	var err error
	switch t.Name {
	case inputFile:
		pictures, err = files(t)
	case inputPixels:
		pictures, err = prepared(t, width, height, most)
	default:
		return nil, refuse(Malformed, "there is no input %.40q; a request has one, %q or %q", t.Name, inputFile, inputPixels)
	}
	switch {
	case err != nil:
		return nil, err
	case len(pictures) == 0:
		return nil, refuse(Malformed, "input %s of shape %v has no picture", t.Name, t.Shape)
	case len(pictures) > most:
		return nil, refuse(TooLarge, "input %s has %d pictures, must be at most %d", t.Name, len(pictures), most)
	}
	return pictures, nil
}

// files takes each element of BYTES for a picture's file; or a vector of UINT8, as clients of DALI send it, for one.
func files(t *oip.Tensor) ([]Picture, error) {
	shape := t.Shape
	if t.Datatype == oip.Uint8 {
		if len(shape) == 2 && shape[0] == 1 || len(shape) == 1 {
			return []Picture{{File: t.Data}}, nil
		}
		return nil, refuse(Malformed, "input %s of UINT8 has shape %v; it must be one file, [n] or [1, n]", t.Name, shape)
	}
	if t.Datatype != oip.Bytes {
		return nil, refuse(Malformed, "input %s is of %.20q, must be BYTES: picture files", t.Name, t.Datatype)
	}
	if !(len(shape) == 1 || len(shape) == 2 && shape[1] == 1) {
		return nil, refuse(Malformed, "input %s has shape %v, must be [pictures, 1] or [pictures]", t.Name, shape)
	}
	pictures := make([]Picture, len(t.Elements))
	for i, e := range t.Elements {
		if t.AsJSON {
			file, err := base64.StdEncoding.AppendDecode(nil, e)
			if err != nil {
				return nil, refuse(Malformed, "element %d of input %s is not base64, as files must be in JSON", i, t.Name)
			}
			e = file
		}
		pictures[i].File = e
	}
	return pictures, nil
}

// prepared takes a tensor's values for the greys of prepared pictures.
func prepared(t *oip.Tensor, width, height, most int) ([]Picture, error) {
	n, ok := batchOf(t.Shape, width, height)
	switch {
	case !ok:
		return nil, refuse(Malformed, "input %s has shape %v, must be [pictures, %d, %d], height before width", t.Name, t.Shape, height, width)
	case n > most:
		return nil, refuse(TooLarge, "input %s has %d pictures, must be at most %d", t.Name, n, most)
	}
	pixels := t.Data
	switch t.Datatype {
	case oip.Uint8:
	case oip.FP32:
		pixels = make([]uint8, n*width*height)
		for i := range pixels {
			v := math.Float32frombits(binary.LittleEndian.Uint32(t.Data[i*4:]))
			if pixels[i] = uint8(min(max(v, 0), math.MaxUint8)); float32(pixels[i]) != v { // NaN is no number's equal
				return nil, refuse(Malformed, "element %d of input %s is %v, must be a whole number from 0 to 255: the greys before they are divided by the model's scale",
					i, t.Name, v)
			}
		}
	default:
		return nil, refuse(Malformed, "input %s is of %.20q, must be UINT8 or FP32", t.Name, t.Datatype)
	}
	pictures := make([]Picture, n)
	for i := range pictures {
		pictures[i].Pixels = pixels[i*width*height:][:width*height]
	}
	return pictures, nil
}

// batchOf is the number of pictures of such a size in a shape: [H, W], or [N, H, W], where a dimension of one channel may stand
// before or behind height and width.
func batchOf(shape []int, width, height int) (int, bool) {
	is := func(tail ...int) bool { return slices.Equal(shape[1:], tail) }
	switch {
	case slices.Equal(shape, []int{height, width}):
		return 1, true
	case len(shape) < 3:
		return 0, false
	}
	return shape[0], is(height, width) || is(1, height, width) || is(height, width, 1)
}

// unknownParameter refuses a parameter of a part of the request. What is an extension that is not spoken is called by its name.
func unknownParameter(of, name string) error {
	if strings.HasPrefix(name, "shared_memory_") {
		return refuse(Parameter, "shared memory is not supported: send and take tensors in the body (%s)", of)
	}
	return refuse(Parameter, "%.60s has the parameter %.40q, which is not known", of, name)
}
