package model_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

type object = map[string]any

// referred is a gated model with a reference.
func referred(axis spike.Axis) parts {
	p := gated(axis)
	rate := func() object { return object{"sensitivity": 0.05, "specificity": 0.2} }
	p.description["reference"] = object{
		"measures": []object{
			{"name": "log_odds", "edges": []float64{-1, 1}, "counts": [][]int{{90, 8, 2}, {5, 20, 275}}, "limit": 20},
			{"name": "gate_log_odds", "edges": []float64{8}, "counts": [][]int{{50, 50}, {100, 200}}},
			{"name": "format", "values": []string{"jpeg", "png"}, "counts": [][]int{{100, 0, 0}, {299, 1, 0}}},
		},
		"estimates": []object{{"operating_point": "screening", "confident": []float64{-0.5, 0.25}, "error": object{"cbpe": rate(), "atc": rate()}}},
	}
	return p
}

func TestReferenceIsRead(t *testing.T) {
	r := decode(t, referred(spike.Steps)).Description().Reference
	odds := r.Measure(model.LogOdds)
	if len(r.Measures) != 3 || odds == nil || odds.Edges[1] != 1 || odds.Counts[1][2] != 275 || *odds.Limit != 20 {
		t.Errorf("%+v", odds)
	}
	if f := r.Measure(model.Format); f.Values[1] != "png" || f.Limit != nil || f.Edges != nil {
		t.Errorf("%+v", f)
	}
	if e := r.Estimate("screening"); e == nil || e.Confident != [2]float64{-0.5, 0.25} || e.Error.ATC.Specificity != 0.2 {
		t.Errorf("%+v", e)
	}
	if r.Measure(model.Size) != nil || r.Estimate("balanced") != nil {
		t.Error("what is not there was found")
	}
	if decode(t, gated(spike.Steps)).Description().Reference != nil {
		t.Error("a reference out of nothing")
	}
}

func TestDecodeRefusesSpoiledReferences(t *testing.T) {
	measure := func(d object, i int) object { return d["reference"].(object)["measures"].([]object)[i] }
	estimate := func(d object) object { return d["reference"].(object)["estimates"].([]object)[0] }
	long := make([]float64, 32)
	counts := make([]int, 33)
	for i := range long {
		long[i], counts[i] = float64(i), 1
	}
	for field, spoils := range map[string][]func(d object){
		"reference.measures": {
			func(d object) { d["reference"].(object)["measures"] = []object{} },
		},
		"reference.measures.name": {
			func(d object) { measure(d, 0)["name"] = "sharpness" },
			func(d object) { measure(d, 1)["name"] = "log_odds" },
		},
		"reference.measures.edges": {
			func(d object) { measure(d, 0)["edges"] = []float64{1, 1} },
			func(d object) { measure(d, 0)["edges"] = []float64{1, -1} },
			func(d object) { measure(d, 0)["edges"] = []float64{-1, 1e39} },
			func(d object) { measure(d, 0)["edges"] = []float64{} },
			func(d object) { measure(d, 0)["edges"], measure(d, 0)["counts"] = long, [][]int{counts, counts} },
			func(d object) { delete(measure(d, 0), "edges") },
			func(d object) { measure(d, 0)["values"] = []string{"a", "b"} },
			func(d object) { measure(d, 2)["edges"] = []float64{1, 2} },
			func(d object) { delete(measure(d, 2), "values") },
		},
		"reference.measures.values": {
			func(d object) { measure(d, 2)["values"] = []string{"jpeg", "jpeg"} },
			func(d object) { measure(d, 2)["values"] = []string{"jpeg", "a b"} },
		},
		"reference.measures.counts": {
			func(d object) { measure(d, 0)["counts"] = [][]int{{90, 8}, {5, 20, 275}} },
			func(d object) { measure(d, 0)["counts"] = [][]int{{0, 0, 0}, {5, 20, 275}} },
			func(d object) { measure(d, 0)["counts"] = [][]int{{90, 8, -2}, {5, 20, 275}} },
			func(d object) { measure(d, 0)["counts"] = [][]int{{90, 8, 1 << 32}, {5, 20, 275}} },
		},
		"reference.measures.limit": {
			func(d object) { measure(d, 0)["limit"] = 0 },
			func(d object) { measure(d, 0)["limit"] = 1e39 },
		},
		"reference.estimates": {
			func(d object) { d["reference"].(object)["estimates"] = []object{} },
			func(d object) { measure(d, 0)["name"] = "contrast" },
			func(d object) { delete(d, "calibration") },
		},
		"reference.estimates.operating_point": {
			func(d object) { estimate(d)["operating_point"] = "none" },
			func(d object) { estimate(d)["operating_point"] = "" },
			func(d object) {
				d["reference"].(object)["estimates"] = []object{estimate(d), estimate(d)}
			},
		},
		"reference.estimates.confident": {
			func(d object) { estimate(d)["confident"] = []float64{-1, 1e39} },
		},
		"reference.estimates.error": {
			func(d object) { estimate(d)["error"].(object)["atc"].(object)["sensitivity"] = 1.5 },
			func(d object) { estimate(d)["error"].(object)["cbpe"].(object)["specificity"] = -0.5 },
		},
		"description": {
			func(d object) { d["reference"] = nil },
			func(d object) { measure(d, 0)["counts"] = [][]int{{90, 8, 2}} },
			func(d object) { measure(d, 0)["counts"] = [][]float64{{90, 8, 2.5}, {5, 20, 275}} },
			func(d object) { measure(d, 0)["more"] = 1 },
			func(d object) { delete(estimate(d), "confident") },
			func(d object) { delete(estimate(d)["error"].(object), "atc") },
		},
	} {
		for i, spoil := range spoils {
			p := referred(spike.Steps)
			spoil(p.description)
			_, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{})
			var bad *model.FormatError
			if !errors.As(err, &bad) || bad.Field != field {
				t.Errorf("%s, %d: %v", field, i, err)
			}
		}
	}
	p := small(spike.Steps)
	p.description["reference"] = object{"measures": referred(spike.Steps).description["reference"].(object)["measures"].([]object)[1:2]}
	if _, err := model.Decode(t.Context(), p.file(), model.DecodeOptions{}); err == nil || !strings.Contains(err.Error(), "gate") {
		t.Errorf("a gate's measure without a gate: %v", err)
	}
}

func TestReferenceIsToldAsItWasRead(t *testing.T) {
	want := decode(t, referred(spike.Rows)).Description().Reference
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	p := referred(spike.Rows)
	p.description["reference"] = json.RawMessage(text)
	again, err := json.Marshal(decode(t, p).Description().Reference)
	if err != nil || string(again) != string(text) {
		t.Errorf("%s\n%s, %v", text, again, err)
	}
}
