package loihi

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// lavaCase is a network with what Lava's fixed-point models made of it; testdata/fuzz_lava.py writes them. One of several
// layers has them in Layers.
type lavaCase struct {
	Layers  []lavaCase `json:"layers,omitempty"`
	Kind    string     `json:"kind"`
	Weights [][]int32  `json:"w,omitempty"`
	Exp     int        `json:"wexp"`
	Bits    int        `json:"nwb,omitempty"`
	Message int        `json:"mb"`
	DU      int32      `json:"du"`
	DV      int32      `json:"dv"`
	Mant    []int32    `json:"bm,omitempty"`
	BiasExp int        `json:"be"`
	Vth     int32      `json:"vth"`
	Start   []int32    `json:"v0,omitempty"`

	W       int     `json:"W,omitempty"`
	H       int     `json:"H,omitempty"`
	C       int     `json:"C,omitempty"`
	K       int     `json:"K,omitempty"`
	KW      int     `json:"kw,omitempty"`
	KH      int     `json:"kh,omitempty"`
	Side    int     `json:"st"` // stride of both axes
	Pad     int     `json:"pd"`
	Stride  *[2]int `json:"stride,omitempty"`
	Padding *[2]int `json:"padding,omitempty"`
	Kernels []int32 `json:"w4,omitempty"`
	Out     []int   `json:"out,omitempty"`

	X [][]int32 `json:"x,omitempty"`
	S [][]int32 `json:"s,omitempty"`
	U [][]int32 `json:"u,omitempty"`
	V [][]int32 `json:"v,omitempty"`
}

func (c *lavaCase) machine() (*machine, error) {
	if c.Layers == nil {
		c.Layers = []lavaCase{*c}
	}
	layers := make([]machineLayer, len(c.Layers))
	for i, l := range c.Layers {
		var err error
		if l.Kind == "conv" {
			stride, padding := [2]int{l.Side, l.Side}, [2]int{l.Pad, l.Pad}
			if l.Stride != nil && l.Padding != nil {
				stride, padding = *l.Stride, *l.Padding
			}
			layers[i].Synapses, err = newConvSynapses(l.Kernels, [3]int{l.W, l.H, l.C}, l.K, [2]int{l.KW, l.KH}, stride, padding, l.Message > 0)
		} else {
			layers[i].Synapses, err = newDenseSynapses(slices.Concat(l.Weights...), len(l.Weights[0]), len(l.Weights), l.Bits, l.Exp, l.Message > 0)
		}
		if err != nil {
			return nil, err
		}
		layers[i].Start = l.Start
		layers[i].Neurons = &lif{
			Neurons: layers[i].Synapses.Outputs(), DU: l.DU, DV: l.DV, Threshold: l.Vth, BiasMantissa: l.Mant, BiasExponent: l.BiasExp,
		}
	}
	return newMachine(layers...)
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

func load(t *testing.T, path string) (cases []lavaCase) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) == 0 {
		t.Fatalf("%s holds %d cases: %v", path, len(cases), err)
	}
	return cases
}

func replay(t *testing.T, path string) {
	cases := load(t, path)
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
	if spikes == 0 {
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

var update = flag.Bool("update", false, "write testdata/placed.json, without what Lava makes of it")

// TestPlacedNetworkOnLava holds the whole way from a network of ours to spikes to Lava: flipped and widened kernels,
// potentials to start from, the steps that pass between layers. Lava ran what Place made of the suite's network.
func TestPlacedNetworkOnLava(t *testing.T) {
	n := hwtest.Network()
	p := hwtest.Load(t, open(t, Options{}), n).(*program)
	in := hwtest.Input(n, 1)
	placed := lavaCase{Kind: "chain"}
	for i, l := range p.machine.layers {
		c := lavaCase{
			Bits: 8, DU: l.Neurons.DU, DV: l.Neurons.DV, Mant: l.Neurons.BiasMantissa, BiasExp: l.Neurons.BiasExponent,
			Vth: l.Neurons.Threshold, Start: l.Start,
		}
		if c.Mant == nil {
			c.Mant = make([]int32, l.Neurons.Neurons)
		}
		switch s := l.Synapses.(type) {
		case *convSynapses:
			c.Kind, c.W, c.H, c.C, c.K, c.KW, c.KH = "conv", s.in[0], s.in[1], s.in[2], s.out[2], s.kernel[0], s.kernel[1]
			c.Stride, c.Padding, c.Out = &s.stride, &s.at, s.out[:]
			for o := range c.K { // back to the order that newConvSynapses takes
				for tap := c.KW*c.KH - 1; tap >= 0; tap-- {
					for k := range c.C {
						c.Kernels = append(c.Kernels, s.weights[(tap*c.C+k)*c.K+o])
					}
				}
			}
		case *denseSynapses:
			c.Kind = "dense"
			for o := range s.out {
				var row []int32
				for i := range s.in {
					row = append(row, s.weights[i*s.out+o])
				}
				c.Weights = append(c.Weights, row)
			}
		default:
			t.Fatalf("layer %d is a %T", i, s)
		}
		placed.Layers = append(placed.Layers, c)
	}
	for step := range n.Steps + len(placed.Layers) {
		x := make([]int32, n.Input.Len())
		if step < n.Steps {
			for i, count := range in.Step(step) {
				x[i] = int32(count)
			}
		}
		placed.X = append(placed.X, x)
	}
	path := filepath.Join("testdata", "placed.json")
	if *update {
		data, err := json.Marshal([]lavaCase{placed})
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		t.Fatalf("written, %v; testdata/fuzz_lava.py --fill has to run it now", err)
	}
	recorded := load(t, path)[0]
	want := recorded.S
	recorded.S, recorded.U, recorded.V = nil, nil, nil
	if diff := cmp.Diff(recorded, placed); diff != "" {
		t.Fatalf("the network is placed otherwise than it was when Lava ran it (-then +now):\n%s", diff)
	}
	out := hwtest.Output(t, n, in)
	if _, err := p.Run(t.Context(), in, out, spike.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	spikes := 0
	for step := range n.Steps {
		for i, count := range out.Step(step) {
			spikes += int(count)
			if int32(count) != want[step+len(placed.Layers)][i] {
				t.Errorf("step %d, neuron %d: %d, Lava has %d", step, i, count, 1-count)
			}
		}
	}
	if spikes == 0 {
		t.Error("no spike at all")
	}
	replay(t, path)
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
	synapse, err := newDenseSynapses([]int32{10}, 1, 1, 8, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMachine(machineLayer{Synapses: synapse, Neurons: &lif{Neurons: 1, DU: 4095, DV: 163, Threshold: 25}})
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
