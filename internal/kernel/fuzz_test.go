package kernel

import (
	"math/rand/v2"
	"testing"
)

// FuzzTiers holds every tier to plain Go over a layer of any shape and any content.
func FuzzTiers(f *testing.F) {
	f.Add(uint64(1), uint8(10), uint8(10), uint8(1), uint8(5), uint8(5), uint8(1), uint8(1), false, uint8(100))
	f.Add(uint64(2), uint8(4), uint8(7), uint8(100), uint8(3), uint8(3), uint8(1), uint8(1), false, uint8(50))
	f.Add(uint64(3), uint8(4), uint8(4), uint8(17), uint8(2), uint8(3), uint8(2), uint8(3), true, uint8(7))
	f.Add(uint64(4), uint8(1), uint8(1), uint8(255), uint8(1), uint8(1), uint8(1), uint8(1), true, uint8(67))
	f.Fuzz(func(t *testing.T, seed uint64, h, width, c, kh, kw, sh, sw uint8, same bool, out uint8) {
		in := Shape{1 + int(h%16), 1 + int(width%40), 1 + int(c)}
		w, ok := NewWindow(in, 1+int(kh%8), 1+int(kw%8), 1+int(sh%4), 1+int(sw%4), same, 1+int(out))
		if !ok || w.Out.Len()*w.KH*w.KW*in.C > 1<<24 {
			t.Skip()
		}
		r := rand.New(rand.NewPCG(seed, 0))
		l, values := newLayer(r, w), newFloatLayer(r, w)
		l.silence(r, 200*r.IntN(6))
		v, x := randomNeurons(r, in.W*in.C)
		fan := make([]int, in.W)
		for i := range fan {
			fan[i] = i/2 + 1
		}
		pool, pooling := NewWindow(in, 2, 2, 1+int(sh%4), 1+int(sw%4), false, in.C)

		type answer struct {
			currents, v []float32
			counts      []uint8
			spikes      [5]uint64
			pooled      []uint8
		}
		run := func(tier Tier) (a answer) {
			a.currents = l.compute(t, tier)
			a.v, a.counts = append(a.v, v...), make([]uint8, len(v))
			a.spikes[0], a.spikes[1] = tier.SpikingReLU(a.counts, a.v, x, 0.5)
			a.spikes[2] = tier.LIF(LIF{0.5, 1, same}, a.counts, a.v, x)
			a.spikes[3] = tier.Messages(l.src[:in.W*in.C], in.C, fan)
			a.spikes[4] = tier.Graded(Graded{0.5, max(1, out)}, a.counts, a.v, x)
			if pooling {
				a.pooled = make([]uint8, pool.Out.Len())
				tier.MaxPool(a.pooled, l.src, &pool)
			}
			values.check(t, values.compute(t, tier, new(Workspace)))
			return a
		}
		want := run(Generic())
		for _, tier := range tiers() {
			got := run(Tier{tier})
			sameBits(t, got.currents, want.currents)
			sameVoltages(t, got.v, want.v)
			if string(got.counts) != string(want.counts) || string(got.pooled) != string(want.pooled) || got.spikes != want.spikes {
				t.Fatalf("%s: counts, pooled counts or spikes are not those of plain Go", tier.name)
			}
		}
	})
}
