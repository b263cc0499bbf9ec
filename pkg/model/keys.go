package model

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/pkg/spike"
)

// The keys of objects whose keys depend on their kind: layers, their starts, times. A struct's fields cannot tell a missing key
// from one that says 0 or "".
var (
	layerKeys = map[string]keySet{
		"conv2d":                {"type name kernel stride padding channels weights", "scale bias"},
		"dense":                 {"type name units weights", "scale bias"},
		"max_pool2d":            {"type name pool stride", ""},
		"average_pool2d":        {"type name pool stride", ""},
		"global_average_pool2d": {"type name", ""},
		"flatten":               {"type name", ""},
		"relu":                  {"type name", ""},
		"softmax":               {"type name", ""},
	}
	neuronKeys = map[spike.Dynamics]keySet{
		spike.SpikingReLU:           {"type name model dt start", ""},
		spike.IntegrateAndFire:      {"type name model threshold reset amplitude start", "most"},
		spike.LeakyIntegrateAndFire: {"type name model threshold reset amplitude decay start", "most"},
	}
	startKeys = map[spike.StartKind]keySet{spike.StartConstant: {"kind value", ""}, spike.StartUniform: {"kind seed", ""}}
	timeKeys  = map[spike.Axis]keySet{spike.Rows: {"axis", ""}, spike.Steps: {"axis steps", ""}}
)

// keySet is the keys that an object must have, and those that it may have, with spaces between.
type keySet struct{ required, optional string }

// check gives the first key that is wrong in an object of a kind, and what is wrong with it; "" if all are right.
func (s keySet) check(kind string, object map[string]json.RawMessage) (key, wrong string) {
	required, optional := strings.Fields(s.required), strings.Fields(s.optional)
	for _, key := range required {
		if _, ok := object[key]; !ok {
			return key, "is missing"
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(required, key) && !slices.Contains(optional, key) {
			return key, kind + " has no such key"
		}
	}
	for _, key := range []string{"weights", "scale", "bias"} {
		if string(object[key]) == `""` {
			return key, "names no tensor"
		}
	}
	return "", ""
}

// checkKeys checks which keys stand in the layers and times of the text that a description was read from. It passes over a layer
// or a time of an unknown kind: check says that it is unknown.
func (d *Description) checkKeys(text string) error {
	type network struct {
		Time   map[string]json.RawMessage
		Layers []map[string]json.RawMessage
	}
	var raw struct {
		network
		Gate *network
	}
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return formatError("description", "%v", err)
	}
	if err := d.architecture().checkKeys(raw.Time, raw.Layers); err != nil {
		return err
	}
	if d.Gate == nil {
		return nil
	}
	return within("gate", d.Gate.architecture().checkKeys(raw.Gate.Time, raw.Gate.Layers))
}

func (a architecture) checkKeys(time map[string]json.RawMessage, layers []map[string]json.RawMessage) error {
	if a.time != nil {
		if keys, ok := timeKeys[a.time.Axis]; ok {
			if key, wrong := keys.check("axis "+string(a.time.Axis), time); wrong != "" {
				return formatError("time."+key, "%s", wrong)
			}
		}
	}
	for i := range a.layers {
		l := &a.layers[i]
		keys, ok := layerKeys[l.Type]
		kind := l.Type
		if l.Type == "neurons" {
			keys, ok = neuronKeys[l.Model]
			kind = string(l.Model)
		}
		if !ok {
			continue
		}
		if key, wrong := keys.check(kind, layers[i]); wrong != "" {
			return layerError(i, l, key, "%s", wrong)
		}
		if l.Start == nil {
			continue
		}
		var start map[string]json.RawMessage
		if err := json.Unmarshal(layers[i]["start"], &start); err != nil {
			return layerError(i, l, "start", "%v", err)
		}
		if keys, ok := startKeys[l.Start.Kind]; ok {
			if key, wrong := keys.check(string(l.Start.Kind), start); wrong != "" {
				return layerError(i, l, "start."+key, "%s", wrong)
			}
		}
	}
	return nil
}
