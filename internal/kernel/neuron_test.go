package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// awkward are the numbers at which a neuron step can go wrong.
var awkward = []float32{
	0, float32(math.Copysign(0, -1)), 1, -1, 0.5, 254.99998, 255, 255.5, 255.99998, 256, 256.5, 1e9, -1e9, math.MaxFloat32,
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.Nextafter32(1, 0), math.Nextafter32(1, 2),
	float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.Float32frombits(0xffc00001), 16777216, 2147483648, 4294967296,
}

func randomFloats(r *rand.Rand, n int, scale float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = (r.Float32()*2 - 1) * scale
		if r.IntN(8) == 0 {
			x[i] = awkward[r.IntN(len(awkward))]
		}
	}
	return x
}

// randomNeurons are voltages and currents, as awkward as they can be or as in a network but for one neuron at times.
func randomNeurons(r *rand.Rand, n int) (v, x []float32) {
	v, x = randomFloats(r, n, 2), randomFloats(r, n, 300)
	if r.IntN(2) == 0 {
		for i := range x {
			v[i], x[i] = r.Float32(), float32(r.NormFloat64()*20)
		}
		if n > 0 && r.IntN(2) == 0 {
			x[r.IntN(n)] = awkward[r.IntN(len(awkward))]
		}
	}
	return v, x
}

// sameVoltages is sameBits, but any NaN is as good as another: which of two NaNs a sum keeps is the processor's choice.
func sameVoltages(t testing.TB, got, want []float32) {
	t.Helper()
	for i := range want {
		if got[i] != got[i] && want[i] != want[i] {
			continue
		}
		sameBits(t, got[i:i+1], want[i:i+1])
	}
}

// TestNeuronStepsAreThoseOfGeneric also holds the steps to what is around their slices.
func TestNeuronStepsAreThoseOfGeneric(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(11, 12))
		for range 2000 {
			n := r.IntN(300)
			v, x := randomNeurons(r, n)
			v = append(v, 1)
			counts := slices.Repeat([]uint8{0xaa}, n+1)
			wantV, wantCounts := slices.Clone(v), slices.Clone(counts)
			var got, want [2]uint64
			// A product without a conversion could be fused with what the inlined step does with it.
			switch p := (LIF{r.Float32(), float32(r.Float32() * 3), r.IntN(2) == 0}); r.IntN(4) {
			case 0:
				dt := float32(r.Float32() * 2)
				want[0], want[1] = spikingReLUGeneric(wantCounts[:n], wantV[:n], x, dt)
				got[0], got[1] = tier.SpikingReLU(counts, v, x, dt)
			case 1:
				want[0] = lifGeneric(p, wantCounts[:n], wantV[:n], x)
				got[0] = tier.LIF(p, counts, v, x)
			case 2:
				p.Decay = 1
				for i := range x {
					x[i] = float32(math.Round(float64(x[i])))
				}
				p.Threshold = 1
				want[0] = lifGeneric(p, wantCounts[:n], wantV[:n], x)
				got[0] = tier.LIF(p, counts, v, x)
			case 3:
				g := Graded{p.Decay, uint8(1 + r.IntN(MaxCount))}
				if r.IntN(2) == 0 {
					g.Decay = 1
				}
				want[0] = gradedGeneric(g, wantCounts[:n], wantV[:n], x)
				got[0] = tier.Graded(g, counts, v, x)
			}
			if got != want {
				t.Fatalf("spikes and clipped are %v, want %v", got, want)
			}
			if !slices.Equal(counts, wantCounts) {
				t.Fatalf("counts are %v, want %v", counts, wantCounts)
			}
			sameVoltages(t, v, wantV)
		}
	})
}

