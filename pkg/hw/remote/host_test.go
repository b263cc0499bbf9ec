package remote

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spikeray/spikeray/pkg/hw"
	"github.com/spikeray/spikeray/pkg/hw/hwtest"
	"github.com/spikeray/spikeray/pkg/spike"
)

// TestProcessIsABoard holds a board host in Python, whose simulator shares nothing with ours, to the contract.
func TestProcessIsABoard(t *testing.T) {
	host := startHost(t, simulatorPython(t))
	hwtest.Run(t, func(t *testing.T) hw.Board { return dial(t, Options{URL: host.url}) })
	b := dial(t, Options{URL: host.url})
	if r := hwtest.Load(t, b, hwtest.Network()).Report(); !r.Exact || b.Name() != "remote-simulator" {
		t.Errorf("%s: %+v", b.Name(), r)
	}
}

func TestGoHostIsABoard(t *testing.T) {
	hwtest.Run(t, func(t *testing.T) hw.Board { return dial(t, Options{URL: newGoHost(t).URL}) })
}

// random is a network with int8 weights of any kind that a host may be sent.
func random(rng *rand.Rand) *spike.Network {
	pick := func(n int) int { return 1 + rng.IntN(n) }
	start := func() spike.Start {
		if rng.IntN(2) == 0 {
			return spike.Start{Kind: spike.StartUniform, Seed: rng.Uint64()}
		}
		return spike.Start{Kind: spike.StartConstant, Value: rng.Float32() - 0.5}
	}
	neurons := func(name string) *spike.Neurons {
		n := &spike.Neurons{
			LayerName: name, Dynamics: spike.IntegrateAndFire, Threshold: 0.3 + 3*rng.Float32(), Amplitude: rng.Float32() + 0.1,
			Reset: spike.ResetToZero, Start: start(),
		}
		if rng.IntN(2) == 0 {
			n.Reset = spike.ResetBySubtraction
		}
		switch rng.IntN(3) {
		case 0:
			n.Dynamics, n.Decay = spike.LeakyIntegrateAndFire, 0.1+0.8*rng.Float32()
		case 1:
			*n = spike.Neurons{LayerName: name, Dynamics: spike.SpikingReLU, DT: []float32{0.5, 1, 2, 40}[rng.IntN(4)], Start: n.Start}
		}
		return n
	}
	weights := func(in, out int) spike.Weights {
		w := spike.Weights{Int8: make([]int8, in*out)}
		for i := range w.Int8 {
			w.Int8[i] = int8(rng.IntN(256) - 128)
		}
		for range out {
			w.Scale = append(w.Scale, 0.02*rng.Float32())
		}
		if rng.IntN(2) == 0 {
			for range out {
				w.Bias = append(w.Bias, rng.Float32()-0.5)
			}
		}
		return w
	}
	n := &spike.Network{Axis: spike.Steps, Steps: pick(12), Source: neurons("source"), Input: spike.Shape{H: 3 + pick(9), W: 3 + pick(9), C: pick(3)}}
	if source := n.Source; source.Dynamics != spike.SpikingReLU && rng.IntN(2) == 0 {
		source.Threshold, source.Reset, source.Most = 1, spike.ResetBySubtraction, 1+rng.IntN(255)
	}
	if rng.IntN(2) == 0 {
		n.Axis, n.Steps = spike.Rows, 0
	}
	in := n.Input
	add := func(kind string, l spike.Layer) {
		name := fmt.Sprintf("%s%d", kind, len(n.Layers))
		switch l := l.(type) {
		case *spike.Conv2D:
			l.LayerName = name
		case *spike.MaxPool2D:
			l.LayerName = name
		}
		n.Layers = append(n.Layers, l)
	}
	for range rng.IntN(3) {
		kernel := [2]int{pick(min(4, in.H)), pick(min(4, in.W))}
		c := &spike.Conv2D{Kernel: kernel, Stride: [2]int{pick(3), pick(3)}, Same: rng.IntN(2) == 0, Channels: pick(6)}
		c.Weights = weights(kernel[0]*kernel[1]*in.C, c.Channels)
		w, err := c.Window(in)
		if err != nil {
			panic(err)
		}
		in = w.Out
		add("conv", c)
		add("", neurons(fmt.Sprintf("spike%d", len(n.Layers))))
		if rng.IntN(2) == 0 {
			p := &spike.MaxPool2D{Pool: [2]int{pick(min(2, in.H)), pick(min(2, in.W))}, Stride: [2]int{pick(2), pick(2)}}
			if w, err = p.Window(in); err != nil {
				panic(err)
			}
			in = w.Out
			add("pool", p)
		}
	}
	if len(n.Layers) == 0 || n.Axis == spike.Steps && rng.IntN(2) == 0 {
		units := pick(9)
		if n.Axis == spike.Rows { // rows are no flat map's
			c := &spike.Conv2D{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}, Channels: units, Weights: weights(in.C, units)}
			add("conv", c)
		} else {
			n.Layers = append(n.Layers, &spike.Flatten{LayerName: "flatten"}, &spike.Dense{LayerName: "dense", Units: units, Weights: weights(in.Len(), units)})
		}
		n.Layers = append(n.Layers, neurons("last"))
	}
	return n
}

