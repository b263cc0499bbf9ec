package kernel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStepsAreTheRowsOfEachStep: whatever a tier makes of few inputs, the bits are those of each map by itself.
func TestStepsAreTheRowsOfEachStep(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(7, 8))
		var s Int8Steps
		few, alone := 0, 0
		for range rounds(300) {
			l := newLayer(r, randomWindow(r))
			steps := 1 + r.IntN(5)
			in, out := l.window.In.Len(), l.window.Out.Len()
			share, most := r.IntN(25), []int{256, 128, 128}[r.IntN(3)] // larger counts are not everywhere taken as events
			maps := make([]uint8, steps*in)
			for i := range maps {
				if r.IntN(100) < share {
					maps[i] = uint8(r.IntN(most))
				}
			}
			c, err := tier.NewInt8Conv(l.window, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, steps*out)
			for i := range steps {
				l.src = maps[i*in:][:in]
				copy(want[i*out:], l.reference())
			}
			messages, ok := s.Open(c, maps, steps)
			if !ok {
				continue
			}
			few++
			if steps == 1 {
				alone++
			}
			var sent uint64
			rowFans, columnFans := l.window.Cover()
			for i := range steps {
				for y, fan := range rowFans {
					for x, wide := range columnFans {
						sent += nonzeroGeneric(maps[i*in+(y*l.window.In.W+x)*l.window.In.C:][:l.window.In.C]) * uint64(fan*wide)
					}
				}
			}
			if messages != sent {
				t.Errorf("%+v, %d steps: %d messages, want %d", l.window, steps, messages, sent)
			}
			got := make([]float32, steps*out)
			row := l.window.Out.W * l.window.Out.C
			rows := make([]float32, steps*row)
			for y := range l.window.Out.H {
				s.Rows(rows, y)
				for i := range steps {
					copy(got[i*out+y*row:], rows[i*row:][:row])
				}
			}
			sameBits(t, got, want)
		}
		if tier.Name() != "generic" && few < rounds(30) {
			t.Errorf("only %d layers were computed from events", few)
		}
		if tier.Name() != "generic" && alone == 0 {
			t.Error("no layer of a single step was")
		}
	})
}

// TestEventsOfTheLargestProducts: sums of the largest products, and counts that some tiers do not take as events.
func TestEventsOfTheLargestProducts(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		var s Int8Steps
		for _, weight := range []int8{-128, 127} {
			for _, count := range []uint8{127, 128, 255} {
				w, _ := NewWindow(Shape{4, 6, 24}, 3, 3, 1, 1, true, 40)
				l := newLayer(rand.New(rand.NewPCG(31, 32)), w)
				for i := range l.weights {
					l.weights[i] = weight
				}
				clear(l.src)
				for i := range 8 {
					l.src[24*3+i], l.src[24*14+i] = count, count
				}
				c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
				if err != nil {
					t.Fatal(err)
				}
				if _, few := s.Open(c, append(l.src, l.src...), 2); !few {
					if tier.Name() != "generic" && count < 128 {
						t.Errorf("counts of %d were not taken as events", count)
					}
					continue
				}
				row := w.Out.W * w.Out.C
				got, want := make([]float32, 2*row), l.reference()
				for y := range w.Out.H {
					s.Rows(got, y)
					sameBits(t, got[:row], want[y*row:][:row])
					sameBits(t, got[row:], want[y*row:][:row])
				}
			}
		}
	})
}

// TestFiringAtOnceIsStepAfterStep: currents and neurons in one go, and one after the other, hostile currents among them.
func TestFiringAtOnceIsStepAfterStep(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(9, 10))
		var s Int8Steps
		atOnce := [3]int{} // by steps
		for range 400 {
			l := newLayer(r, randomWindow(r))
			for i := range l.scale {
				switch r.IntN(12) {
				case 0:
					l.scale[i] = 0
				case 1:
					l.scale[i] = math.MaxFloat32
				case 2:
					l.bias[i] = math.MaxFloat32 * float32(1-2*r.IntN(2))
				default:
					l.scale[i] /= 100
				}
			}
			in, n := l.window.In.Len(), l.window.Out.W*l.window.Out.C
			steps := 1 + r.IntN(2)
			maps, most, share := make([]uint8, steps*in), 128*(1+r.IntN(2)), r.IntN(20)
			for i := range maps {
				if r.IntN(100) < share {
					maps[i] = uint8(r.IntN(most))
				}
			}
			c, err := tier.NewInt8Conv(l.window, l.weights, l.scale, l.bias)
			if err != nil {
				t.Fatal(err)
			}
			neuron := Graded{Decay: []float32{1, 0.75}[r.IntN(2)], Most: uint8(2 + r.IntN(254))}
			start := []float32{0, 0.5, 1.5}[r.IntN(3)]
			if _, few := s.Open(c, maps, steps); !few {
				continue
			}
			all := l.window.Out.Len()
			rows, v, want, got := make([]float32, steps*n), make([]float32, n), make([]uint8, steps*all), make([]uint8, steps*all)
			spikes, done := s.Fire(got, neuron, start)
			if !done {
				continue
			}
			atOnce[steps]++
			var sum uint64
			for y := range l.window.Out.H {
				s.Rows(rows, y)
				for i := range v {
					v[i] = start
				}
				for t := range steps {
					sum += tier.Graded(neuron, want[t*all+y*n:][:n], v, rows[t*n:][:n])
				}
			}
			if !bytes.Equal(got, want) || sum != spikes {
				t.Fatalf("%+v, %d steps, start %v, %+v: %d spikes, one after the other %d", neuron, steps, start, l.window, spikes, sum)
			}
		}
		if strings.HasPrefix(tier.Name(), "avx512") && min(atOnce[1], atOnce[2]) < 15 {
			t.Errorf("only %v layers of one and two steps were fired at once", atOnce[1:])
		}
	})
}
