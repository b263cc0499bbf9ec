package kernel

import (
	"math/rand/v2"
	"testing"
)

// benchLayers are the layers of the article's network.
var benchLayers = []struct {
	name    string
	in      Shape
	k, outC int
}{
	{"conv1", Shape{100, 100, 1}, 5, 100},
	{"conv2", Shape{48, 48, 100}, 3, 50},
	{"conv3", Shape{23, 23, 50}, 3, 50},
	{"dense1", Shape{1, 1, 5000}, 1, 100},
}

// benchTiers runs a benchmark with each tier, named so that benchstat can set them side by side.
func benchTiers(b *testing.B, run func(b *testing.B, tier Tier)) {
	for _, t := range tiers() {
		b.Run("tier="+t.name, func(b *testing.B) { run(b, Tier{t}) })
	}
}

func BenchmarkInt8Conv(b *testing.B) {
	for _, l := range benchLayers {
		b.Run(l.name, func(b *testing.B) {
			benchTiers(b, func(b *testing.B, tier Tier) {
				w, _ := NewWindow(l.in, l.k, l.k, 1, 1, false, l.outC)
				layer := newLayer(rand.New(rand.NewPCG(1, 1)), w)
				c, err := tier.NewInt8Conv(w, layer.weights, layer.scale, layer.bias)
				if err != nil {
					b.Fatal(err)
				}
				var ws Workspace
				dst := make([]float32, w.Out.W*w.Out.C)
				b.ReportAllocs()
				for b.Loop() {
					for y := range w.Out.H {
						c.Row(dst, layer.src, y, &ws)
					}
				}
			})
		})
	}
}

// BenchmarkEvents takes two steps of a layer in the middle of spikeray, where one in twenty of the neurons before it fires.
func BenchmarkEvents(b *testing.B) {
	benchTiers(b, func(b *testing.B, tier Tier) {
		w, _ := NewWindow(Shape{16, 16, 80}, 3, 3, 1, 1, true, 80)
		r := rand.New(rand.NewPCG(1, 1))
		layer := newLayer(r, w)
		for i := range layer.scale {
			layer.scale[i] /= 1000
		}
		maps := make([]uint8, 2*w.In.Len())
		for i := range maps {
			if r.IntN(20) == 0 {
				maps[i] = uint8(1 + r.IntN(8))
			}
		}
		c, err := tier.NewInt8Conv(w, layer.weights, layer.scale, layer.bias)
		if err != nil {
			b.Fatal(err)
		}
		var s Int8Steps
		if _, few := s.Open(c, maps, 2); !few {
			b.Skip("not taken as events")
		}
		n, neuron := w.Out.W*w.Out.C, Graded{1, 120}
		rows, v, counts := make([]float32, 2*n), make([]float32, n), make([]uint8, 2*w.Out.Len())
		for b.Loop() {
			s.Open(c, maps, 2)
			if _, done := s.Fire(counts, neuron, 0.5); done {
				continue
			}
			for y := range w.Out.H {
				for i := range v {
					v[i] = 0.5
				}
				s.Rows(rows, y)
				tier.Graded(neuron, counts[:n], v, rows[:n])
				tier.Graded(neuron, counts[n:], v, rows[n:])
			}
		}
	})
}

func BenchmarkFloat32Conv(b *testing.B) {
	for _, l := range benchLayers {
		b.Run(l.name, func(b *testing.B) {
			benchTiers(b, func(b *testing.B, tier Tier) {
				w, _ := NewWindow(l.in, l.k, l.k, 1, 1, false, l.outC)
				layer := newFloatLayer(rand.New(rand.NewPCG(1, 1)), w)
				c, err := tier.NewFloat32Conv(w, layer.weights, layer.bias)
				if err != nil {
					b.Fatal(err)
				}
				var ws Workspace
				dst := make([]float32, w.Out.W*w.Out.C)
				b.ReportAllocs()
				for b.Loop() {
					for y := range w.Out.H {
						c.Row(dst, layer.src, y, &ws)
					}
				}
			})
		})
	}
}

// BenchmarkSpikingReLU takes the steps of all rows of the article's first layer.
func BenchmarkSpikingReLU(b *testing.B) {
	benchTiers(b, func(b *testing.B, tier Tier) {
		const rows, n = 96, 96 * 100
		r := rand.New(rand.NewPCG(1, 1))
		x, v, counts := make([]float32, n), make([]float32, n), make([]uint8, n)
		for i := range x {
			x[i], v[i] = r.Float32()*4-2, r.Float32()
		}
		for b.Loop() {
			for range rows {
				tier.SpikingReLU(counts, v, x, 2)
			}
		}
	})
}

// BenchmarkIntegrateAndFire takes as many steps of neurons of binary and of graded spikes. What comes in is about what a
// neuron of either kind fires, so that voltages stay where they are in a network.
func BenchmarkIntegrateAndFire(b *testing.B) {
	const rows, n = 96, 96 * 100
	for _, kind := range []struct {
		name  string
		scale float32
		step  func(tier Tier, counts []uint8, v, x []float32) uint64
	}{
		{"binary", 1, func(tier Tier, counts []uint8, v, x []float32) uint64 {
			return tier.LIF(LIF{Decay: 1, Threshold: 1}, counts, v, x)
		}},
		{"graded", 4, func(tier Tier, counts []uint8, v, x []float32) uint64 {
			return tier.Graded(Graded{Decay: 1, Most: 15}, counts, v, x)
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			benchTiers(b, func(b *testing.B, tier Tier) {
				r := rand.New(rand.NewPCG(1, 1))
				x, v, counts := make([]float32, n), make([]float32, n), make([]uint8, n)
				for i := range x {
					x[i], v[i] = (r.Float32()*2-1)*kind.scale, r.Float32()
				}
				for b.Loop() {
					for range rows {
						kind.step(tier, counts, v, x)
					}
				}
			})
		})
	}
}

// BenchmarkMaxPool pools the spikes of the article's first layer.
func BenchmarkMaxPool(b *testing.B) {
	benchTiers(b, func(b *testing.B, tier Tier) {
		w, _ := NewWindow(Shape{96, 96, 100}, 2, 2, 2, 2, false, 100)
		dst, src := make([]uint8, w.Out.Len()), make([]uint8, w.In.Len())
		for b.Loop() {
			tier.MaxPool(dst, src, &w)
		}
	})
}

// BenchmarkMessages counts the spikes that reach the article's second convolution.
func BenchmarkMessages(b *testing.B) {
	benchTiers(b, func(b *testing.B, tier Tier) {
		w, _ := NewWindow(Shape{48, 48, 100}, 3, 3, 1, 1, false, 50)
		_, cols := w.Cover()
		row := make([]uint8, w.In.W*w.In.C)
		for b.Loop() {
			for range w.In.H {
				tier.Messages(row, w.In.C, cols)
			}
		}
	})
}