// TestSpikingReLUKnownSteps is worked by hand.
func TestSpikingReLUKnownSteps(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		v, counts := []float32{0.5, 0.25, 0, 0, 3}, make([]uint8, 5)
		spikes, clipped := tier.SpikingReLU(counts, v, []float32{0.75, -9, 300, 127.75, 0}, 2)
		if want := []uint8{2, 0, 255, 255, 3}; !slices.Equal(counts, want) {
			t.Errorf("counts are %v, want %v", counts, want)
		}
		if want := []float32{0, 0.25, 345, 0.5, 0}; !slices.Equal(v, want) {
			t.Errorf("voltages are %v, want %v", v, want)
		}
		if spikes != 515 || clipped != 1 {
			t.Errorf("%d spikes and %d clipped, want 515 and 1", spikes, clipped)
		}
	})
}

// TestGradedKnownSteps is worked by hand.
func TestGradedKnownSteps(t *testing.T) {
	nan, inf, huge := float32(math.NaN()), float32(math.Inf(1)), float32(math.Ldexp(1, 100))
	onEveryTier(t, func(t *testing.T, tier Tier) {
		const times = 5 // more than a register
		for _, c := range []struct {
			p       Graded
			v, x    float32
			count   uint8
			left    float32
			nothing bool // left is not a number
		}{
			{Graded{1, 15}, 0.5, 2.25, 2, 0.75, false},
			{Graded{1, 15}, 0.5, 0.25, 0, 0.75, false},
			{Graded{1, 15}, 0.5, 0.5, 1, 0, false},
			{Graded{1, 15}, 0.5, -3, 0, -2.5, false}, // stays below zero
			{Graded{1, 15}, 0.5, 15.25, 15, 0.75, false},
			{Graded{1, 15}, 0.5, 15.75, 15, 1.25, false}, // the rest stays for the next step
			{Graded{1, 255}, 0, 300, 255, 45, false},
			{Graded{0.5, 3}, 4, 1.5, 3, 0.5, false},
			{Graded{0.5, 3}, 4, -1.5, 0, 0.5, false},
			{Graded{1, 1}, 0.75, 2.5, 1, 2.25, false},
			{Graded{1, 7}, 0, huge, 7, huge, false},
			{Graded{1, 7}, huge, -huge, 0, 0, false},
			{Graded{1, 7}, 0, inf, 7, inf, false},
			{Graded{1, 7}, 0, -inf, 0, -inf, false},
			{Graded{1, 7}, 0, nan, 0, 0, true},
			{Graded{1, 7}, nan, 3, 0, 0, true},
			{Graded{1, 7}, inf, -inf, 0, 0, true},
		} {
			for _, n := range []int{1, 15, 16, 33, 32 * times} {
				v, x, counts := slices.Repeat([]float32{c.v}, n), slices.Repeat([]float32{c.x}, n), make([]uint8, n)
				spikes := tier.Graded(c.p, counts, v, x)
				if spikes != uint64(n)*uint64(c.count) {
					t.Errorf("%+v, %v + %v: %d spikes of %d neurons", c.p, c.v, c.x, spikes, n)
				}
				for i := range n {
					if counts[i] != c.count || c.nothing != (v[i] != v[i]) || !c.nothing && v[i] != c.left {
						t.Fatalf("%+v, %v + %v: %d spikes and %v left, want %d and %v", c.p, c.v, c.x, counts[i], v[i], c.count, c.left)
					}
				}
			}
		}
	})
}

// TestGradedOfOneIsIntegrateAndFire compares the two ways to say the same neuron.
func TestGradedOfOneIsIntegrateAndFire(t *testing.T) {
	onEveryTier(t, func(t *testing.T, tier Tier) {
		r := rand.New(rand.NewPCG(17, 18))
		for range 200 {
			v, x := randomNeurons(r, r.IntN(200))
			wantV, counts, want := slices.Clone(v), make([]uint8, len(x)), make([]uint8, len(x))
			if got, fired := tier.Graded(Graded{0.75, 1}, counts, v, x), tier.LIF(LIF{0.75, 1, false}, want, wantV, x); got != fired || !slices.Equal(counts, want) {
				t.Fatalf("%d spikes %v, want %d %v", got, counts, fired, want)
			}
			sameVoltages(t, v, wantV)
		}
	})
}
