package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/pkg/spike"
)

// Which keys stand in an object whose fields depend on what it is: a layer, its start, the time. A struct's fields cannot
// tell a key that is missing from one that says 0 or "".
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

// keySet is the keys that must be in an object, and those that may, with spaces between.
type keySet struct{ wanted, allowed string }

func (s keySet) check(object map[string]json.RawMessage) error {
	wanted, allowed := strings.Fields(s.wanted), strings.Fields(s.allowed)
	for _, key := range wanted {
		if _, ok := object[key]; !ok {
			return fmt.Errorf("the key %q is missing", key)
		}
	}
	for key := range object {
		if !slices.Contains(wanted, key) && !slices.Contains(allowed, key) {
			return fmt.Errorf("the key %.80q is not one of it", key)
		}
	}
	for _, key := range []string{"weights", "scale", "bias"} {
		if string(object[key]) == `""` {
			return fmt.Errorf("%s names no tensor", key)
		}
	}
	return nil
}

// checkKeys holds the layers and the times of a description's text, which its struct has been read from, against the keys
// that they have. What is unknown altogether, the fields' own checks say.
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
			if err := keys.check(time); err != nil {
				return formatError("time", "%v", err)
			}
		}
	}
	for i := range a.layers {
		l := &a.layers[i]
		keys, ok := layerKeys[l.Type]
		if l.Type == "neurons" {
			keys, ok = neuronKeys[l.Model]
		}
		if !ok {
			continue
		}
		if err := keys.check(layers[i]); err != nil {
			return layerError(i, l, "type", "%v", err)
		}
		if l.Start == nil {
			continue
		}
		var start map[string]json.RawMessage
		if err := json.Unmarshal(layers[i]["start"], &start); err != nil {
			return layerError(i, l, "start", "%v", err)
		}
		if keys, ok := startKeys[l.Start.Kind]; ok {
			if err := keys.check(start); err != nil {
				return layerError(i, l, "start", "%v", err)
			}
		}
	}
	return nil
}
