package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/strictjson"
	"github.com/spikeray/spikeray/pkg/spike"
)

// Description is a model file's description of its model: the JSON of docs/MODEL_FILE.md.
type Description struct {
	Format      int             `json:"format"`
	Name        string          `json:"name"`
	Version     string          `json:"version"`
	Summary     string          `json:"summary"`
	Population  string          `json:"population,omitempty"` // whom the model is made for; answers carry it in their notice
	Ages        *[2]int         `json:"ages,omitempty"`       // the youngest and the oldest that it is made for, in whole years; nil if it does not say
	Labels      []string        `json:"labels"`
	Positive    string          `json:"positive"`
	Preparation Preparation     `json:"preparation"`
	Time        *Time           `json:"time,omitempty"`
	Layers      []Layer         `json:"layers"`
	Decision                    // for all steps
	Early       []Early         `json:"early,omitempty"` // for fewer steps, in ascending order
	Gate        *Gate           `json:"gate,omitempty"`
	Reference   *Reference      `json:"reference,omitempty"`
	Training    json.RawMessage `json:"training,omitempty"`
	FileSHA256  string          `json:"file_sha256"` // of the file with 0 for each of these 64 digits

}

// Preparation is how a picture becomes the network's input.
type Preparation struct {
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Resize string  `json:"resize"` // "bilinear_antialiased"
	Scale  float64 `json:"scale"`  // each pixel, 0 to 255, is divided by this
	// Window, if not nil, stretches the greys of the network's picture. The gate's picture stays as it is.
	Window *Window `json:"window,omitempty"`
	// ReducedDecoding allows a picture to be decoded at a fraction of its size, at least twice Width x Height. That is
	// faster, and moves a pixel of the network's picture by a fraction of a grey level.
	ReducedDecoding bool `json:"reduced_decoding,omitempty"`
}

// Time is the axis along which a spiking network's time runs.
type Time struct {
	Axis  spike.Axis `json:"axis"`
	Steps int        `json:"steps,omitempty"`
}

// Layer is one layer; which fields it has depends on its type.
type Layer struct {
	Type      string         `json:"type"`
	Name      string         `json:"name"`
	Kernel    *[2]int        `json:"kernel,omitempty"`
	Pool      *[2]int        `json:"pool,omitempty"`
	Stride    *[2]int        `json:"stride,omitempty"`
	Padding   string         `json:"padding,omitempty"`
	Channels  int            `json:"channels,omitempty"`
	Units     int            `json:"units,omitempty"`
	Weights   string         `json:"weights,omitempty"`
	Scale     string         `json:"scale,omitempty"` // there: the weights are whole numbers
	Bias      string         `json:"bias,omitempty"`
	Model     spike.Dynamics `json:"model,omitempty"`
	DT        float64        `json:"dt,omitempty"`
	Threshold float64        `json:"threshold,omitempty"`
	Decay     float64        `json:"decay,omitempty"`
	Amplitude float64        `json:"amplitude,omitempty"`
	Reset     spike.Reset    `json:"reset,omitempty"`
	Most      *int           `json:"most,omitempty"` // spikes in a step; nil is 1
	Start     *Start         `json:"start,omitempty"`
}

// Start is the voltages that a layer of neurons starts from.
type Start struct {
	Kind  spike.StartKind `json:"kind"`
	Value float64         `json:"value,omitempty"`
	Seed  uint64          `json:"seed,omitempty"`
}

// Limits of a description; docs/MODEL_FILE.md lists them.
const (
	maxLayers     = 256
	maxSide       = 1024
	maxWindow     = 31
	maxChannels   = 4096
	maxDenseIn    = 1 << 20
	maxWeights    = 1 << 24
	maxElements   = 1 << 24
	maxMACs       = 1 << 36
	maxLabels     = 64
	maxGateLabels = 16
	maxProvenance = 64 << 10
	maxDepth      = 64 // of objects and arrays in one another, in the provenance
	maxText       = 1024
	maxAge        = 150
)

