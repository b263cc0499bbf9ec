package kernel

import (
	"math/rand/v2"
	"slices"
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
			ordered     []float32
			ranks       [2]Rank
			sums        [4]uint64
			translated  []uint8
			halved      []int32
		}
		var table [256]uint8
		for i := range table {
			table[i] = uint8(r.IntN(256))
		}
		ranks := [2]int{1 + r.IntN(len(l.src)), 1 + r.IntN(len(l.src))}
		second := append([]uint8(nil), l.src...)
		r.Shuffle(len(second), func(i, j int) { second[i], second[j] = second[j], second[i] })
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

			ordered, err := tier.NewOrderedFloat32Conv(w, values.weights, values.bias)
			if err != nil {
				t.Fatal(err)
			}
			a.ordered = make([]float32, w.Out.Len())
			for y := range w.Out.H {
				ordered.Row(a.ordered[y*w.Out.W*w.Out.C:], values.src, y, new(Workspace))
			}

			a.ranks[0], a.ranks[1] = tier.Ranks(l.src, ranks[0], ranks[1])
			a.sums[0], a.sums[1] = tier.Moments(l.src)
			a.translated = make([]uint8, len(l.src))
			tier.Translate(a.translated, l.src, &table)
			a.halved = make([]int32, len(l.src)/2)
			a.sums[2] = tier.HalveBytes(a.halved, l.src, second)
			a.sums[3] = tier.HalveSums(a.halved[:len(a.halved)/2], a.halved, append([]int32(nil), a.halved...))
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
			sameBits(t, got.ordered, want.ordered)
			if got.ranks != want.ranks || got.sums != want.sums || string(got.translated) != string(want.translated) || !slices.Equal(got.halved, want.halved) {
				t.Fatalf("%s: ranks, sums, translated or halved pixels are not those of plain Go", tier.name)
			}
			stepsAreTheirMaps(t, Tier{tier}, &l, second)
		}
	})
}

// stepsAreTheirMaps holds steps that a tier takes together, three and one, to the same maps by themselves.
func stepsAreTheirMaps(t *testing.T, tier Tier, l *layer, second []uint8) {
	c, err := tier.NewInt8Conv(l.window, l.weights, l.scale, l.bias)
	if err != nil {
		t.Fatal(err)
	}
	maps := [][]uint8{l.src, second, l.src}
	row := l.window.Out.W * l.window.Out.C
	var s Int8Steps
	for _, steps := range []int{3, 1} {
		if _, few := s.Open(c, slices.Concat(maps[:steps]...), steps); !few {
			continue
		}
		got, want := make([]float32, steps*row), make([]float32, row)
		for y := range l.window.Out.H {
			s.Rows(got, y)
			for step := range steps {
				c.Row(want, maps[step], y, new(Workspace))
				sameBits(t, got[step*row:][:row], want)
			}
		}
	}
}
