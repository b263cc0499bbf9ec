package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/selfdigest"
	"github.com/spikeray/spikeray/internal/strictjson"
)

// Limits of a file; docs/MODEL_FILE.md lists them.
const (
	MaxFileBytes   = 64 << 20
	maxHeaderBytes = 1 << 20
	maxTensors     = 2 * maxLayers
)

// widths is the bytes of an element, by dtype.
var widths = map[string]int64{"F32": 4, "I8": 1}

// tensor is one entry of a safetensors header.
type tensor struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// container is a parsed safetensors file: 8 bytes of header length (little-endian), the header (JSON), the data.
// See the format's description by its authors, github.com/huggingface/safetensors.
type container struct {
	description  string
	tensors      map[string]tensor
	header, data []byte // the header with its length before it
}

func openContainer(file []byte) (*container, error) {
	if len(file) > MaxFileBytes {
		return nil, formatError("file", "%d bytes, must be at most %d", len(file), MaxFileBytes)
	}
	if len(file) < 8 {
		return nil, formatError("file", "%d bytes are too few for a safetensors file", len(file))
	}
	n := binary.LittleEndian.Uint64(file)
	if n > maxHeaderBytes || n > uint64(len(file)-8) {
		return nil, formatError("header", "its length is given as %d bytes, but %d bytes follow and at most %d are allowed", n, len(file)-8, maxHeaderBytes)
	}
	c := &container{header: file[:8+n], data: file[8+n:]}
	var err error
	if c.description, c.tensors, err = parseHeader(file[8 : 8+n]); err != nil {
		return nil, err
	}
	return c, c.check()
}

// parseHeader reads the header entry by entry: a map would hide a name that is given twice.
func parseHeader(header []byte) (description string, tensors map[string]tensor, err error) {
	if err := strictjson.CheckText(header); err != nil {
		return "", nil, formatError("header", "%v", err)
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return "", nil, formatError("header", "not a JSON object")
	}
	tensors = map[string]tensor{}
	var metadata map[string]string
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return "", nil, formatError("header", "%v", err)
		}
		name := key.(string)
		if _, twice := tensors[name]; twice || name == "__metadata__" && metadata != nil {
			return "", nil, formatError("header", "%.80q is given twice", name)
		}
		var entry json.RawMessage
		if err := dec.Decode(&entry); err != nil {
			return "", nil, formatError("header", "%v", err)
		}
		if name == "__metadata__" {
			if err := strictjson.Decode(entry, &metadata); err != nil {
				return "", nil, formatError("__metadata__", "not an object of strings: %v", err)
			}
			continue
		}
		var t tensor
		if err := strictjson.Decode(entry, &t); err != nil {
			return "", nil, formatError("header", "tensor %.80q: %v", name, err)
		}
		if len(tensors) == maxTensors {
			return "", nil, formatError("header", "more than %d tensors", maxTensors)
		}
		tensors[name] = t
	}
	if _, err := dec.Token(); err != nil {
		return "", nil, formatError("header", "%v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return "", nil, formatError("header", "there is more after the JSON object")
	}
	description, ok := metadata["spikeray"]
	if !ok {
		return "", nil, formatError("__metadata__", "has no key spikeray: this is not a spikeray model")
	} else if len(metadata) != 1 {
		return "", nil, formatError("__metadata__", "must have the one key spikeray, has %d keys", len(metadata))
	}
	return description, tensors, nil
}

// check makes sure that each tensor's size matches its shape, and that the tensors fill the data without gaps.
func (c *container) check() error {
	names := make([]string, 0, len(c.tensors))
	for name := range c.tensors {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := c.tensors[a].Offsets[0] - c.tensors[b].Offsets[0]; d != 0 {
			return int(d>>63) | 1
		}
		return strings.Compare(a, b)
	})
	var end int64
	for _, name := range names {
		t := c.tensors[name]
		field := "tensor " + name[:min(len(name), 80)]
		width, ok := widths[t.DType]
		if !ok {
			return formatError(field, "dtype is %.16q, must be F32 or I8", t.DType)
		}
		size := int64(1)
		if len(t.Shape) > 4 {
			return formatError(field, "%d dimensions", len(t.Shape))
		}
		for _, n := range t.Shape {
			if n < 1 || n > maxWeights {
				return formatError(field, "shape %v", t.Shape)
			}
			if size *= n; size > maxWeights {
				return formatError(field, "shape %v has more than %d elements", t.Shape, maxWeights)
			}
		}
		if t.Offsets[0] != end || t.Offsets[1] != end+width*size {
			return formatError(field, "data_offsets are %v, expected [%d %d]", t.Offsets, end, end+width*size)
		}
		end = t.Offsets[1]
	}
	if end != int64(len(c.data)) {
		return formatError("file", "the tensors end at byte %d of %d bytes of data", end, len(c.data))
	}
	return nil
}

// checkDigest compares the file with the SHA-256 in its description. The digits must occur in the header exactly once, so
// that it is clear where to put the zeros.
func (c *container) checkDigest(said string) error {
	if err := selfdigest.Check(said, c.header, c.data); err != nil {
		return formatError("file_sha256", "%v", err)
	}
	return nil
}

// take returns a tensor's bytes. Each tensor can be taken once.
func (c *container) take(name, dtype string, shape []int) ([]byte, error) {
	t, ok := c.tensors[name]
	if !ok {
		return nil, formatError("tensor "+name[:min(len(name), 80)], "is not in the file, or is used twice")
	}
	fits := len(t.Shape) == len(shape)
	for i := range min(len(t.Shape), len(shape)) {
		fits = fits && t.Shape[i] == int64(shape[i])
	}
	if !fits || t.DType != dtype {
		return nil, formatError("tensor "+name, "%s of shape %v, expected %s of shape %v", t.DType, t.Shape, dtype, shape)
	}
	delete(c.tensors, name)
	return c.data[t.Offsets[0]:t.Offsets[1]], nil
}

func (c *container) int8s(name string, shape ...int) ([]int8, error) {
	raw, err := c.take(name, "I8", shape)
	out := make([]int8, len(raw))
	for i, b := range raw {
		out[i] = int8(b)
	}
	return out, err
}

func (c *container) float32s(name string, shape ...int) ([]float32, error) {
	raw, err := c.take(name, "F32", shape)
	if err != nil {
		return nil, err
	}
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		if v := float64(out[i]); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, formatError("tensor "+name, "element %d is %v", i, v)
		}
	}
	return out, nil
}
