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

// TestEventsOfEveryWidth has all widths that a tier may have code of its own for, in windows that overlap from row to row and ones that do not.
func TestEventsOfEveryWidth(t *testing.T) {
	windows := []struct{ size, stride int }{{3, 1}, {2, 2}, {3, 2}}
	onEveryTier(t, func(t *testing.T, tier Tier) {
		var s Int8Steps
		for channels := 1; channels <= 130; channels++ {
			for _, window := range windows {
				for steps := 1; steps <= 3; steps++ {
					r := rand.New(rand.NewPCG(uint64(channels), uint64(steps)))
					w, _ := NewWindow(Shape{5, 4, 6}, window.size, window.size, window.stride, window.stride, true, channels)
					l := newLayer(r, w)
					maps := make([]uint8, steps*w.In.Len())
					for i := range maps {
						if r.IntN(25) == 0 {
							maps[i] = uint8(1 + r.IntN(127))
						}
					}
					c, err := tier.NewInt8Conv(w, l.weights, l.scale, l.bias)
					if err != nil {
						t.Fatal(err)
					}
					if _, few := s.Open(c, maps, steps); !few {
						if tier.Name() != "generic" && channels >= 16 && channels <= 128 {
							t.Fatalf("%d channels, %d steps, windows of %+v: not taken as events", channels, steps, window)
						}
						continue
					}
					all, row := w.Out.Len(), w.Out.W*w.Out.C
					currents, got := make([]float32, steps*all), make([]float32, steps*row)
					for step := range steps {
						l.src = maps[step*w.In.Len():][:w.In.Len()]
						copy(currents[step*all:], l.reference())
					}
					for y := range w.Out.H {
						s.Rows(got, y)
						for step := range steps {
							sameBits(t, got[step*row:][:row], currents[step*all+y*row:][:row])
						}
					}
					counts, want, v := make([]uint8, steps*all), make([]uint8, steps*all), make([]float32, all)
					neuron := Graded{Decay: 0.75, Most: 120}
					spikes, done := s.Fire(counts, neuron, 0.5)
					if !done {
						if strings.HasPrefix(tier.Name(), "avx512") && steps < 3 {
							t.Fatalf("%d channels, %d steps, windows of %+v: not fired at once", channels, steps, window)
						}
						continue
					}
					for i := range v {
						v[i] = 0.5
					}
					var sum uint64
					for step := range steps {
						sum += gradedGeneric(neuron, want[step*all:][:all], v, currents[step*all:][:all])
					}
					if !bytes.Equal(counts, want) || sum != spikes {
						t.Fatalf("%d channels, %d steps, windows of %+v: %d spikes, want %d", channels, steps, window, spikes, sum)
					}
				}
			}
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
				for steps := 1; steps <= 3; steps++ {
					if _, few := s.Open(c, bytes.Repeat(l.src, steps), steps); !few {
						if tier.Name() != "generic" && count < 128 {
							t.Errorf("counts of %d were not taken as events", count)
						}
						continue
					}
					row := w.Out.W * w.Out.C
					got, want := make([]float32, steps*row), l.reference()
					for y := range w.Out.H {
						s.Rows(got, y)
						for step := range steps {
							sameBits(t, got[step*row:][:row], want[y*row:][:row])
						}
					}
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
			in, steps := l.window.In.Len(), 1+r.IntN(2)
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
			v, want, got := make([]float32, all), make([]uint8, steps*all), make([]uint8, steps*all)
			spikes, done := s.Fire(got, neuron, start)
			if !done {
				continue
			}
			atOnce[steps]++
			for i := range v {
				v[i] = start
			}
			var sum uint64
			for step := range steps {
				l.src = maps[step*in:][:in]
				sum += gradedGeneric(neuron, want[step*all:][:all], v, l.reference())
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
