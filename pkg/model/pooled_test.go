package model

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/spikeray/spikeray/internal/reuse"
)

// theDefault is the default model.
func theDefault(t *testing.T) *Model {
	t.Helper()
	file, err := os.ReadFile("../../models/spikeray.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(t.Context(), file, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestPoolingOfCountsHasTheBitsOfValues: the read-out's mean from sums of counts, and as docs/MODEL_FILE.md defines it, value by value.
func TestPoolingOfCountsHasTheBitsOfValues(t *testing.T) {
	m := theDefault(t)
	if !m.own.pools {
		t.Fatal("the default model's read-out is not pooled from counts")
	}
	slow := &engine{net: m.own.net, runner: m.own.runner}
	slow.rooms = reuse.NewStack(slow.newRoom)
	rng := rand.New(rand.NewPCG(1, 2))
	picture := make([]uint8, m.description.Preparation.Width*m.description.Preparation.Height)
	for range 8 {
		for i := range picture {
			picture[i] = uint8(rng.IntN(256))
		}
		for steps := 0; steps <= m.MaxSteps(); steps++ {
			var found [2][][]float32
			for i, e := range []*engine{m.own, slow} {
				r, err := e.infer(t.Context(), picture, steps, observers{onStep: func(_ int, logits []float32) error {
					found[i] = append(found[i], slices.Clone(logits))
					return nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				found[i] = append(found[i], r.logits)
			}
			if !slices.EqualFunc(found[0], found[1], slices.Equal) || len(found[0]) < 2 {
				t.Fatalf("%d steps: %v, value by value %v", steps, found[0], found[1])
			}
		}
	}
}

// TestOnlyExactMeansAreTakenFromCounts: what a count stands for must be a power of two, and sums must not leave float32's whole numbers.
func TestOnlyExactMeansAreTakenFromCounts(t *testing.T) {
	m := theDefault(t)
	for name, spoil := range map[string]func(n *network){
		"a third":       func(n *network) { n.last.Amplitude = float32(1) / 3 },
		"three steps":   func(n *network) { n.steps = 3 },
		"many places":   func(n *network) { n.bodyOut.H = 1 << 13 },
		"tiny":          func(n *network) { n.last.Amplitude = math.SmallestNonzeroFloat32 },
		"another layer": func(n *network) { n.readout.ops = n.readout.ops[1:] },
	} {
		spoilt, last, readout := *m.own.net, *m.own.net.last, *m.own.net.readout
		spoilt.last, spoilt.readout = &last, &readout
		if spoil(&spoilt); spoilt.pools() {
			t.Errorf("%s: means are taken from counts", name)
		}
	}
}