// train is spikes for a network, several at once where its source can emit them.
func train(rng *rand.Rand, n *spike.Network) spike.Train {
	in := hwtest.Input(n, rng.Uint64())
	if most := n.Source.MaxCount(); most > 1 {
		for i := range in.Counts {
			in.Counts[i] *= uint8(rng.IntN(most+1)) >> rng.IntN(8)
		}
	}
	return in
}

type outcome struct {
	Out   []uint8
	Stats spike.Stats
	Rec   spike.Recorder
}

func run(t *testing.T, r spike.Runner, n *spike.Network, in spike.Train) outcome {
	t.Helper()
	out := hwtest.Output(t, n, in)
	o := outcome{Out: out.Counts}
	for _, l := range n.Layers {
		if _, ok := l.(*spike.Neurons); ok {
			o.Rec.Rasters = append(o.Rec.Rasters, l.Name())
		}
	}
	var err error
	if o.Stats, err = r.Run(t.Context(), in, out, spike.RunOptions{Recorder: &o.Rec}); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestRandomNetworks compares hosts with the simulator in this process, in every layer's spikes and counts.
func TestRandomNetworks(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) hw.Board{
		"python": func(t *testing.T) hw.Board { return dial(t, Options{URL: startHost(t, simulatorPython(t)).url}) },
		"go":     func(t *testing.T) hw.Board { return dial(t, Options{URL: newGoHost(t).URL}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			rng := rand.New(rand.NewPCG(3, 9))
			kinds := map[string]int{}
			var spikes, clipped uint64
			for i := range 120 {
				n := random(rng)
				if _, err := n.Shapes(); err != nil {
					t.Fatalf("network %d: %v", i, err)
				}
				reference, err := spike.Simulator{}.Compile(t.Context(), n)
				if err != nil {
					t.Fatal(err)
				}
				p := hwtest.Load(t, b, n)
				if !p.Report().Exact {
					t.Errorf("network %d: not exact", i)
				}
				in := train(rng, n)
				want, got := run(t, reference, n, in), run(t, p, n, in)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("network %d (-simulator +host):\n%s", i, diff)
				}
				kinds[string(n.Axis)]++
				spikes += got.Stats.Spikes
				clipped += got.Stats.Clipped
				for _, l := range n.Layers {
					if s, ok := l.(*spike.Neurons); ok {
						kinds[string(s.Dynamics)+" "+string(s.Reset)]++
					}
				}
			}
			if len(kinds) != 7 || slices.Contains([]uint64{spikes, clipped}, 0) {
				t.Errorf("%v with %d spikes and %d held back show too little", kinds, spikes, clipped)
			}
			t.Logf("120 networks, %d spikes, %d held back: %v", spikes, clipped, kinds)
		})
	}
}

func TestEncodedNetwork(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		n := random(rng)
		if i%2 == 0 { // floating point
			for _, l := range n.Layers {
				var w *spike.Weights
				switch l := l.(type) {
				case *spike.Conv2D:
					w = &l.Weights
				case *spike.Dense:
					w = &l.Weights
				default:
					continue
				}
				for range w.Int8 {
					w.Float32 = append(w.Float32, rng.Float32())
				}
				w.Int8, w.Scale = nil, nil
			}
		}
		file, digest, err := encodeNetwork(n)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeNetwork(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(n, back); diff != "" {
			t.Fatalf("network %d (-sent +read):\n%s", i, diff)
		}
		if _, again, err := encodeNetwork(back); err != nil || again != digest {
			t.Fatalf("network %d has two digests", i)
		}
	}
}