var (
	namePattern    = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	versionPattern = regexp.MustCompile(`^[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}(-[0-9A-Za-z.-]{1,32})?$`)
	layerPattern   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]{0,63}$`)
	digestPattern  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// architecture is what a network is built from: the model's own, or its gate's.
type architecture struct {
	width, height int
	scale         float64
	labels        []string
	time          *Time
	layers        []Layer
}

func (d *Description) architecture() architecture {
	p := d.Preparation
	return architecture{width: p.Width, height: p.Height, scale: p.Scale, labels: d.Labels, time: d.Time, layers: d.Layers}
}

func parseDescription(text string) (*Description, error) {
	d := new(Description)
	if err := strictjson.Decode([]byte(text), d); err != nil {
		if strings.Contains(text, `"tensors_sha256":`) && !strings.Contains(text, `"file_sha256":`) {
			return nil, formatError("tensors_sha256", "written before version 1.3, when the digest left out the header: rewrite the file with `python -m spikeray reseal` (in training/)")
		}
		return nil, formatError("description", "%v", err)
	}
	if err := d.checkKeys(text); err != nil {
		return nil, err
	}
	return d, d.check()
}

func (d *Description) check() error {
	switch {
	case d.Format != 1:
		return formatError("format", "%d is unknown, this version reads only 1", d.Format)
	case !namePattern.MatchString(d.Name):
		return formatError("name", "%.80q does not match %s", d.Name, namePattern)
	case !versionPattern.MatchString(d.Version):
		return formatError("version", "%.80q is not a semantic version", d.Version)
	case len(d.Summary) > maxText || strings.ContainsFunc(d.Summary, unicode.IsControl):
		return formatError("summary", "must be one line of at most %d bytes", maxText)
	case len(d.Population) > maxText || strings.ContainsFunc(d.Population, unicode.IsControl):
		return formatError("population", "must be one line of at most %d bytes", maxText)
	case d.Ages != nil && (d.Ages[0] < 0 || d.Ages[1] > maxAge || d.Ages[0] > d.Ages[1]):
		return formatError("ages", "%d to %d, must be two numbers from 0 to %d, the lower first", d.Ages[0], d.Ages[1], maxAge)
	case !slices.Contains(d.Labels, d.Positive):
		return formatError("positive", "%.80q is not one of the labels", d.Positive)
	case len(d.Training) > maxProvenance:
		return formatError("training", "longer than %d bytes", maxProvenance)
	case len(d.Training) > 0 && bytes.TrimSpace(d.Training)[0] != '{':
		return formatError("training", "not a JSON object")
	case depth(d.Training) > maxDepth:
		return formatError("training", "nested deeper than %d", maxDepth)
	case !digestPattern.MatchString(d.FileSHA256):
		return formatError("file_sha256", "not 64 lower-case hexadecimal digits")
	}
	p := d.Preparation
	switch {
	case p.Width < 1 || p.Width > maxSide || p.Height < 1 || p.Height > maxSide:
		return formatError("preparation", "%d x %d, each side must be 1 to %d", p.Width, p.Height, maxSide)
	case p.Resize != "bilinear_antialiased":
		return formatError("preparation.resize", "%.80q is unknown", p.Resize)
	}
	if err := p.Window.check(); err != nil {
		return err
	}
	if err := checkScale("preparation.scale", p.Scale); err != nil {
		return err
	}
	a := d.architecture()
	if err := a.check(); err != nil {
		return err
	}
	if err := d.Decision.check(len(d.Labels)); err != nil {
		return err
	}
	if err := d.checkEarly(); err != nil {
		return err
	}
	if d.Reference != nil {
		if err := d.Reference.check(d); err != nil {
			return within("reference", err)
		}
	}
	if d.Gate == nil {
		return nil
	}
	if n := len(d.Layers) + len(d.Gate.Layers); n > maxLayers {
		return formatError("gate.layers", "%d together with the model's own, must be at most %d", n, maxLayers)
	}
	return d.Gate.check()
}

// depth is how many objects and arrays of a JSON value stand in one another.
func depth(value json.RawMessage) int {
	dec := json.NewDecoder(bytes.NewReader(value))
	deepest, now := 0, 0
	for {
		switch token, err := dec.Token(); {
		case err != nil:
			return deepest
		case token == json.Delim('{') || token == json.Delim('['):
			now++
			deepest = max(deepest, now)
		case token == json.Delim('}') || token == json.Delim(']'):
			now--
		}
	}
}

// checkScale checks the number that pixels are divided by.
func checkScale(field string, scale float64) error {
	if !(scale > 0 && scale <= math.MaxFloat32) || !(maxPixel/float64(float32(scale)) <= maxValue) {
		return formatError(field, "%v is not a number above 0, or makes pixels of more than %.3g", scale, float64(maxValue))
	}
	return nil
}

func (a *architecture) check() error {
	if len(a.labels) < 2 || len(a.labels) > maxLabels {
		return formatError("labels", "there are %d, must be 2 to %d", len(a.labels), maxLabels)
	}
	for i, l := range a.labels {
		if l == "" || len(l) > 64 || slices.Contains(a.labels[:i], l) {
			return formatError("labels", "%.80q is empty, too long or given twice", l)
		}
	}
	if t := a.time; t != nil {
		switch {
		case t.Axis != spike.Rows && t.Axis != spike.Steps:
			return formatError("time.axis", "%.80q is neither rows nor steps", t.Axis)
		case t.Axis == spike.Steps && (t.Steps < 1 || t.Steps > spike.MaxSteps):
			return formatError("time.steps", "%d, must be 1 to %d", t.Steps, spike.MaxSteps)
		}
	}
	if len(a.layers) < 1 || len(a.layers) > maxLayers {
		return formatError("layers", "there are %d, must be 1 to %d", len(a.layers), maxLayers)
	}
	seen := map[string]bool{}
	for i := range a.layers {
		l := &a.layers[i]
		if !layerPattern.MatchString(l.Name) || seen[l.Name] {
			return layerError(i, l, "name", "does not match %s, or is used twice", layerPattern)
		}
		seen[l.Name] = true
		if err := l.check(i); err != nil {
			return err
		}
	}
	return nil
}

func layerError(i int, l *Layer, field, reason string, args ...any) error {
	return formatError(fmt.Sprintf("layers[%d] %.64q %s", i, l.Name, field), reason, args...)
}

// check looks at the values of a layer's fields. Which fields it has, checkKeys has checked; whether it fits the layers before it is
// checked when it is built.
func (l *Layer) check(i int) error {
	window := func(field string, w *[2]int) error {
		if w == nil || min(w[0], w[1]) < 1 || max(w[0], w[1]) > maxWindow {
			return layerError(i, l, field, "must be two numbers from 1 to %d", maxWindow)
		}
		return nil
	}
	count := func(field string, n int) error {
		if n < 1 || n > maxChannels {
			return layerError(i, l, field, "%d, must be 1 to %d", n, maxChannels)
		}
		return nil
	}
	var err error
	first := func(errs ...error) {
		for _, e := range errs {
			if err == nil {
				err = e
			}
		}
	}
	switch l.Type {
	case "conv2d":
		first(window("kernel", l.Kernel), window("stride", l.Stride), count("channels", l.Channels))
		if l.Padding != "valid" && l.Padding != "same" {
			first(layerError(i, l, "padding", "%.80q is neither valid nor same", l.Padding))
		}
	case "dense":
		first(count("units", l.Units))
	case "max_pool2d", "average_pool2d":
		first(window("pool", l.Pool), window("stride", l.Stride))
	case "neurons":
		first(l.checkNeurons(i))
	case "flatten", "global_average_pool2d", "relu", "softmax":
	default:
		return layerError(i, l, "type", "%.80q is unknown", l.Type)
	}
	return err
}

func (l *Layer) checkNeurons(i int) error {
	if l.Start == nil {
		return layerError(i, l, "start", "is missing")
	}
	switch {
	case l.Most != nil && (*l.Most < 1 || *l.Most > kernel.MaxCount):
		return layerError(i, l, "most", "%d, must be 1 to %d", *l.Most, kernel.MaxCount)
	case l.Most != nil && *l.Most > 1 && (l.Threshold != 1 || l.Reset != spike.ResetBySubtraction):
		return layerError(i, l, "most", "%d, a number above 1 needs threshold 1 and reset %q", *l.Most, spike.ResetBySubtraction)
	}
	return nil
}
