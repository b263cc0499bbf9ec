package loihi

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// lavaCase is a network with what Lava's fixed-point models made of it; testdata/fuzz_lava.py writes them. One of several
// layers has them in Layers.
type lavaCase struct {
	Layers  []lavaCase `json:"layers"`
	Kind    string     `json:"kind"`
	Weights [][]int32  `json:"w"`
	Exp     int        `json:"wexp"`
	Bits    int        `json:"nwb"`
	Message int        `json:"mb"`
	DU      int32      `json:"du"`
	DV      int32      `json:"dv"`
	Mant    []int32    `json:"bm"`
	BiasExp int        `json:"be"`
	Vth     int32      `json:"vth"`

	W, H, C, K int
	KW         int     `json:"kw"`
	KH         int     `json:"kh"`
	Stride     int     `json:"st"`
	Padding    int     `json:"pd"`
	Kernels    []int32 `json:"w4"`
	Out        []int   `json:"out"`
	X, S, U, V [][]int32
}

func (c *lavaCase) machine() (*Machine, error) {
	if c.Layers == nil {
		c.Layers = []lavaCase{*c}
	}
	layers := make([]Layer, len(c.Layers))
	for i, l := range c.Layers {
		var err error
		if l.Kind == "conv" {
			layers[i].Synapses, err = NewConv(l.Kernels, [3]int{l.W, l.H, l.C}, l.K, [2]int{l.KW, l.KH}, [2]int{l.Stride, l.Stride}, [2]int{l.Padding, l.Padding}, l.Message > 0)
		} else {
			layers[i].Synapses, err = NewDense(slices.Concat(l.Weights...), len(l.Weights[0]), len(l.Weights), l.Bits, l.Exp, l.Message > 0)
		}
		if err != nil {
			return nil, err
		}
		layers[i].Neurons = &LIF{
			Neurons: layers[i].Synapses.Outputs(), DU: l.DU, DV: l.DV, Threshold: l.Vth, BiasMantissa: l.Mant, BiasExponent: l.BiasExp,
		}
	}
	return NewMachine(layers...)
}

// shared is a file of the folder that lies beside a checkout, and is never part of it.
func shared(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "loihi", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no recordings here: ../shared/data/loihi/%s is absent", name)
	}
	return path
}

func TestLavaCases(t *testing.T) { replay(t, shared(t, "lava_cases.json")) }

func TestLavaEdges(t *testing.T) { replay(t, filepath.Join("testdata", "edges.json")) }

// TestFurtherLavaCases replays cases kept apart: SPIKERAY_LAVA_CASES is a file or a folder of them.
func TestFurtherLavaCases(t *testing.T) {
	path := os.Getenv("SPIKERAY_LAVA_CASES")
	if path == "" {
		t.Skip("SPIKERAY_LAVA_CASES names no further cases")
	}
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		t.Fatal(err)
	} else if info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil || len(files) == 0 {
			t.Fatalf("no .json in %s: %v", path, err)
		}
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) { replay(t, f) })
	}
}

func replay(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []lavaCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	steps, values, spikes, mismatches := 0, 0, 0, 0
	for i, c := range cases {
		m, err := c.machine()
		if err != nil {
			t.Fatalf("case %d: %v", i, err)
		}
		if len(c.S) != len(c.X) || len(c.X) == 0 {
			t.Fatalf("case %d: %d steps in, %d out", i, len(c.X), len(c.S))
		}
		state := m.NewState()
		for step, x := range c.X {
			state.Step(x)
			steps++
			got := state.layers[len(state.layers)-1]
			for _, pair := range []struct {
				name      string
				got, want []int32
				recorded  bool
			}{
				{"spikes", got.spikes, c.S[step], true},
				{"v", got.v, at(c.V, step), c.V != nil},
				{"u", got.u, at(c.U, step), c.U != nil},
			} {
				if !pair.recorded {
					continue
				}
				if len(pair.got) != len(pair.want) {
					t.Fatalf("case %d: %d %s, want %d", i, len(pair.got), pair.name, len(pair.want))
				}
				for n, w := range pair.want {
					values++
					if pair.name == "spikes" {
						spikes += int(w)
					}
					if pair.got[n] != w {
						if mismatches++; mismatches <= 5 {
							t.Errorf("case %d (%s), step %d, neuron %d: %s is %d, want %d", i, c.Kind, step, n, pair.name, pair.got[n], w)
						}
					}
				}
			}
		}
	}
	if len(cases) == 0 || spikes == 0 {
		t.Errorf("%d networks with %d spikes show nothing", len(cases), spikes)
	}
	t.Logf("%d networks, %d steps, %d spikes, %d numbers compared, %d mismatches", len(cases), steps, spikes, values, mismatches)
}

func at(rows [][]int32, i int) []int32 {
	if rows == nil {
		return nil
	}
	return rows[i]
}

// TestChipTrace matches 1000 steps that a real Loihi ran: one neuron behind one synapse. The network is that of
// lif_norse.nir (weight 1, tau 0.0025, threshold 0.1) at a step of 0.0001, as it was put onto the chip: a weight of 10,
// dv = 4096*0.0001/0.0025 = 163, a threshold of 25, no decay of the current over steps.
func TestChipTrace(t *testing.T) {
	f, err := os.Open(shared(t, "lif_lava_loihi_fixed.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	synapse, err := NewDense([]int32{10}, 1, 1, 8, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMachine(Layer{Synapses: synapse, Neurons: &LIF{Neurons: 1, DU: 4095, DV: 163, Threshold: 25}})
	if err != nil {
		t.Fatal(err)
	}
	state := m.NewState()
	spikes, wrongSpikes, wrongV := 0, 0, 0
	for step, row := range rows {
		var want [3]float64
		for i := range want {
			if want[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		state.Step([]int32{int32(want[0])})
		spikes += int(want[2])
		if got := state.Spikes(0)[0]; got != int32(want[2]) {
			wrongSpikes++
			t.Errorf("step %d: spike %d, the chip's is %v", step, got, want[2])
		}
		if want[2] == 1 && want[1] == 128 { // what the chip's probe reads on a spike's step, where Lava has 0
			want[1] = 0
		}
		if got := state.layers[0].v[0]; got != int32(want[1]) {
			wrongV++
			t.Errorf("step %d: v is %d, the chip's %v", step, got, want[1])
		}
	}
	if len(rows) != 1000 || spikes == 0 {
		t.Errorf("%d steps with %d spikes", len(rows), spikes)
	}
	t.Logf("%d steps, %d spikes: %d spikes and %d membrane potentials differ", len(rows), spikes, wrongSpikes, wrongV)
}
