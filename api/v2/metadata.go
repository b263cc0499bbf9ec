package v2

import (
	"net/http"
	"slices"

	"github.com/spikeray/spikeray/internal/oip"
	"github.com/spikeray/spikeray/internal/pipeline"
	"github.com/spikeray/spikeray/pkg/model"
)

// platform names what runs the models, as PROJECT_FORMAT.
const platform = "spikeray_safetensors"

// Names of the inputs. A request has one of them.
const (
	inputFile   = "image"  // picture files
	inputPixels = "pixels" // prepared pictures
)

// output is one that a model has.
type output struct {
	name     string
	datatype oip.Datatype
	width    int // elements of a picture
	// fill adds a picture's elements to the tensor's.
	fill func(*oip.Tensor, *Outcome)
}

// outputs are those of a model, in the order in which they are answered.
func outputs(d *model.Description) []output {
	all := []output{
		{"probability", oip.FP64, 1, float(func(p *pipeline.Prediction) float64 { return p.Probability })},
		{"raw_probability", oip.FP64, 1, float(func(p *pipeline.Prediction) float64 { return p.RawProbability })},
		{"logits", oip.FP32, len(d.Labels), fillLogits},
		{"label", oip.Bytes, 1, fillLabel},
		{"threshold", oip.FP64, 1, float(func(p *pipeline.Prediction) float64 { return p.Threshold })},
	}
	if spikes(d) {
		all = append(all,
			output{"steps", oip.Uint64, 1, whole(func(p *pipeline.Prediction) uint64 { return uint64(p.Steps) })},
			output{"spikes", oip.Uint64, 1, whole(func(p *pipeline.Prediction) uint64 { return p.Spikes.Total })},
			output{"synaptic_operations", oip.Uint64, 1, whole(func(p *pipeline.Prediction) uint64 { return p.Spikes.SynapticOperations })})
	}
	return append(all, output{"answer", oip.Bytes, 1, fillAnswer})
}

// spikes tells models that have neurons.
func spikes(d *model.Description) bool {
	return slices.ContainsFunc(d.Layers, func(l model.Layer) bool { return l.Type == "neurons" })
}

func (h *Handler) server(w http.ResponseWriter, _ *http.Request) error {
	write(w, http.StatusOK, oip.ServerMetadata{
		Name: "spikeray", Version: h.Version,
		Extensions: []string{oip.BinaryTensorData, oip.ModelConfiguration, oip.Statistics, oip.ModelRepository, oip.SchedulePolicy},
	})
	return nil
}

func (h *Handler) metadata(w http.ResponseWriter, _ *http.Request, e *pipeline.Entry) error {
	d := e.Description()
	p := d.Preparation
	m := oip.ModelMetadata{
		Name: d.Name, Versions: h.versions(d.Name), Platform: platform,
		Inputs: []oip.TensorMetadata{
			{Name: inputFile, Datatype: oip.Bytes, Shape: []int64{-1, 1}},
			{Name: inputPixels, Datatype: oip.Uint8, Shape: []int64{-1, int64(p.Height), int64(p.Width)}},
		},
		Parameters: oip.Parameters{"digest": e.Digest(), "notice": e.Notice()},
	}
	for _, o := range outputs(d) {
		m.Outputs = append(m.Outputs, oip.TensorMetadata{Name: o.name, Datatype: o.datatype, Shape: []int64{-1, int64(o.width)}})
	}
	write(w, http.StatusOK, m)
	return nil
}

// versions are those of a model that answer, the one that answers who names none first.
func (h *Handler) versions(name string) []string {
	var all []string
	for _, e := range h.Service.Versions(name) {
		all = append(all, e.Description().Version)
	}
	return all
}

// configuration is the part of Triton's ModelConfig that a client can use.
type configuration struct {
	Name          string               `json:"name"`
	Platform      string               `json:"platform"`
	Backend       string               `json:"backend"`
	VersionPolicy versionPolicy        `json:"version_policy"`
	MaxBatchSize  int                  `json:"max_batch_size"`
	Input         []configuredTensor   `json:"input"`
	Output        []configuredTensor   `json:"output"`
	Parameters    map[string]parameter `json:"parameters"`
}

type versionPolicy struct {
	Specific struct {
		Versions []string `json:"versions"`
	} `json:"specific"`
}

// configuredTensor is a tensor without its dimension of pictures.
type configuredTensor struct {
	Name     string `json:"name"`
	DataType string `json:"data_type"`
	Dims     []int  `json:"dims"`
	Optional bool   `json:"optional,omitempty"`
}

type parameter struct {
	Value string `json:"string_value"`
}

// typeNames are those of Triton's configuration.
var typeNames = map[oip.Datatype]string{
	oip.Bytes: "TYPE_STRING", oip.Uint8: "TYPE_UINT8", oip.Uint64: "TYPE_UINT64", oip.FP32: "TYPE_FP32", oip.FP64: "TYPE_FP64",
}

func (h *Handler) configuration(w http.ResponseWriter, _ *http.Request, e *pipeline.Entry) error {
	d := e.Description()
	p := d.Preparation
	c := configuration{
		Name: d.Name, Platform: platform, Backend: e.Backend(), MaxBatchSize: h.MaxPictures,
		Input: []configuredTensor{ // either is optional where the other is there
			{inputFile, typeNames[oip.Bytes], []int{1}, true},
			{inputPixels, typeNames[oip.Uint8], []int{p.Height, p.Width}, true},
		},
		Parameters: map[string]parameter{"kernel": {e.Kernel()}, "digest": {e.Digest()}, "positive": {d.Positive}},
	}
	c.VersionPolicy.Specific.Versions = h.versions(d.Name)
	for _, o := range outputs(d) {
		c.Output = append(c.Output, configuredTensor{Name: o.name, DataType: typeNames[o.datatype], Dims: []int{o.width}})
	}
	write(w, http.StatusOK, c)
	return nil
}
