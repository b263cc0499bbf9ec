package remote

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/spikeray/spikeray/pkg/spike"
)

// maxFileBytes is that of a model file; the weights of one fit.
const maxFileBytes = 64 << 20

// metadataKey is the key of the file's __metadata__ that holds the description.
const metadataKey = "spikeray_network"

// description is a network without its weights; the fields of layers are those of docs/MODEL_FILE.md.
type description struct {
	Format int        `json:"format"` // 1
	Axis   spike.Axis `json:"axis"`
	Steps  int        `json:"steps"`
	Exact  bool       `json:"exact,omitempty"`
	Input  [3]int     `json:"input"`
	Source layer      `json:"source"`
	Layers []layer    `json:"layers"`
}

type layer struct {
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	Kernel    *[2]int        `json:"kernel,omitempty"`
	Pool      *[2]int        `json:"pool,omitempty"`
	Stride    *[2]int        `json:"stride,omitempty"`
	Padding   string         `json:"padding,omitempty"`
	Channels  int            `json:"channels,omitempty"`
	Units     int            `json:"units,omitempty"`
	Weights   string         `json:"weights,omitempty"` // names of tensors
	Scale     string         `json:"scale,omitempty"`
	Bias      string         `json:"bias,omitempty"`
	Model     spike.Dynamics `json:"model,omitempty"`
	DT        float32        `json:"dt,omitempty"`
	Threshold float32        `json:"threshold,omitempty"`
	Decay     float32        `json:"decay,omitempty"`
	Amplitude float32        `json:"amplitude,omitempty"`
	Reset     spike.Reset    `json:"reset,omitempty"`
	Most      int            `json:"most,omitempty"` // of the source alone
	Start     *start         `json:"start,omitempty"`
}

type start struct {
	Kind  spike.StartKind `json:"kind"`
	Value float32         `json:"value"`
	Seed  uint64          `json:"seed"`
}

type tensor struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// encodeNetwork writes a network that fits together as a safetensors file, always the same for the same network, and
// gives its digest, "sha256:" and 64 hex digits.
func encodeNetwork(n *spike.Network) (file []byte, digest string, err error) {
	d := description{Format: 1, Axis: n.Axis, Steps: n.Steps, Exact: n.Exact, Input: [3]int{n.Input.H, n.Input.W, n.Input.C}, Source: describeNeurons(n.Source)}
	header := map[string]any{}
	var data []byte
	add := func(i int, kind, dtype string, elements int, grow func([]byte) []byte) string {
		name := strconv.Itoa(i) + "." + kind
		from := len(data)
		data = grow(data)
		header[name] = tensor{dtype, []int{elements}, [2]int{from, len(data)}}
		return name
	}
	floats := func(i int, kind string, x []float32) string {
		return add(i, kind, "F32", len(x), func(data []byte) []byte {
			for _, v := range x {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
			}
			return data
		})
	}
	weigh := func(i int, l *layer, w *spike.Weights) {
		if w.Int8 != nil {
			l.Weights = add(i, "weights", "I8", len(w.Int8), func(data []byte) []byte {
				for _, v := range w.Int8 {
					data = append(data, byte(v))
				}
				return data
			})
			l.Scale = floats(i, "scale", w.Scale)
		} else {
			l.Weights = floats(i, "weights", w.Float32)
		}
		if w.Bias != nil {
			l.Bias = floats(i, "bias", w.Bias)
		}
	}
	for i, l := range n.Layers {
		var to layer
		switch l := l.(type) {
		case *spike.Conv2D:
			to = layer{Type: "conv2d", Kernel: &l.Kernel, Stride: &l.Stride, Padding: "valid", Channels: l.Channels}
			if l.Same {
				to.Padding = "same"
			}
			weigh(i, &to, &l.Weights)
		case *spike.Dense:
			to = layer{Type: "dense", Units: l.Units}
			weigh(i, &to, &l.Weights)
		case *spike.MaxPool2D:
			to = layer{Type: "max_pool2d", Pool: &l.Pool, Stride: &l.Stride}
		case *spike.Flatten:
			to = layer{Type: "flatten"}
		case *spike.Neurons:
			to = describeNeurons(l)
		}
		to.Name = l.Name()
		d.Layers = append(d.Layers, to)
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, "", fmt.Errorf("remote: describing the network: %w", err)
	}
	header["__metadata__"] = map[string]string{metadataKey: string(text)}
	head, err := json.Marshal(header)
	if err != nil {
		return nil, "", fmt.Errorf("remote: describing the network: %w", err)
	}
	if size := 8 + len(head) + len(data); size > maxFileBytes {
		return nil, "", fmt.Errorf("remote: the network has %d bytes, must be at most %d", size, maxFileBytes)
	}
	file = binary.LittleEndian.AppendUint64(make([]byte, 0, 8+len(head)+len(data)), uint64(len(head)))
	file = append(append(file, head...), data...)
	sum := sha256.Sum256(file)
	return file, "sha256:" + hex.EncodeToString(sum[:]), nil
}

func describeNeurons(n *spike.Neurons) layer {
	most := n.Most
	if most == 1 {
		most = 0 // as a file has it that does not say
	}
	return layer{
		Type: "neurons", Name: n.LayerName, Model: n.Dynamics, DT: n.DT, Threshold: n.Threshold, Decay: n.Decay, Amplitude: n.Amplitude,
		Reset: n.Reset, Start: &start{n.Start.Kind, n.Start.Value, n.Start.Seed}, Most: most,
	}
}
