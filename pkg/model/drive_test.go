package model_test

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/cpu"

	"github.com/spikeray/spikeray/internal/kernel"
	"github.com/spikeray/spikeray/internal/testmodel"
	"github.com/spikeray/spikeray/models"
	"github.com/spikeray/spikeray/pkg/model"
	"github.com/spikeray/spikeray/pkg/spike"
)

// overSteps is snnxray-int8 with other neurons, which are shown their currents for 11 steps.
func overSteps(t *testing.T, neurons map[string]any) []byte {
	t.Helper()
	file, err := models.Open("snnxray-int8")
	if err != nil {
		t.Fatal(err)
	}
	size := binary.LittleEndian.Uint64(file)
	var header map[string]any
	if err := json.Unmarshal(file[8:8+size], &header); err != nil {
		t.Fatal(err)
	}
	var description map[string]any
	if err := json.Unmarshal([]byte(header["__metadata__"].(map[string]any)["spikeray"].(string)), &description); err != nil {
		t.Fatal(err)
	}
	description["time"] = map[string]any{"axis": "steps", "steps": 11}
	var layers []any
	for _, l := range description["layers"].([]any) {
		l := l.(map[string]any)
		if l["type"] == "flatten" {
			break
		}
		if l["type"] == "neurons" {
			l = map[string]any{"type": "neurons", "name": l["name"]}
			maps.Copy(l, neurons)
		}
		layers = append(layers, l)
	}
	description["layers"] = append(layers, map[string]any{"type": "global_average_pool2d", "name": "average"},
		map[string]any{"type": "dense", "name": "logits", "units": 2, "weights": "logits.weights"}, map[string]any{"type": "softmax", "name": "softmax"})

	delete(header, "__metadata__")
	all, kept := file[8+size:], []byte(nil)
	for _, name := range slices.Sorted(maps.Keys(header)) {
		tensor := header[name].(map[string]any)
		if strings.HasPrefix(name, "dense") {
			delete(header, name)
			continue
		}
		at := tensor["data_offsets"].([]any)
		from := len(kept)
		kept = append(kept, all[int(at[0].(float64)):int(at[1].(float64))]...)
		tensor["data_offsets"] = []int{from, len(kept)}
	}
	r, from := rand.New(rand.NewPCG(11, 12)), len(kept)
	for range 50 * 2 {
		kept = binary.LittleEndian.AppendUint32(kept, math.Float32bits(float32(r.NormFloat64())))
	}
	header["logits.weights"] = map[string]any{"dtype": "F32", "shape": []int{50, 2}, "data_offsets": []int{from, len(kept)}}
	return testmodel.Sealed(func(digest string) []byte {
		description["file_sha256"] = digest
		header["__metadata__"] = map[string]string{"spikeray": string(encode(description))}
		return assemble(encode(header), kept)
	})
}

// film is an even picture with a few edges and some noise, as X-rays are.
func film(m *model.Model, seed uint64) []uint8 {
	r := rand.New(rand.NewPCG(seed, 9))
	p := m.Description().Preparation
	film := make([]uint8, p.Width*p.Height)
	for range 6 {
		x, y, level := r.IntN(p.Width), r.IntN(p.Height), r.IntN(256)
		for i := range film {
			if i%p.Width >= x && i/p.Width >= y {
				film[i] = uint8(level)
			}
		}
	}
	for i := range film {
		film[i] = uint8(min(max(int(film[i])+r.IntN(5)-2, 0), 255))
	}
	return film
}

// TestAFirstLayerThatDrivesAnswersAsPlainGo is of models whose first layer steps the neurons itself on some tiers, where nobody records them.
func TestAFirstLayerThatDrivesAnswersAsPlainGo(t *testing.T) {
	shipped, err := models.Open("snnxray-int8")
	if err != nil {
		t.Fatal(err)
	}
	constant := func(v float64) map[string]any { return map[string]any{"kind": "constant", "value": v} }
	for name, c := range map[string]struct {
		file  []byte
		steps []int
	}{
		"along rows": {shipped, []int{0}},
		"without a leak": {overSteps(t, map[string]any{"model": "integrate_and_fire", "threshold": .35, "amplitude": .35, "reset": "subtract", "start": constant(.17)}),
			[]int{0, 3}},
		"leaky": {overSteps(t, map[string]any{"model": "leaky_integrate_and_fire", "decay": .8, "threshold": .4, "amplitude": .4, "reset": "zero", "start": constant(.1)}),
			[]int{0, 9, 1}},
	} {
		plain, err := model.Decode(t.Context(), c.file, model.DecodeOptions{Kernel: "generic"})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var answers []*model.Result // [picture][steps]
		for seed := range uint64(2) {
			for _, steps := range c.steps {
				want, err := plain.Infer(t.Context(), film(plain, seed), model.Options{Steps: steps})
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				answers = append(answers, want)
			}
		}
		for _, tier := range spike.Kernels()[:len(spike.Kernels())-1] {
			m, err := model.Decode(t.Context(), c.file, model.DecodeOptions{Kernel: tier})
			if err != nil {
				t.Fatal(err)
			}
			if tier == "avx512vnni" && cpu.X86.HasAVX512VBMI && cpu.X86.HasAVX512VBMI2 {
				want, _ := kernel.Named(tier)
				s := search{t: t, what: name, want: want, seen: map[any]bool{}}
				s.walk(reflect.ValueOf(m))
				if s.drivers != 1 {
					t.Errorf("%s: %d first layers drive the neurons", name, s.drivers)
				}
			}
			for i, want := range answers {
				picture, steps := film(m, uint64(i/len(c.steps))), c.steps[i%len(c.steps)]
				got, err := m.Infer(t.Context(), picture, model.Options{Steps: steps})
				if err != nil || !cmp.Equal(got.Logits, want.Logits) || !cmp.Equal(got.Spikes, want.Spikes) || got.Spikes.Total == 0 {
					t.Errorf("%s, %d steps, %s: %v, %v with %+v, plain Go %v with %+v", name, steps, tier, err, got.Logits, *got.Spikes, want.Logits, *want.Spikes)
				}
			}
		}
	}
}
